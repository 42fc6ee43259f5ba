"""Decode and detect once, and cut for every model that takes part."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.faces.extract import FaceCrop, FaceExtractor
from unmask.faces.face import Face
from unmask.faces.quality import sharpness
from unmask.prepare.video import SUFFIXES, encoded
from unmask.verdict.progress import Progress
from unmask.verdict.source import InputLimits, OpenInput
from unmask.video.reader import Frame
from unmask.video.sampling import uniform_frame_indices
from unmask.video.timeline import Timeline

# Frames kept as small pictures, and their longer side.
MAX_THUMBNAILS: Final = 12
THUMBNAIL_PX: Final = 640
_NO_PIXELS: Final = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Cut:
    """A way of cutting faces; models trained on equal crops share one.

    Args:
        extractor: Verifies, cuts and links.
        image_format: ``"jpeg"`` or ``"png"``.
    """

    extractor: FaceExtractor
    image_format: str


@dataclass(frozen=True, eq=False)
class KeptFace:
    """A verified face, with its crop as the training's store holds it.

    Args:
        crop: Without its pixels.
        content: The encoded crop.
    """

    crop: FaceCrop
    content: bytes
    sharpness: float


@dataclass(frozen=True, eq=False)
class FrameThumbnail:
    """A frame at a small size.

    Args:
        image: RGB, uint8.
        factor: Its width over the frame's.
    """

    index: int
    seconds: float
    image: NDArray[np.uint8]
    factor: float


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """What was found in a file.

    Args:
        timeline: When each frame is shown.
        frames: Index, seconds and number of detected faces of each frame looked at.
        faces: By cut: the verified faces in order of time, with tracks as the first cut links them;
            a track that the first cut does not know is left out.
        thumbnails: Some of the frames.
    """

    timeline: Timeline
    frames: list[tuple[int, float, int]]
    faces: list[list[KeptFace]]
    thumbnails: list[FrameThumbnail]


def find_faces(
    source: OpenInput, cuts: Sequence[Cut], *, limits: InputLimits, progress: Progress
) -> FoundFaces:
    """Look for faces in the frames of a source.

    Frames come in small batches and only encoded crops are kept, so that memory grows by the
    crops' bytes alone, some 15 kB for each face in each frame.

    Args:
        cuts: At least one; the first one's extractor samples, reads and detects for all.

    Raises:
        VideoError: If the source cannot be read or is larger than allowed.
    """
    first = cuts[0].extractor
    progress.at("faces", 0.0)
    with progress.timing("decode"):
        timeline, indices = first.choose(source.path, source.read_as)
    limits.check(source.name, timeline, indices, source.read_as)
    places = uniform_frame_indices(len(indices), min(MAX_THUMBNAILS, len(indices)))
    shown = {indices[place] for place in places}
    kept: list[list[KeptFace]] = [[] for _ in cuts]
    frames_seen: list[tuple[int, float, int]] = []
    thumbnails: list[FrameThumbnail] = []
    batches = first.read(source.path, source.read_as, timeline, indices)
    for frames in progress.timed("decode", batches):
        with progress.timing("detect"):
            faces = first.detector([frame.image for frame in frames])
        for cut, own in zip(cuts, kept, strict=True):
            own += _kept(cut, frames, faces, progress)
        frames_seen += [
            (frame.index, frame.pts_seconds, len(found))
            for frame, found in zip(frames, faces, strict=True)
        ]
        thumbnails += [_thumbnail(frame) for frame in frames if frame.index in shown]
        progress.at("faces", 0.7 * len(frames_seen) / len(indices))
    linked = [_linked(cut, own) for cut, own in zip(cuts, kept, strict=True)]
    renamed = [linked[0], *(_with_tracks_of(linked[0], others) for others in linked[1:])]
    return FoundFaces(timeline, frames_seen, renamed, thumbnails)


def _kept(
    cut: Cut, frames: Sequence[Frame], faces: Sequence[Sequence[Face]], progress: Progress
) -> list[KeptFace]:
    with progress.timing("crop"):
        return [
            KeptFace(
                crop=replace(crop, image=_NO_PIXELS),
                content=encoded(crop.image, SUFFIXES[cut.image_format]),
                sharpness=sharpness(crop.image),
            )
            for crop in cut.extractor.cut(frames, faces)
        ]


def _linked(cut: Cut, faces: list[KeptFace]) -> list[KeptFace]:
    if not faces:
        return []
    crops = cut.extractor.link([face.crop for face in faces])
    return [replace(face, crop=crop) for face, crop in zip(faces, crops, strict=True)]


def _with_tracks_of(reference: list[KeptFace], faces: list[KeptFace]) -> list[KeptFace]:
    """Name the tracks of one cut as another does, by the detected faces that they share.

    Two cuts differ where a verifier keeps a face in the one crop and not in the other.
    """
    track_of = {id(face.crop.face): face.crop.track_id for face in reference}
    shared: dict[int, Counter[int]] = {}
    for face in faces:
        known = track_of.get(id(face.crop.face))
        if known is not None:
            shared.setdefault(face.crop.track_id, Counter())[known] += 1
    named: dict[int, int] = {}
    for track, counts in sorted(shared.items(), key=lambda item: -item[1].total()):
        free = [(count, -name) for name, count in counts.items() if name not in named.values()]
        if free:
            named[track] = -max(free)[1]
    return [
        replace(face, crop=replace(face.crop, track_id=named[face.crop.track_id]))
        for face in faces
        if face.crop.track_id in named
    ]


def _thumbnail(frame: Frame) -> FrameThumbnail:
    height, width = frame.image.shape[:2]
    factor = min(THUMBNAIL_PX / max(height, width), 1.0)
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    image = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
    return FrameThumbnail(
        frame.index, frame.pts_seconds, np.asarray(image, np.uint8), size[0] / width
    )

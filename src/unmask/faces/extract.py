"""From one file to its face crops: a function of plain data that runs anywhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import VideoError
from unmask.faces.crop import Cropper, SquareCropper
from unmask.faces.detect import MTCNNDetector
from unmask.faces.face import Face, FaceDetector
from unmask.faces.track import IoUTracker
from unmask.faces.verify import MTCNNVerifier
from unmask.video.frames import FramesReader
from unmask.video.reader import Frame, FrameReader, ImageReader, PyAVReader
from unmask.video.sampling import SamplingPolicy, UniformSampling
from unmask.video.timeline import Timeline

# Part of what a store of crops is named by; raise it when a change to this package alters pixels.
EXTRACTION_VERSION = 3

# Frames held at once, and the pixels of all of them: 8 frames of 4K, or one of the largest. Where
# sizes differ, one frame of any size may come on top.
FRAMES_AT_ONCE = 8
PIXELS_AT_ONCE = 2**26


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """One verified face in one frame, cut out.

    Args:
        track_id: 0 is the track with the largest summed face area.
        frame_index: Index of the frame in presentation order.
        pts_seconds: When the frame is shown.
        face: Box and landmarks in pixels of the upright frame, and the detector's probability.
        verifier_prob: Probability of a face in its place in the crop; NaN where nothing looked.
        crop_box: The square that was cut, xyxy, in pixels of the upright frame.
        image: RGB, ``(crop_size, crop_size, 3)``, uint8.
        frame_size: Width and height of the upright frame in pixels.
    """

    track_id: int
    frame_index: int
    pts_seconds: float
    face: Face
    verifier_prob: float
    crop_box: tuple[int, int, int, int]
    image: NDArray[np.uint8]
    frame_size: tuple[int, int]


@dataclass(frozen=True)
class FaceExtractor:
    """Sample, read, detect, crop, verify and link.

    Args:
        sampling: Chooses the frames of a video.
        detector: Finds faces in frames.
        cropper: Cuts them out of the full frame.
        verifier: Looks at each crop again; None keeps every face, with a probability of 1.
        tracker: Links faces into tracks.
        max_tracks: Keep so many tracks, the largest first; None keeps all.
        frames_reader: Reads folders of frames.
    """

    reader: FrameReader = field(default_factory=PyAVReader)
    sampling: SamplingPolicy = field(default_factory=UniformSampling)
    detector: FaceDetector = field(default_factory=MTCNNDetector)
    cropper: Cropper = field(default_factory=SquareCropper)
    verifier: MTCNNVerifier | None = field(default_factory=MTCNNVerifier)
    tracker: IoUTracker = field(default_factory=IoUTracker)
    max_tracks: int | None = None
    image_reader: FrameReader = field(default_factory=ImageReader)
    frames_reader: FrameReader = field(default_factory=FramesReader)

    def __post_init__(self) -> None:
        if self.max_tracks is not None and self.max_tracks < 1:
            raise ValueError(f"max_tracks must be at least 1 or null, got {self.max_tracks}.")

    def extract(self, path: Path, kind: str) -> list[FaceCrop]:
        """Cut the faces out of one video or image.

        Args:
            kind: ``"video"``, ``"image"`` or ``"frames"``, a folder of images.

        Returns:
            Its crops in order of time, at least one.

        Raises:
            ValueError: If ``kind`` is none of them.
            VideoError: If the file cannot be read, or with the reason ``no_face`` or
                ``no_verified_face`` if no face is found or none is found again in its crop.
        """
        timeline, indices = self.choose(path, kind)
        num_detected, crops = 0, []
        for frames in self.read(path, kind, timeline, indices):
            faces = self.detector([frame.image for frame in frames])
            num_detected += sum(map(len, faces))
            crops += self.cut(frames, faces)
        if not crops:
            reason = "no_verified_face" if num_detected else "no_face"
            raise VideoError(
                f"{path} shows no face that can be used: {num_detected} found in {len(indices)} "
                f"frame(s), {len(crops)} confirmed in the crop.",
                reason=reason,
            )
        return self.link(crops)

    def choose(self, path: Path, kind: str) -> tuple[Timeline, list[int]]:
        """Return when each frame of a file is shown and which of them to look at.

        Raises:
            ValueError: If ``kind`` is unknown.
            VideoError: If the file cannot be read.
        """
        timeline = self.reader_of(kind).timeline(path)
        return timeline, self.sampling(timeline.pts, timeline.time_base)

    def read(
        self, path: Path, kind: str, timeline: Timeline, indices: Sequence[int]
    ) -> Iterator[list[Frame]]:
        """Yield the frames at ``indices`` in order, as many at once as memory allows.

        Args:
            timeline: What :meth:`choose` returned for it.
            indices: The frames that it chose.

        Raises:
            VideoError: If a frame cannot be decoded.
        """
        batch: list[Frame] = []
        num_pixels = 0
        for frame in self.reader_of(kind).read(path, timeline, indices):
            batch.append(frame)
            # The frame's own size: a file declares that of its first frame.
            own = frame.image.shape[0] * frame.image.shape[1]
            num_pixels += own
            if len(batch) == FRAMES_AT_ONCE or num_pixels + own > PIXELS_AT_ONCE:
                yield batch
                batch, num_pixels = [], 0
        if batch:
            yield batch

    def cut(
        self, frames: Sequence[Frame], faces_of_frames: Sequence[Sequence[Face]]
    ) -> list[FaceCrop]:
        """Cut faces out of their frames and keep those that the verifier finds again.

        Args:
            frames: What :meth:`read` yielded.
            faces_of_frames: What the detector found in each.

        Returns:
            The crops in the order of the frames, not linked: each is of track 0.
        """
        return self._verified(list(self._crops_of(frames, faces_of_frames)))

    def reader_of(self, kind: str) -> FrameReader:
        """Return what reads ``"video"``, ``"image"`` or ``"frames"``, a folder of images.

        Raises:
            ValueError: If ``kind`` is none of them.
        """
        readers = {"video": self.reader, "image": self.image_reader, "frames": self.frames_reader}
        if kind not in readers:
            raise ValueError(f"kind must be one of {', '.join(readers)}, got {kind!r}.")
        return readers[kind]

    def middle_frame(self, path: Path, kind: str) -> NDArray[np.uint8]:
        """Return the middle one of the frames that :meth:`extract` looks at, RGB, uint8.

        Raises:
            ValueError: If ``kind`` is neither ``"video"`` nor ``"image"``.
            VideoError: If the file cannot be read.
        """
        reader = self.reader_of(kind)
        timeline = reader.timeline(path)
        indices = self.sampling(timeline.pts, timeline.time_base)
        (frame,) = reader.read(path, timeline, [indices[len(indices) // 2]])
        return frame.image

    def _crops_of(
        self, frames: Sequence[Frame], faces_of_frames: Sequence[Sequence[Face]]
    ) -> Iterator[FaceCrop]:
        """Cut; the track and the verifier's probability are filled in later."""
        for frame, faces in zip(frames, faces_of_frames, strict=True):
            for face in faces:
                image, square = self.cropper(frame.image, face)
                size = (frame.image.shape[1], frame.image.shape[0])
                yield FaceCrop(0, frame.index, frame.pts_seconds, face, 1.0, square, image, size)

    def _verified(self, crops: Sequence[FaceCrop]) -> list[FaceCrop]:
        if self.verifier is None:
            return list(crops)
        expected = [self.cropper.box_in_crop(crop.face, crop.crop_box) for crop in crops]
        probs = self.verifier([crop.image for crop in crops], expected)
        return [
            replace(crop, verifier_prob=prob)
            for crop, prob in zip(crops, probs, strict=True)
            if prob >= self.verifier.min_prob
        ]

    def link(self, crops: Sequence[FaceCrop]) -> list[FaceCrop]:
        """Give the crops of all frames, in order of time, their tracks; drop those too many."""
        by_frame: dict[int, list[FaceCrop]] = {}
        for crop in crops:
            by_frame.setdefault(crop.frame_index, []).append(crop)
        boxes = [np.stack([crop.face.box for crop in group]) for group in by_frame.values()]
        return [
            replace(crop, track_id=track)
            for group, tracks in zip(by_frame.values(), self.tracker(boxes), strict=True)
            for crop, track in zip(group, tracks, strict=True)
            if self.max_tracks is None or track < self.max_tracks
        ]

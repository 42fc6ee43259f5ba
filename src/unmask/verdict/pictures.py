"""Pictures of the evidence: frames with their faces marked, and the crops that were scored."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.verdicts import Verdict
from unmask.prepare.video import encoded
from unmask.verdict.evidence import EvidencePicture, Track
from unmask.verdict.faces import FrameThumbnail, KeptFace
from unmask.video.sampling import uniform_frame_indices

Image = NDArray[np.uint8]

CROPS_PER_TRACK: Final = 6
# RGB; legible beside each other for those who cannot tell red from green.
COLOURS: Final[dict[Verdict, tuple[int, int, int]]] = {
    "real": (0, 114, 178),
    "fake": (213, 94, 0),
    "uncertain": (230, 159, 0),
    "no_face": (120, 120, 120),
}


def frame_pictures(
    thumbnails: Sequence[FrameThumbnail], tracks: Sequence[Track]
) -> list[EvidencePicture]:
    """Mark every person in the small frames that were kept."""
    return [_marked(thumbnail, tracks) for thumbnail in thumbnails]


def crop_pictures(faces: Sequence[KeptFace], tracks: Sequence[Track]) -> list[EvidencePicture]:
    """Take some crops of each person, spread over the time that they are seen."""
    pictures = []
    for track in tracks:
        own = [face for face in faces if face.crop.track_id == track.track_id]
        for place in uniform_frame_indices(len(own), min(CROPS_PER_TRACK, len(own))):
            crop = own[place].crop
            caption = f"{track.name}, {crop.pts_seconds:.1f} s"
            pictures.append(
                EvidencePicture("crop", crop.frame_index, crop.pts_seconds, track.track_id,
                        own[place].content, caption)
            )  # fmt: skip
    return pictures


def _marked(thumbnail: FrameThumbnail, tracks: Sequence[Track]) -> EvidencePicture:
    image = thumbnail.image.copy()
    names = []
    for track in tracks:
        for face in track.faces:
            if face.frame == thumbnail.index:
                _draw(image, track, [round(end * thumbnail.factor) for end in face.box])
                names.append(f"{track.name}: {track.verdict}")
    caption = f"{thumbnail.seconds:.1f} s" + (f"; {', '.join(names)}" if names else "; no face")
    return EvidencePicture(
        "frame", thumbnail.index, thumbnail.seconds, None, encoded(image, ".jpg"), caption
    )


def _draw(image: Image, track: Track, box: Sequence[int]) -> None:
    x1, y1, x2, y2 = box
    colour = COLOURS[track.verdict]
    width = max(round(max(image.shape[:2]) / 240), 1)
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, width)
    text, scale = f"{track.track_id + 1} {track.verdict}", max(max(image.shape[:2]) / 1200, 0.45)
    (text_width, text_height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, width)
    top = max(y1 - text_height - 4, 0)
    cv2.rectangle(image, (x1, top), (x1 + text_width + 4, top + text_height + 4), colour, -1)
    cv2.putText(
        image, text, (x1 + 2, top + text_height + 1), cv2.FONT_HERSHEY_SIMPLEX, scale,
        (255, 255, 255), width, cv2.LINE_AA,
    )  # fmt: skip

"""A video of a face alone, as system D trains on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from unmask.faces.extract import FaceCrop
from unmask.video.writer import write_video


@dataclass(frozen=True)
class FaceVideo:
    """Write the crops of a video's largest track, in order of time, as a video of their own.

    System D does so with the first 150 frames of a video: sample these with ``FirstSampling``.

    Args:
        size: Side of the picture in pixels, even.
        frames_per_second: Rate of playback, independent of the distance of the frames.
        max_frames: Frames at most; later ones are left out.
        crf: Constant rate factor of the H.264 encoder in [0, 51].
    """

    size: int = 112
    frames_per_second: int = 30
    max_frames: int = 150
    crf: int = 18

    def __post_init__(self) -> None:
        if self.size < 16 or self.size % 2:
            raise ValueError(f"size must be even and at least 16, got {self.size}.")
        for name in ("frames_per_second", "max_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf must lie in [0, 51], got {self.crf}.")

    def write(self, path: Path, crops: Sequence[FaceCrop]) -> None:
        """Write one face video, whole or not at all.

        Args:
            path: An ``.mp4`` file.
            crops: All crops of one video, at least one of track 0.
        """
        main = sorted(
            (crop for crop in crops if crop.track_id == 0), key=lambda crop: crop.frame_index
        )
        side = (self.size, self.size)
        frames = (
            np.asarray(cv2.resize(crop.image, side, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            for crop in main[: self.max_frames]
        )
        write_video(path, frames, fps=self.frames_per_second, crf=self.crf)

"""Look at each crop again: is there a face where one was found?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.faces.boxes import iou
from unmask.faces.detect import MTCNNDetector


@dataclass(frozen=True)
class MTCNNVerifier:
    """Run MTCNN a second time, on the crop alone, as system A does.

    Args:
        min_prob: Least probability of a crop that is kept.
        min_face_fraction: Side of the smallest face to look for, as a fraction of the crop's.
        min_iou: Least overlap of the face found in the crop with the one it was cut for.
        device: Where the networks run; ``"auto"`` for a GPU when there is one.
    """

    min_prob: float = 0.9
    min_face_fraction: float = 1 / 3
    min_iou: float = 0.3
    batch_size: int = 32
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("min_prob", "min_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}.")
        if not 0 < self.min_face_fraction < 1:
            raise ValueError(
                f"min_face_fraction must lie between 0 and 1, got {self.min_face_fraction}."
            )
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}.")

    def __call__(
        self, crops: Sequence[NDArray[np.uint8]], boxes: Sequence[NDArray[np.float64]]
    ) -> list[float]:
        """Return the probability that each crop shows the face it was cut for.

        Args:
            crops: RGB, each ``(side, side, 3)``, uint8, all of one side.
            boxes: Where the face is expected, each xyxy, ``(4,)``, in pixels of the crop.

        Returns:
            One probability per crop in [0, 1]; 0 where no face is found in its place.
        """
        if not crops:
            return []
        side = crops[0].shape[0]
        detector = MTCNNDetector(
            min_face_px=max(round(side * self.min_face_fraction), 12),
            longer_side=side,
            batch_size=self.batch_size,
            min_prob=0,
            device=self.device,
        )
        probs = []
        for faces, expected in zip(detector(crops), boxes, strict=True):
            overlaps = [iou(face.box[None], expected[None]).item() for face in faces]
            in_place = [
                face.prob
                for face, overlap in zip(faces, overlaps, strict=True)
                if overlap >= self.min_iou
            ]
            probs.append(max(in_place, default=0.0))
        return probs

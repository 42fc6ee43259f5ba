"""The faces of a frame, as a detector found them or a data set annotates them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one frame.

    Args:
        box: xyxy, ``(4,)``, in pixels of the frame; it may reach a little beyond the frame.
        landmarks: Left eye, right eye, nose, left and right corner of the mouth as they lie in the
            picture, ``(5, 2)``, x and y in pixels of the frame; NaN where the box was annotated.
        prob: The detector's probability that this is a face, in [0, 1]; NaN where the box was
            annotated.
    """

    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    prob: float


class FaceDetector(Protocol):
    """What finds the faces of frames."""

    def __call__(self, frames: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """Find the faces of each frame.

        Args:
            frames: RGB, each ``(height, width, 3)``, uint8; sizes may differ.

        Returns:
            The faces of each frame, the largest first.
        """

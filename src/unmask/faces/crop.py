"""Cut a square around a face out of the full frame."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.faces.boxes import square_in_frame
from unmask.faces.face import Face


class Cropper(Protocol):
    """What cuts a face out of a frame."""

    # Whether the box alone is not enough to cut by.
    needs_landmarks: ClassVar[bool]

    @property
    def crop_size(self) -> int:
        """Side of the crop in pixels."""

    def __call__(
        self, frame: NDArray[np.uint8], face: Face
    ) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
        """Cut one face out.

        Args:
            frame: RGB, ``(height, width, 3)``, uint8.
            face: In pixels of ``frame``.

        Returns:
            The crop, RGB, ``(crop_size, crop_size, 3)``, uint8, and the square of the frame that it
            shows, xyxy.
        """

    def box_in_crop(self, face: Face, square: tuple[int, int, int, int]) -> NDArray[np.float64]:
        """Return where the face's box lies in its crop, xyxy, ``(4,)``, in pixels of the crop."""


@dataclass(frozen=True)
class SquareCropper:
    """Cut a square around the face's box and scale it.

    At the border of a frame the square is shifted inwards and its margin reduced rather than
    filled; only along an axis on which the frame is smaller than the face itself, its edge pixels
    are repeated.

    Args:
        crop_size: Side of the crop in pixels.
        margin: Side of the square over the longer side of the visible part of the box.
    """

    needs_landmarks: ClassVar[bool] = False

    crop_size: int = 224
    margin: float = 1.3

    def __post_init__(self) -> None:
        if self.crop_size < 16:
            raise ValueError(f"crop_size must be at least 16, got {self.crop_size}.")
        if not 1 <= self.margin <= 4:
            raise ValueError(f"margin must lie in [1, 4], got {self.margin}.")

    def __call__(
        self, frame: NDArray[np.uint8], face: Face
    ) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
        """Cut one face out.

        Args:
            frame: RGB, ``(height, width, 3)``, uint8.
            face: With its box in pixels of ``frame``.

        Returns:
            The crop, RGB, ``(crop_size, crop_size, 3)``, uint8, and the square that was cut, xyxy.
        """
        height, width = frame.shape[:2]
        square = square_in_frame(face.box, margin=self.margin, width=width, height=height)
        x1, y1, x2, y2 = square
        inner = frame[max(y1, 0) : y2, max(x1, 0) : x2]
        # Where nothing has to be added, this returns a copy.
        padded = cv2.copyMakeBorder(
            inner,
            max(-y1, 0),
            max(y2 - height, 0),
            max(-x1, 0),
            max(x2 - width, 0),
            cv2.BORDER_REPLICATE,
        )
        is_reduced = x2 - x1 > self.crop_size
        interpolation = cv2.INTER_AREA if is_reduced else cv2.INTER_CUBIC
        crop = cv2.resize(padded, (self.crop_size, self.crop_size), interpolation=interpolation)
        return np.asarray(crop, dtype=np.uint8), square

    def box_in_crop(self, face: Face, square: tuple[int, int, int, int]) -> NDArray[np.float64]:
        """Return where the face's box lies in its crop; see :func:`box_in_crop`."""
        return box_in_crop(face.box, square, crop_size=self.crop_size)


def box_in_crop(
    box: NDArray[np.float64], square: tuple[int, int, int, int], *, crop_size: int
) -> NDArray[np.float64]:
    """Map a box from a frame into the crop that was cut from it.

    Args:
        box: xyxy, ``(4,)``, in pixels of the frame.
        square: xyxy, what was cut.
        crop_size: Side of the crop in pixels.

    Returns:
        xyxy, ``(4,)``, in pixels of the crop.

    Example:
        >>> box_in_crop(np.array([20.0, 30, 40, 50]), (10, 20, 50, 60), crop_size=80)
        array([20., 20., 60., 60.])
    """
    scale = crop_size / (square[2] - square[0])
    mapped: NDArray[np.float64] = (box - np.tile(square[:2], 2)) * scale
    return mapped

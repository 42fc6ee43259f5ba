"""Cut a face out so that its eyes, nose and mouth always lie in the same places."""

from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.faces.face import Face

# Where ArcFace has the five points in a picture of 112 x 112; Deng et al., CVPR 2019.
ARCFACE_SIDE: Final = 112
ARCFACE_POINTS: Final = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)


@dataclass(frozen=True)
class AlignedCropper:
    """Turn, scale and move a face so that its five points come closest to ArcFace's template.

    Many published frame data sets are cut this way, with a scale of 1.3. What lies outside the
    frame repeats its edge. The landmarks in ``faces.parquet`` are enough to cut the same again.

    Args:
        crop_size: Side of the crop in pixels.
        scale: Side of what is cut over that of the template, which ends at chin and forehead.
    """

    needs_landmarks: ClassVar[bool] = True

    crop_size: int = 224
    scale: float = 1.3

    def __post_init__(self) -> None:
        if self.crop_size < 16:
            raise ValueError(f"crop_size must be at least 16, got {self.crop_size}.")
        if not 1 <= self.scale <= 4:
            raise ValueError(f"scale must lie in [1, 4], got {self.scale}.")

    def __call__(
        self, frame: NDArray[np.uint8], face: Face
    ) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
        """Cut one face out.

        Args:
            frame: RGB, ``(height, width, 3)``, uint8.
            face: With its landmarks in pixels of ``frame``.

        Returns:
            The crop, RGB, ``(crop_size, crop_size, 3)``, uint8, and the upright square around what
            was cut, xyxy, in whole pixels of the frame; it may reach beyond the frame.
        """
        matrix = self._matrix(face)
        # Warping takes single pixels; where it reduces, warp to a larger picture and average.
        times = min(max(ceil(1 / np.hypot(*matrix[:, 0])), 1), 8)
        side = self.crop_size * times
        # A pixel's centre lies at half a pixel.
        shift = np.array([[0, 0, (times - 1) / 2]] * 2)
        warped = cv2.warpAffine(
            frame,
            matrix * times + shift,
            (side, side),
            flags=cv2.INTER_LINEAR if times > 1 else cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        crop = cv2.resize(warped, (self.crop_size, self.crop_size), interpolation=cv2.INTER_AREA)
        return np.asarray(crop, dtype=np.uint8), self._square(matrix)

    def box_in_crop(
        self,
        face: Face,
        square: tuple[int, int, int, int],  # noqa: ARG002 - the landmarks decide
    ) -> NDArray[np.float64]:
        """Return where the face's box lies in its crop: the upright box around its turned corners.

        Args:
            face: In pixels of the frame.

        Returns:
            xyxy, ``(4,)``, in pixels of the crop.
        """
        x1, y1, x2, y2 = face.box
        corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
        matrix = self._matrix(face)
        mapped = corners @ matrix[:, :2].T + matrix[:, 2]
        box: NDArray[np.float64] = np.concatenate([mapped.min(axis=0), mapped.max(axis=0)])
        return box

    def _matrix(self, face: Face) -> NDArray[np.float64]:
        """Map the frame into the crop, ``(2, 3)``."""
        middle = ARCFACE_SIDE / 2
        template = ((ARCFACE_POINTS - middle) / self.scale + middle) / ARCFACE_SIDE
        return similarity(face.landmarks, template * self.crop_size)

    def _square(self, matrix: NDArray[np.float64]) -> tuple[int, int, int, int]:
        inverse = np.linalg.inv(matrix[:, :2])
        middle = inverse @ (np.full(2, self.crop_size / 2) - matrix[:, 2])
        # A square of side s, turned, has a square of side s (|cos| + |sin|) around it.
        side = max(round(float(np.abs(inverse[0]).sum()) * self.crop_size), 1)
        x1, y1 = (round(float(value) - side / 2) for value in middle)
        return x1, y1, x1 + side, y1 + side


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the turn, scale and shift that bring points closest to others, by least squares.

    The map never mirrors: with points as complex numbers, it is the ``a z + b`` of linear
    regression.

    Args:
        source: ``(n, 2)``, x and y of at least two distinct points; where all are one point, it is
            moved and not scaled.
        target: ``(n, 2)``.

    Returns:
        ``(2, 3)``, to be applied as ``matrix[:, :2] @ point + matrix[:, 2]``.

    Example:
        >>> square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
        >>> similarity(square, 2 * square + 3)
        array([[ 2., -0.,  3.],
               [ 0.,  2.,  3.]])
    """
    z = source[:, 0] + 1j * source[:, 1]
    w = target[:, 0] + 1j * target[:, 1]
    spread = float((np.abs(z - z.mean()) ** 2).sum())
    a = complex((np.conj(z - z.mean()) * (w - w.mean())).sum() / spread) if spread > 0 else 1 + 0j
    b = complex(w.mean() - a * z.mean())
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])

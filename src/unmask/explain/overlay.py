"""Heat maps laid over the frames, in colours whose order can be seen."""

from typing import Final

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

Image = NDArray[np.uint8]

# Lightness grows evenly along it, and none of its colours is that of skin or lips. Its first half
# is darker than mid-grey: little heat would darken a face and much would brighten it.
COLOUR_MAP: Final = "viridis"
FIRST_COLOUR: Final = 0.55
OPACITY: Final = 0.8


def overlay(frames: Image, maps: NDArray[np.float32], *, opacity: float = OPACITY) -> Image:
    """Lay heat maps over frames.

    A place without heat looks as it is. The colour, and how much of it is seen, grow with the heat,
    the latter with its square root, or a half would be hardly seen on a dark face.

    Args:
        frames: RGB, ``(frames, height, width, 3)``, uint8.
        maps: In [0, 1], ``(frames, height, width)``.
        opacity: Share of the colour where the heat is 1, in [0, 1].

    Returns:
        RGB, ``(frames, height, width, 3)``, uint8.

    Raises:
        ValueError: If shapes or ranges do not fit.

    Example:
        >>> frame = np.full((1, 1, 2, 3), 200, np.uint8)
        >>> overlay(frame, np.array([[[0, 1]]], np.float32), opacity=1)[0, 0].tolist()
        [[200, 200, 200], [253, 231, 37]]
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise ValueError(
            "frames must be (frames, height, width, 3) of uint8, got "
            f"{frames.shape} of {frames.dtype}."
        )
    if maps.shape != frames.shape[:3]:
        raise ValueError(f"maps must be {frames.shape[:3]} like frames, got {maps.shape}.")
    if not (np.isfinite(maps).all() and maps.min() >= 0 and maps.max() <= 1):
        raise ValueError("maps must lie in [0, 1].")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must be in [0, 1], got {opacity}.")
    colours = (
        255 * np.asarray(colormaps[COLOUR_MAP](FIRST_COLOUR + (1 - FIRST_COLOUR) * maps))[..., :3]
    )
    share = opacity * np.sqrt(maps)[..., None]
    laid: Image = np.rint((1 - share) * frames + share * colours).astype(np.uint8)
    return laid


def colour_scale(height: int, width: int, *, opacity: float = OPACITY) -> Image:
    """Draw the colours from 0 on the left to 1 on the right, as they look over mid-grey.

    Args:
        height: In pixels.
        width: In pixels.
        opacity: As of :func:`overlay`.

    Returns:
        RGB, ``(height, width, 3)``, uint8.
    """
    grey = np.full((1, height, width, 3), 127, dtype=np.uint8)
    heat = np.tile(np.linspace(0, 1, width, dtype=np.float32), (1, height, 1))
    scale: Image = overlay(grey, heat, opacity=opacity)[0]
    return scale

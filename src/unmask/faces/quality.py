"""How much of a face a crop shows: what a verdict on it can be worth."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Sharpness depends on scale, so every crop is measured at this side.
MEASURED_PX = 224


def sharpness(crop: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of a crop, at 224 px.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000. It is a coarse
    measure: noise counts as detail, and a smooth skin as blur.

    Args:
        crop: RGB, ``(side, side, 3)``, uint8.

    Returns:
        At least 0, in squared steps of 8 bits; a flat picture has 0.

    Example:
        >>> sharpness(np.full((64, 64, 3), 90, np.uint8))
        0.0
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    if grey.shape[0] != MEASURED_PX:
        is_reduced = grey.shape[0] > MEASURED_PX
        grey = cv2.resize(
            grey,
            (MEASURED_PX, MEASURED_PX),
            interpolation=cv2.INTER_AREA if is_reduced else cv2.INTER_CUBIC,
        )
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())

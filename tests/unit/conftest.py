"""Pictures and files that the tests of several parts need."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Image = NDArray[np.uint8]

# Each part of the drawn face: centre and half axes in face sizes, colour.
FACE_PARTS = [
    ((0.0, -0.1), (0.47, 0.62), (60, 45, 35)),  # hair
    ((0.0, 0.03), (0.40, 0.53), (224, 182, 156)),  # skin
    *(
        part
        for side in (-1, 1)
        for part in (
            ((side * 0.17, -0.08), (0.085, 0.045), (245, 245, 245)),
            ((side * 0.17, -0.08), (0.04, 0.042), (70, 50, 40)),
            ((side * 0.17, -0.08), (0.018, 0.02), (10, 10, 10)),
            ((side * 0.17, -0.19), (0.11, 0.022), (70, 50, 40)),
            ((side * 0.03, 0.16), (0.025, 0.018), (150, 105, 90)),
        )
    ),
    ((0.0, 0.08), (0.03, 0.12), (212, 165, 140)),  # nose
    ((0.0, 0.30), (0.14, 0.045), (180, 90, 90)),  # lips
    ((0.0, 0.30), (0.11, 0.012), (110, 50, 55)),
]


def draw_faces(
    centres: list[tuple[int, int]], *, width: int = 320, height: int = 240, size: int = 100
) -> Image:
    """Draw faces that MTCNN finds; ``size`` is about their height in pixels."""
    scale = 4
    image = np.full((height * scale, width * scale, 3), (150, 160, 170), np.uint8)
    for x, y in centres:
        for (across, down), (half_width, half_height), colour in FACE_PARTS:
            centre = (int((x + across * size) * scale), int((y + down * size) * scale))
            axes = (int(half_width * size * scale), int(half_height * size * scale))
            cv2.ellipse(image, centre, axes, 0, 0, 360, colour, -1)
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.2), dtype=np.uint8)


@pytest.fixture(scope="session", name="draw_faces")
def draw_faces_fixture() -> Callable[..., Image]:
    return draw_faces

import cv2
import numpy as np

from unmask.faces.quality import sharpness


def test_blur_lowers_sharpness_at_every_scale() -> None:
    pattern = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    values = [sharpness(pattern)]
    values += [sharpness(cv2.GaussianBlur(pattern, (0, 0), sigma)) for sigma in (1, 3, 9)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 15 < values[0]


def test_an_enlarged_crop_is_as_unsharp_as_it_looks() -> None:
    pattern = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    small = sharpness(pattern)
    full = sharpness(np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8))
    assert small < full / 4

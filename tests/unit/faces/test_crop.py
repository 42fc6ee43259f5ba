from collections.abc import Callable

import numpy as np
import pytest

from unmask.faces.crop import SquareCropper
from unmask.faces.face import Face


def face_at(*box: float) -> Face:
    return Face(np.array(box, dtype=float), np.zeros((5, 2)), 1.0)


@pytest.fixture
def frame() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (100, 140, 3), dtype=np.uint8)


def test_a_crop_of_its_own_size_is_the_part_of_the_frame(frame: np.ndarray) -> None:
    crop, square = SquareCropper(crop_size=40, margin=1.0)(frame, face_at(30, 20, 70, 60))
    assert square == (30, 20, 70, 60)
    np.testing.assert_array_equal(crop, frame[20:60, 30:70])


def test_margin_widens_the_square(frame: np.ndarray) -> None:
    _, square = SquareCropper(margin=1.5)(frame, face_at(40, 30, 80, 70))
    assert square == (30, 20, 90, 80)


def test_at_the_border_the_square_is_shifted_inside(frame: np.ndarray) -> None:
    crop, square = SquareCropper(crop_size=40, margin=1.0)(frame, face_at(-20, 70, 20, 110))
    assert square == (0, 60, 40, 100)
    np.testing.assert_array_equal(crop, frame[60:, :40])


def test_beyond_a_small_frame_edges_are_repeated() -> None:
    frame = np.zeros((40, 100, 3), np.uint8)
    frame[0], frame[-1] = 10, 200
    crop, (_, y1, _, y2) = SquareCropper(crop_size=60, margin=1.5)(frame, face_at(30, 0, 60, 40))
    assert (y1, y2) == (-10, 50)
    assert (crop[:10] == 10).all()
    assert (crop[-10:] == 200).all()


@pytest.mark.parametrize("size", [16, 224])
def test_crops_have_the_size_asked_for(frame: np.ndarray, size: int) -> None:
    crop, _ = SquareCropper(crop_size=size)(frame, face_at(30, 20, 70, 60))
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SquareCropper(crop_size=8), "crop_size must be at least 16, got 8"),
        (lambda: SquareCropper(margin=0.5), r"margin must lie in \[1, 4\], got 0.5"),
    ],
)
def test_bad_knobs_are_named(make: Callable[[], SquareCropper], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.faces.boxes import square_in_frame
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
    crop, square = SquareCropper(crop_size=40, margin=1.0)(frame, face_at(0, 70, 20, 110))
    assert square == (0, 70, 30, 100)
    assert crop.shape == (40, 40, 3)


def test_a_margin_gives_way_before_anything_is_made_up(frame: np.ndarray) -> None:
    # MTCNN's boxes of close-ups reach far beyond the frame.
    _, square = SquareCropper(margin=1.3)(frame, face_at(-30, -90, 150, 160))
    assert square == (0, -20, 140, 120)
    _, square = SquareCropper(margin=1.3)(frame, face_at(20, 5, 110, 95))
    assert square == (15, 0, 115, 100)


def test_beyond_a_frame_smaller_than_the_face_edges_are_repeated() -> None:
    frame = np.zeros((40, 100, 3), np.uint8)
    frame[0], frame[-1] = 10, 200
    crop, (_, y1, _, y2) = SquareCropper(crop_size=80, margin=1.5)(frame, face_at(10, 0, 90, 40))
    assert (y1, y2) == (-20, 60)
    assert (crop[:20] == 10).all()
    assert (crop[-20:] == 200).all()


@given(
    box=st.tuples(*(st.integers(-200, 300) for _ in range(4))),
    width=st.integers(16, 200),
    height=st.integers(16, 200),
    margin=st.floats(1, 4),
)
def test_crops_lie_inside_the_frame_unless_the_face_does_not(
    box: tuple[int, ...], width: int, height: int, margin: float
) -> None:
    xs, ys = sorted((box[0], box[2])), sorted((box[1], box[3]))
    corners = np.array([xs[0], ys[0], xs[1] + 1, ys[1] + 1], dtype=float)
    x1, y1, x2, y2 = square_in_frame(corners, margin=margin, width=width, height=height)
    visible = np.clip(corners, 0, (width, height, width, height))
    longer = max(visible[2] - visible[0], visible[3] - visible[1])
    assert x2 - x1 == y2 - y1 >= 1
    if longer <= min(width, height):
        assert x1 >= 0
        assert y1 >= 0
        assert x2 <= width
        assert y2 <= height


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

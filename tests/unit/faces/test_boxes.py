import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.faces.boxes import iou, shift_inside, square_around

coordinates = st.floats(-500, 500)
boxes = st.tuples(coordinates, coordinates, st.floats(1, 500), st.floats(1, 500)).map(
    lambda box: np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])
)


@given(boxes, boxes)
def test_iou_is_symmetric_and_at_most_one(first: np.ndarray, second: np.ndarray) -> None:
    overlap = iou(first[None], second[None]).item()
    assert 0 <= overlap <= 1 + 1e-9
    assert overlap == pytest.approx(iou(second[None], first[None]).item())


@given(boxes)
def test_a_box_overlaps_itself_fully(box: np.ndarray) -> None:
    assert iou(box[None], box[None]).item() == pytest.approx(1)


def test_iou_of_boxes_without_area_is_zero() -> None:
    empty = np.array([[3.0, 3, 3, 3], [5, 5, 4, 4]])
    np.testing.assert_array_equal(iou(empty, empty), np.zeros((2, 2)))


@given(boxes, st.floats(1, 3))
def test_square_is_centred_and_as_large_as_asked(box: np.ndarray, margin: float) -> None:
    x1, y1, x2, y2 = square_around(box, margin=margin)
    assert x2 - x1 == y2 - y1
    assert x2 - x1 == pytest.approx(margin * max(box[2] - box[0], box[3] - box[1]), abs=1)
    np.testing.assert_allclose([(x1 + x2) / 2, (y1 + y2) / 2], (box[:2] + box[2:]) / 2, atol=1)


@given(boxes, st.integers(1, 800), st.integers(1, 800))
def test_a_square_that_fits_ends_inside_the_frame(box: np.ndarray, width: int, height: int) -> None:
    square = square_around(box, margin=1.3)
    x1, y1, x2, y2 = shift_inside(square, width=width, height=height)
    assert x2 - x1 == y2 - y1 == square[2] - square[0]
    for start, end, limit in ((x1, x2, width), (y1, y2, height)):
        # Inside the frame where it fits, else around it.
        assert (start >= 0 and end <= limit) or (start <= 0 and end >= limit)

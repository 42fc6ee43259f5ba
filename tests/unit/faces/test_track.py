import numpy as np
import pytest

from unmask.faces.track import IoUTracker


def square(x: float, y: float, side: float = 10) -> list[float]:
    return [x, y, x + side, y + side]


def test_two_people_keep_their_tracks_when_their_order_changes() -> None:
    left, right = square(0, 0), square(50, 0, side=20)
    assert IoUTracker()([np.array([left, right]), np.array([right, left])]) == [[1, 0], [0, 1]]


def test_a_moving_face_stays_one_track() -> None:
    frames = [np.array([square(4.0 * step, step)]) for step in range(20)]
    assert IoUTracker()(frames) == [[0]] * 20


def test_a_track_goes_on_after_a_gap() -> None:
    none = np.zeros((0, 4))
    assert IoUTracker()([np.array([square(0, 0)]), none, np.array([square(1, 1)])]) == [
        [0],
        [],
        [0],
    ]


def test_one_track_takes_one_face_per_frame() -> None:
    frames = [np.array([square(0, 0)]), np.array([square(1, 0), square(0.5, 0)])]
    first, second = IoUTracker()(frames)
    assert sorted(second) == [0, 1]
    assert second[1] == first[0]  # the nearer of the two


def test_track_zero_has_the_largest_area_of_all_frames() -> None:
    large_once, small_often = square(100, 0, side=15), square(0, 0)
    frames = [np.array([large_once, small_often]), *[np.array([small_often])] * 3]
    assert IoUTracker()(frames)[0] == [1, 0]


def test_no_frames_have_no_tracks() -> None:
    assert IoUTracker()([]) == []


def test_less_overlap_than_asked_starts_a_track() -> None:
    frames = [np.array([square(0, 0)]), np.array([square(5, 0)])]
    assert IoUTracker(min_iou=0.3)(frames) == [[0], [0]]
    assert IoUTracker(min_iou=0.5)(frames) == [[0], [1]]
    with pytest.raises(ValueError, match="min_iou must be above 0 and at most 1, got 0"):
        IoUTracker(min_iou=0)

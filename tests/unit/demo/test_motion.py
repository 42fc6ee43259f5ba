import numpy as np
import pytest

from unmask.demo.motion import (
    MAX_PITCH_DEGREES,
    MAX_ROLL_DEGREES,
    MAX_YAW_DEGREES,
    make_performance,
)


def performance(seed: int, num_frames: int = 60):  # noqa: ANN201 - the type is long and plain here
    rng = np.random.default_rng(seed)
    return make_performance(rng, num_frames=num_frames, frames_per_second=10)


def test_poses_stay_within_their_limits() -> None:
    for seed in range(50):
        for pose in performance(seed).poses:
            assert abs(np.degrees(pose.yaw)) <= MAX_YAW_DEGREES
            assert abs(np.degrees(pose.pitch)) <= MAX_PITCH_DEGREES
            assert abs(np.degrees(pose.roll)) <= MAX_ROLL_DEGREES
            assert 0.4 < pose.x < 0.6
            assert 0.4 < pose.y < 0.6


def test_the_head_moves_smoothly() -> None:
    yaws = np.array([pose.yaw for pose in performance(3).poses])
    assert np.abs(np.diff(yaws)).max() < np.radians(5)
    assert np.ptp(yaws) > 0


def test_everybody_blinks_within_six_seconds() -> None:
    for seed in range(30):
        openings = [expression.eye_open for expression in performance(seed).expressions]
        assert min(openings) < 0.4 < 0.7 < max(openings)


def test_everybody_talks() -> None:
    for seed in range(30):
        openings = [expression.mouth_open for expression in performance(seed).expressions]
        assert 0 <= min(openings) <= 0.1
        assert 0.25 < max(openings) <= 1


def test_driving_takes_the_mouth_but_keeps_the_pose() -> None:
    own, other = performance(1), performance(2)
    driven = own.with_expressions_of(other)
    assert driven.poses == own.poses
    assert [e.mouth_open for e in driven.expressions] == [e.mouth_open for e in other.expressions]
    assert [e.gaze_x for e in driven.expressions] == [e.gaze_x for e in own.expressions]


def test_driving_by_no_share_changes_nothing() -> None:
    own, other = performance(1), performance(2)
    assert own.with_expressions_of(other, share=0.0) == own


def test_a_take_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="num_frames must be at least 1, got 0"):
        performance(1, num_frames=0)

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.video.sampling import (
    FirstSampling,
    RateSampling,
    SamplingPolicy,
    UniformSampling,
    uniform_frame_indices,
)

TIME_BASE = Fraction(1, 1000)

timelines = st.lists(st.integers(1, 5000), min_size=0, max_size=60).map(
    lambda gaps: [sum(gaps[:index]) for index in range(len(gaps) + 1)]
)
counts = st.integers(1, 40)
policies = st.one_of(
    counts.map(UniformSampling),
    counts.map(FirstSampling),
    st.floats(0.01, 100).map(RateSampling),
)


@given(st.integers(1, 1000), st.integers(1, 100))
def test_uniform_indices_are_ordered_complete_and_inside(num_frames: int, count: int) -> None:
    indices = uniform_frame_indices(num_frames, count)
    assert len(indices) == count
    assert indices == sorted(indices)
    assert indices[0] >= 0
    assert indices[-1] < num_frames


@given(st.integers(1, 1000), st.integers(1, 100))
def test_uniform_indices_reach_both_ends_alike(num_frames: int, count: int) -> None:
    indices = uniform_frame_indices(num_frames, count)
    before, after = indices[0], num_frames - 1 - indices[-1]
    assert abs(before - after) <= 1


@pytest.mark.parametrize(("num_frames", "count"), [(0, 4), (4, 0)])
def test_uniform_indices_name_the_bad_value(num_frames: int, count: int) -> None:
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        uniform_frame_indices(num_frames, count)


@given(policies, timelines)
def test_policies_return_distinct_indices_in_order(policy: SamplingPolicy, pts: list[int]) -> None:
    indices = policy(pts, TIME_BASE)
    assert indices == sorted(set(indices))
    assert indices
    assert indices[0] >= 0
    assert indices[-1] < len(pts)


@given(counts, timelines)
def test_uniform_sampling_gives_all_it_can(num_frames: int, pts: list[int]) -> None:
    indices = UniformSampling(num_frames)(pts, TIME_BASE)
    assert len(indices) == min(num_frames, len(pts))


@given(st.integers(1, 40), st.integers(40, 400), st.integers(1, 1000))
def test_at_a_constant_rate_time_and_index_agree(count: int, num_frames: int, gap: int) -> None:
    pts = range(7, 7 + num_frames * gap, gap)
    assert UniformSampling(count)(pts, TIME_BASE) == uniform_frame_indices(num_frames, count)


def test_uniform_sampling_follows_time_and_not_index() -> None:
    # Twenty frames in the first second, then one each second up to the twentieth.
    pts = [*range(0, 1000, 50), *range(1000, 20000, 1000)]
    seconds = [pts[index] / 1000 for index in UniformSampling(4)(pts, TIME_BASE)]
    assert seconds == [2.0, 7.0, 11.0, 16.0]


def test_first_sampling_takes_the_first() -> None:
    assert FirstSampling(3)(range(10), TIME_BASE) == [0, 1, 2]
    assert FirstSampling(30)(range(2), TIME_BASE) == [0, 1]


def test_rate_sampling_takes_what_is_on_screen_at_each_tick() -> None:
    pts = [0, 400, 900, 1100, 3500]
    assert RateSampling(1.0)(pts, TIME_BASE) == [0, 2, 3]
    assert RateSampling(1.0, max_frames=2)(pts, TIME_BASE) == [0, 2]


def test_rate_sampling_ends_on_absurd_time_stamps() -> None:
    assert RateSampling(100.0)([0, 1, 2**62], TIME_BASE) == [0, 1, 2]


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_rate_sampling_names_a_bad_rate(rate: float) -> None:
    with pytest.raises(ValueError, match=f"frames_per_second must be above 0, got {rate}"):
        RateSampling(frames_per_second=rate)


@pytest.mark.parametrize("policy", [UniformSampling, FirstSampling])
def test_policies_name_a_bad_count(policy: type[UniformSampling | FirstSampling]) -> None:
    with pytest.raises(ValueError, match="num_frames must be at least 1, got 0"):
        policy(num_frames=0)

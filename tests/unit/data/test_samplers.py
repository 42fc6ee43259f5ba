"""What an epoch holds under each policy."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.errors import DataError
from unmask.data.samplers import (
    BalancedSampling,
    NaturalSampling,
    PairedSampling,
    SamplingPolicy,
    StratifiedSampling,
)

POLICIES = [NaturalSampling(), BalancedSampling(), StratifiedSampling(), PairedSampling()]
METHODS = ("real", "swap", "edit", "morph")

# Clips per original video, and clips of its fakes of each method.
videos = st.lists(st.tuples(st.integers(1, 3), *[st.integers(0, 4)] * 3), min_size=1, max_size=6)
blends = (
    st.lists(videos, min_size=1, max_size=3)
    .map(lambda sets: clips_of(*sets))
    .filter(lambda clips: clips.groupby("dataset")["label"].nunique().eq(2).all())
)


def clips_of(*sets: list[tuple[int, ...]]) -> pd.DataFrame:
    rows = []
    for number, videos_of_set in enumerate(sets):
        for video, counts in enumerate(videos_of_set):
            for method, count in zip(METHODS, counts, strict=False):
                original = "" if method == "real" else f"set{number}/real/{video}"
                name, label = f"set{number}/{method}/{video}", int(method != "real")
                rows += [(f"set{number}", name, label, method, original)] * count
    return pd.DataFrame(rows, columns=["dataset", "video_id", "label", "method", "original"])


def epoch(policy: SamplingPolicy, clips: pd.DataFrame, number: int, seed: int = 0) -> pd.DataFrame:
    plan = policy.plan(clips, seed)
    rows = plan.rows_of(number)
    assert len(rows) == plan.num_rows
    return clips.iloc[rows]


@given(blends, st.integers(0, 20))
def test_natural_sampling_asks_for_every_clip_once(clips: pd.DataFrame, number: int) -> None:
    assert sorted(epoch(NaturalSampling(), clips, number).index) == list(range(len(clips)))


@given(blends, st.integers(0, 20))
def test_balanced_sampling_draws_as_many_reals_as_fakes(clips: pd.DataFrame, number: int) -> None:
    drawn = epoch(BalancedSampling(), clips, number)["label"].value_counts()
    assert drawn[0] == drawn[1]
    assert abs(drawn.sum() - len(clips)) < 2


@given(blends, st.integers(0, 20))
def test_stratified_sampling_shares_out_sets_labels_and_methods_alike(
    clips: pd.DataFrame, number: int
) -> None:
    drawn = epoch(StratifiedSampling(), clips, number)
    assert drawn.groupby(["dataset", "label"]).size().nunique() == 1
    for _, part in drawn.groupby(["dataset", "label"]):
        counts = part["method"].value_counts()
        assert counts.max() - counts.min() <= 1 or len(counts) == 1
    assert len(clips) <= len(drawn) < len(clips) + 2 * clips["dataset"].nunique()


@given(blends, st.integers(0, 20))
def test_paired_sampling_puts_each_fake_beside_its_original(
    clips: pd.DataFrame, number: int
) -> None:
    drawn = epoch(PairedSampling(), clips, number).reset_index(drop=True)
    fakes, reals = drawn.iloc[0::2], drawn.iloc[1::2]
    assert fakes["original"].tolist() == reals["video_id"].tolist()
    plan = PairedSampling().plan(clips, 0)
    assert plan.together == 2
    fake_rows = plan.rows_of(number)[0::2].tolist()
    assert sorted(fake_rows) == np.flatnonzero(clips["label"] == 1).tolist()


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@given(clips=blends)
def test_every_clip_is_reached_and_none_long_before_the_others(
    policy: SamplingPolicy, clips: pd.DataFrame
) -> None:
    reachable = set(range(len(clips)))
    if isinstance(policy, PairedSampling):
        used = clips["video_id"].isin(set(clips["original"])) | (clips["label"] == 1)
        reachable = set(np.flatnonzero(used).tolist())
    plan = policy.plan(clips, 0)
    times = Counter(row for number in range(40) for row in plan.rows_of(number).tolist())
    assert set(times) == reachable
    if not isinstance(policy, PairedSampling):
        for _, part in clips.groupby(["dataset", "label", "method"]):
            counts = [times[row] for row in part.index]
            assert isinstance(policy, BalancedSampling) or max(counts) - min(counts) <= 1


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@given(clips=blends, number=st.integers(0, 9), seed=st.integers(0, 3))
def test_an_epoch_depends_on_seed_and_number_alone(
    policy: SamplingPolicy, clips: pd.DataFrame, number: int, seed: int
) -> None:
    fresh, used = policy.plan(clips, seed), policy.plan(clips, seed)
    for before in range(number):
        used.rows_of(before)
    assert fresh.rows_of(number).tolist() == used.rows_of(number).tolist()


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@given(clips=blends)
def test_every_epoch_holds_as_many_of_each_label(
    policy: SamplingPolicy, clips: pd.DataFrame
) -> None:
    counts = [Counter(epoch(policy, clips, number)["label"]) for number in range(5)]
    assert all(count == counts[0] for count in counts)


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_epochs_and_seeds_differ(policy: SamplingPolicy) -> None:
    clips = clips_of([(3, 4, 4, 4)] * 6)
    plans = policy.plan(clips, 0), policy.plan(clips, 1)
    assert plans[0].rows_of(0).tolist() != plans[0].rows_of(1).tolist()
    assert plans[0].rows_of(0).tolist() != plans[1].rows_of(0).tolist()


def test_a_fake_without_a_known_original_is_paired_with_reals_of_its_set() -> None:
    clips = clips_of([(2, 1, 0, 0), (2, 1, 0, 0)], [(1, 1, 0, 0)])
    clips.loc[clips["video_id"] == "set0/swap/1", "original"] = ""
    drawn = [epoch(PairedSampling(), clips, number) for number in range(8)]
    partners = {
        real
        for table in drawn
        for fake, real in zip(table["video_id"].iloc[0::2], table.index[1::2], strict=True)
        if fake == "set0/swap/1"
    }
    assert partners == set(clips.index[(clips["label"] == 0) & (clips["dataset"] == "set0")])


def test_nothing_to_pair_is_said_with_the_way_out() -> None:
    clips = clips_of([(2, 3, 0, 0)]).assign(original="")
    with pytest.raises(DataError, match=r"None of the 3 fake clips .* 2 real .*sampler=balanced"):
        PairedSampling().plan(clips, 0)


def test_a_set_without_reals_cannot_be_paired() -> None:
    clips = clips_of([(1, 1, 0, 0)], [(0, 1, 0, 0)])
    with pytest.raises(DataError, match="'set1' has fake training clips and no real one"):
        PairedSampling().plan(clips, 0)

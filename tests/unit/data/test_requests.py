"""What each process of a run over several devices asks for, by arithmetic alone."""

import pickle

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.data.dataset import ClipRequest
from unmask.data.requests import PlannedRequests, RequestsInOrder, Share
from unmask.data.samplers import (
    BalancedSampling,
    NaturalSampling,
    PairedSampling,
    SamplingPolicy,
    StratifiedSampling,
)

POLICIES = [NaturalSampling(), BalancedSampling(), StratifiedSampling(), PairedSampling()]

numbers_of_ranks = st.integers(1, 5)
batch_sizes = st.integers(1, 4).map(lambda half: 2 * half)


def clips_of(num_reals: int, num_fakes: int) -> pd.DataFrame:
    rows = [("toy", f"toy/real/{n}", 0, "real", "") for n in range(num_reals)]
    rows += [
        ("toy", f"toy/swap/{n}", 1, "swap", f"toy/real/{n % num_reals}") for n in range(num_fakes)
    ]
    return pd.DataFrame(rows, columns=["dataset", "video_id", "label", "method", "original"])


def batches_of(sampler: PlannedRequests | RequestsInOrder, size: int) -> list[list[ClipRequest]]:
    requests = list(sampler)
    assert len(requests) == len(sampler)
    return [requests[start : start + size] for start in range(0, len(requests), size)]


def counted(batch: list[ClipRequest]) -> list[ClipRequest]:
    return [request for request in batch if request.counts]


def planned(
    policy: SamplingPolicy, clips: pd.DataFrame, epoch: int, share: Share
) -> PlannedRequests:
    plan = policy.plan(clips, 7)
    assert share.batch_size % plan.together == 0
    sampler = PlannedRequests(
        plan, seed=7, share=Share(share.batch_size, share.rank, share.num_ranks, plan.together)
    )
    sampler.set_epoch(epoch)
    return sampler


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@given(
    num_ranks=numbers_of_ranks,
    batch_size=batch_sizes,
    num_reals=st.integers(1, 20),
    num_fakes=st.integers(1, 20),
    epoch=st.integers(0, 3),
)
def test_the_batches_of_all_ranks_together_are_those_of_one_process(
    policy: SamplingPolicy,
    num_ranks: int,
    batch_size: int,
    num_reals: int,
    num_fakes: int,
    epoch: int,
) -> None:
    clips = clips_of(num_reals, num_fakes)
    alone = planned(policy, clips, epoch, Share(batch_size * num_ranks))
    expected = batches_of(alone, batch_size * num_ranks)
    of_ranks = [
        batches_of(planned(policy, clips, epoch, Share(batch_size, rank, num_ranks)), batch_size)
        for rank in range(num_ranks)
    ]
    assert {len(batches) for batches in of_ranks} == {len(expected)}
    for step, whole in enumerate(expected):
        # The same clips with the same seeds, in the same order.
        together = [one for batches in of_ranks for one in counted(batches[step])]
        assert together == whole


@given(num_ranks=numbers_of_ranks, batch_size=batch_sizes, num_fakes=st.integers(1, 30))
def test_a_fake_and_its_original_are_never_on_two_ranks(
    num_ranks: int, batch_size: int, num_fakes: int
) -> None:
    clips = clips_of(4, num_fakes)
    for rank in range(num_ranks):
        sampler = planned(PairedSampling(), clips, 1, Share(batch_size, rank, num_ranks))
        for batch in batches_of(sampler, batch_size):
            rows = clips.iloc[[request.row for request in batch]]
            fakes, reals = rows[rows["label"] == 1], rows[rows["label"] == 0]
            assert fakes["original"].tolist() == reals["video_id"].tolist()


@given(num_ranks=numbers_of_ranks, batch_size=st.integers(1, 6), length=st.integers(1, 60))
def test_every_clip_is_scored_once_and_no_rank_is_left_without_a_batch(
    num_ranks: int, batch_size: int, length: int
) -> None:
    samplers = [
        RequestsInOrder(length, Share(batch_size, rank, num_ranks)) for rank in range(num_ranks)
    ]
    rows = [one.row for sampler in samplers for one in sampler if one.counts]
    assert sorted(rows) == list(range(length))
    num_batches = {len(batches_of(sampler, batch_size)) for sampler in samplers}
    assert num_batches == {-(-length // (batch_size * num_ranks))}


def test_a_share_of_one_rank_is_everything_in_order() -> None:
    assert list(Share(3).places(7)) == [(place, True) for place in range(7)]


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_a_plan_can_be_sent_to_a_process_that_is_spawned(policy: SamplingPolicy) -> None:
    plan = policy.plan(clips_of(5, 7), 3)
    sent = pickle.loads(pickle.dumps(plan))  # noqa: S301 - of our own making
    assert sent.rows_of(4).tolist() == plan.rows_of(4).tolist()

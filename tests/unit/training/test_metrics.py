"""The live video AUC against scikit-learn's, and against the report's own path."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from unmask.evaluation.aggregate import video_scores
from unmask.evaluation.metrics import roc_auc
from unmask.training.metrics import VideoAUROC


def clips_of(seed: int, num_videos: int) -> pd.DataFrame:
    """Return clips of videos, a video's clips not always next to each other."""
    random = np.random.default_rng(seed)
    video = np.concatenate([np.arange(num_videos), random.integers(0, num_videos, 3 * num_videos)])
    scores = random.random(len(video)).astype(np.float32)
    if seed % 2:
        scores = scores.round(1)  # ties
    return pd.DataFrame({"video": np.sort(video), "score": scores}).assign(
        label=lambda table: table["video"] % 2
    )


def add(metric: VideoAUROC, clips: pd.DataFrame, rows: np.ndarray) -> None:
    part = clips.iloc[rows]
    columns = (part["score"], part["label"], part["video"])
    metric.update(*(torch.tensor(one.to_numpy()) for one in columns), torch.tensor(rows))


@given(seed=st.integers(0, 200), num_videos=st.integers(2, 12))
def test_it_is_scikit_learns_of_the_means_of_the_videos(seed: int, num_videos: int) -> None:
    clips = clips_of(seed, num_videos)
    metric = VideoAUROC()
    for rows in np.array_split(np.arange(len(clips)), 3):
        add(metric, clips, rows)
    means = clips.astype({"score": float}).groupby("video")[["score", "label"]].mean()
    assert metric.compute().item() == np.float32(roc_auc_score(means["label"], means["score"]))


@given(seed=st.integers(0, 200), num_videos=st.integers(2, 12))
def test_it_equals_the_way_of_the_report_bit_for_bit(seed: int, num_videos: int) -> None:
    clips = clips_of(seed, num_videos)
    table = clips.assign(
        dataset="d", video_id=[f"{n:03d}" for n in clips["video"]], track_id=0,
        clip_index=clips.groupby("video").cumcount(), method="m", group="g", split="val",
        score=clips["score"].astype(float),
    )  # fmt: skip
    videos = video_scores(table)
    expected = torch.tensor(roc_auc(videos["label"].to_numpy(), videos["score"].to_numpy()))
    metric = VideoAUROC()
    add(metric, clips, np.arange(len(clips)))
    assert torch.equal(metric.compute(), expected)


@given(seed=st.integers(0, 200), num_ranks=st.integers(2, 4))
def test_states_of_several_processes_join_to_those_of_one(seed: int, num_ranks: int) -> None:
    clips = clips_of(seed, 7)
    order = np.random.default_rng(seed).permutation(len(clips))
    whole, joined = VideoAUROC(), VideoAUROC()
    add(whole, clips, np.arange(len(clips)))
    first, *others = np.array_split(order, num_ranks)
    add(joined, clips, first)
    for rows in others:
        part = VideoAUROC()
        add(part, clips, rows)
        joined.merge_state(part)
    assert torch.equal(joined.compute(), whole.compute())


def test_a_clip_that_two_processes_scored_counts_once() -> None:
    clips = clips_of(0, 6)
    once, twice = VideoAUROC(), VideoAUROC()
    add(once, clips, np.arange(len(clips)))
    add(twice, clips, np.arange(len(clips)))
    add(twice, clips, np.arange(5))
    assert torch.equal(once.compute(), twice.compute())


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_area(label: int) -> None:
    clips = clips_of(0, 6)
    metric = VideoAUROC()
    add(metric, clips, np.flatnonzero(clips["label"] == label))
    assert metric.compute().isnan()


def test_it_forgets_an_epoch() -> None:
    metric = VideoAUROC()
    add(metric, clips_of(0, 6), np.arange(5))
    metric.reset()
    add(metric, clips_of(4, 6), np.arange(20))
    other = VideoAUROC()
    add(other, clips_of(4, 6), np.arange(20))
    assert torch.equal(metric.compute(), other.compute())

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.errors import PredictionsError
from unmask.evaluation.metrics import Labels, Scores, decisions_at, roc_auc
from unmask.evaluation.oracle import LABEL, oracle_checkpoints, oracle_threshold


@st.composite
def scored(draw: st.DrawFn) -> tuple[Labels, Scores]:
    """Both classes, with ties and exact 0 and 1."""
    labels = [0, 1, *draw(st.lists(st.integers(0, 1), max_size=30))]
    steps = draw(st.lists(st.integers(0, 20), min_size=len(labels), max_size=len(labels)))
    return np.array(labels), np.array(steps) / 20


@given(scored(), st.sampled_from(["accuracy", "balanced_accuracy"]))
def test_no_threshold_is_better_than_the_oracles(case: tuple[Labels, Scores], metric: str) -> None:
    found = oracle_threshold(*case, honest_threshold=0.5, metric=metric)  # type: ignore[arg-type]
    labels, scores = case
    right = (scores >= np.arange(41)[:, None] / 40) == labels
    recalls = [right[:, labels == label].mean(axis=1) for label in (0, 1)]
    every = right.mean(axis=1) if metric == "accuracy" else sum(recalls) / 2
    assert found.oracle == pytest.approx(np.max(every), abs=1e-12)
    assert found.oracle == getattr(decisions_at(*case, found.oracle_threshold), metric)


@given(scored(), st.floats(0, 1))
def test_the_gap_is_never_negative(case: tuple[Labels, Scores], threshold: float) -> None:
    gap = oracle_threshold(*case, honest_threshold=threshold).gap
    assert gap is not None
    assert gap >= -1e-12


def test_an_oracle_by_hand() -> None:
    # Two reals and four fakes; at 0.5 half of the fakes are missed.
    labels = np.array([0, 0, 1, 1, 1, 1])
    scores = np.array([0.1, 0.35, 0.3, 0.4, 0.6, 0.9])
    balanced = oracle_threshold(labels, scores, honest_threshold=0.5)
    assert (balanced.oracle_threshold, balanced.oracle) == (0.4, 0.875)
    assert (balanced.honest, balanced.gap) == (0.75, 0.125)
    plain = oracle_threshold(labels, scores, honest_threshold=0.5, metric="accuracy")
    assert (plain.oracle, plain.honest) == pytest.approx((5 / 6, 4 / 6))


def test_without_a_threshold_of_validation_there_is_no_gap() -> None:
    found = oracle_threshold(np.array([0, 1]), np.array([0.1, 0.9]), honest_threshold=None)
    assert (found.oracle, found.honest, found.gap) == (1.0, None, None)


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(ValueError, match="got 'auc'"):
        oracle_threshold(
            np.array([0, 1]),
            np.array([0.1, 0.9]),
            honest_threshold=0.5,
            metric="auc",  # type: ignore[arg-type]
        )


def videos(scores: list[float], *, dataset: str = "away", split: str = "test") -> pd.DataFrame:
    count = len(scores)
    return pd.DataFrame(
        {
            "dataset": dataset,
            "video_id": [f"{dataset}/{split}{index}" for index in range(count)],
            "label": [index % 2 for index in range(count)],
            "method": "swap",
            "group": "g",
            "split": split,
            "score": scores,
            "num_clips": 1,
        }
    )


def test_the_label_says_that_the_test_set_chose() -> None:
    assert LABEL == "oracle (test-selected)"


def test_the_best_checkpoint_of_each_set_stands_beside_the_chosen_one() -> None:
    good, bad = [0.1, 0.9, 0.2, 0.8], [0.9, 0.1, 0.2, 0.8]
    tables = {
        "epoch 0": pd.concat([videos(bad), videos(good, dataset="home")]),
        "epoch 1": pd.concat([videos(good), videos(good, dataset="home")]).iloc[::-1],
        "epoch 2": pd.concat([videos(bad), videos(good, dataset="home")]),
    }
    found = oracle_checkpoints(tables, chosen="epoch 2")
    labels = np.array([0, 1, 0, 1])
    away = found["away"]
    assert (away.oracle_checkpoint, away.honest_checkpoint) == ("epoch 1", "epoch 2")
    assert (away.oracle, away.honest) == (1.0, roc_auc(labels, np.array(bad)))
    assert away.gap == 1.0 - away.honest
    # Where the honest one is as good as any, it is the oracle's choice too.
    assert (found["home"].oracle_checkpoint, found["home"].gap) == ("epoch 2", 0.0)
    assert away.num_checkpoints == 3


def test_checkpoints_of_different_videos_are_refused() -> None:
    tables = {"a": videos([0.1, 0.9, 0.3]), "b": videos([0.1, 0.9])}
    with pytest.raises(PredictionsError, match="'away/test2' of 'away'"):
        oracle_checkpoints(tables, chosen="a")


def test_a_chosen_checkpoint_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="got 'c'"):
        oracle_checkpoints({"a": videos([0.1, 0.9])}, chosen="c")

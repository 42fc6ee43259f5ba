"""What choosing on the test set itself would have given, and how far that flatters.

Nothing here may be carried anywhere: an oracle has seen the answers. Its value stands beside the
honest one only to show the gap, and always under the name ``LABEL``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd

from unmask.core.errors import PredictionsError
from unmask.core.labels import FAKE, REAL
from unmask.evaluation.aggregate import VIDEO_COLUMNS
from unmask.evaluation.metrics import (
    Labels,
    Scores,
    decisions_at,
    require_both_classes,
    roc_auc,
)
from unmask.evaluation.predictions import VIDEO_KEY

LABEL: Final = "oracle (test-selected)"
OracleMetric = Literal["accuracy", "balanced_accuracy"]


@dataclass(frozen=True)
class OracleThreshold:
    """The best that any threshold gives on a set, beside the one that was fixed before.

    Args:
        metric: ``"accuracy"`` or ``"balanced_accuracy"``.
        oracle_threshold: In [0, 1]; scores of at least it are called fake.
        oracle: The metric there.
        honest_threshold: What validation fixed; None where it could not.
        honest: The metric there; None with it.
    """

    metric: OracleMetric
    oracle_threshold: float
    oracle: float
    honest_threshold: float | None
    honest: float | None

    @property
    def gap(self) -> float | None:
        """What the oracle adds, at least 0; None where there is no honest value."""
        return None if self.honest is None else self.oracle - self.honest


@dataclass(frozen=True)
class OracleCheckpoint:
    """The checkpoint that a test set itself would have chosen, beside the one validation chose.

    Args:
        oracle: The metric of its scores.
        honest_checkpoint: Name of the one that validation chose.
        honest: The metric of its scores.
        num_checkpoints: How many there were to choose from; the gap grows with them.
    """

    oracle_checkpoint: str
    oracle: float
    honest_checkpoint: str
    honest: float
    num_checkpoints: int

    @property
    def gap(self) -> float:
        """What the oracle adds, at least 0."""
        return self.oracle - self.honest


def oracle_threshold(
    labels: Labels,
    scores: Scores,
    *,
    honest_threshold: float | None,
    metric: OracleMetric = "balanced_accuracy",
) -> OracleThreshold:
    """Find the best threshold on the very videos that are measured.

    Each score is a candidate, and so are 0, which calls everything fake, and 1, which calls
    everything real unless a score is 1. Among equally good ones the nearest to 0.5 is taken.

    Args:
        labels: 0 real, 1 fake, (n,).
        scores: Probability of fake, (n,).
        honest_threshold: What validation fixed, in [0, 1], if anything.
        metric: What is to be best.

    Raises:
        PredictionsError: If one class is missing.
        ValueError: If ``metric`` is unknown.

    Example:
        >>> found = oracle_threshold(
        ...     np.array([0, 0, 1]), np.array([0.1, 0.6, 0.7]), honest_threshold=0.5)
        >>> found.oracle_threshold, found.oracle, found.honest, found.gap
        (0.7, 1.0, 0.75, 0.25)
    """
    if metric not in get_args(OracleMetric):
        raise ValueError(f"metric must be one of {get_args(OracleMetric)}, got {metric!r}.")
    require_both_classes(labels, "a threshold")
    candidates = np.unique(np.concatenate([scores, [0.0, 1.0]]))
    reals, fakes = np.sort(scores[labels == REAL]), np.sort(scores[labels == FAKE])
    right_reals = np.searchsorted(reals, candidates, side="left")
    right_fakes = len(fakes) - np.searchsorted(fakes, candidates, side="left")
    if metric == "accuracy":
        merit = (right_reals + right_fakes) / len(labels)
    else:
        merit = right_reals / len(reals) + right_fakes / len(fakes)
    # The same merit can differ in its last bit when it is reached by other fractions.
    best = candidates[merit >= merit.max() - 1e-12]
    threshold = float(best[np.argmin(np.abs(best - 0.5))])
    return OracleThreshold(
        metric=metric,
        oracle_threshold=threshold,
        oracle=_decided(labels, scores, threshold, metric),
        honest_threshold=honest_threshold,
        honest=None
        if honest_threshold is None
        else _decided(labels, scores, honest_threshold, metric),
    )


def oracle_checkpoints(
    videos_of: Mapping[str, pd.DataFrame],
    *,
    chosen: str,
    metric: Callable[[Labels, Scores], float] = roc_auc,
) -> dict[str, OracleCheckpoint]:
    """Find the checkpoint that is best on the test split of each data set.

    Args:
        videos_of: Checkpoint -> one row per video, of the same videos; in the order of training,
            because the earliest of equally good ones is taken.
        chosen: The checkpoint that validation chose, one of them.
        metric: A function of labels (n,) and scores (n,), larger is better.

    Returns:
        Data set -> oracle, for every data set that has a test split.

    Raises:
        PredictionsError: If checkpoints scored different videos, or a test split has one class.
        ValueError: If ``chosen`` is not among them.
    """
    if chosen not in videos_of:
        raise ValueError(f"chosen must be one of {sorted(videos_of)}, got {chosen!r}.")
    tests = {
        name: videos.loc[videos["split"] == "test", VIDEO_COLUMNS].sort_values(VIDEO_KEY)
        for name, videos in videos_of.items()
    }
    _require_same_videos(tests)
    values: dict[str, dict[str, float]] = {}
    for name, videos in tests.items():
        for dataset, part in videos.groupby("dataset", sort=True):
            values.setdefault(str(dataset), {})[name] = metric(
                part["label"].to_numpy(np.int64), part["score"].to_numpy(np.float64)
            )
    return {dataset: _best_of(by_name, chosen) for dataset, by_name in values.items()}


def _best_of(by_name: dict[str, float], chosen: str) -> OracleCheckpoint:
    best = max(by_name, key=lambda name: by_name[name])
    return OracleCheckpoint(
        oracle_checkpoint=best if by_name[best] > by_name[chosen] else chosen,
        oracle=by_name[best],
        honest_checkpoint=chosen,
        honest=by_name[chosen],
        num_checkpoints=len(by_name),
    )


def _decided(labels: Labels, scores: Scores, threshold: float, metric: OracleMetric) -> float:
    decisions = decisions_at(labels, scores, threshold)
    return decisions.accuracy if metric == "accuracy" else decisions.balanced_accuracy


def _require_same_videos(tests: dict[str, pd.DataFrame]) -> None:
    names = list(tests)
    keys = {name: set(zip(*(tests[name][k] for k in VIDEO_KEY), strict=True)) for name in names}
    for name in names[1:]:
        different = sorted(keys[names[0]] ^ keys[name])
        if different:
            dataset, video_id = different[0]
            raise PredictionsError(
                f"Checkpoints '{names[0]}' and '{name}' scored different videos: {video_id!r} of "
                f"'{dataset}' is among those of only one of them."
            )

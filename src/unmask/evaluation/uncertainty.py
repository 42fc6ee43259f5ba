"""How far a number could move if other people had been filmed.

Videos that share a person or footage are not independent, so whole identity groups are resampled,
and each resample is a vector of weights over the rows: one matrix operation measures hundreds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unmask.core.errors import PredictionsError
from unmask.core.labels import FAKE, REAL
from unmask.evaluation.metrics import Labels, Scores, require_both_classes

Weights = NDArray[np.float64]
WeightedMetric = Callable[[Labels, Scores, Weights], NDArray[np.float64]]
"""Maps labels (n,), scores (n,) and weights (resamples, n) to one value per resample."""

# Weights held at once; 4 million of them take 32 MB.
MAX_WEIGHTS = 4_000_000
# Draws per resample wanted, before a set is called too lopsided to resample.
MAX_REDRAWS = 50


@dataclass(frozen=True)
class Interval:
    """A percentile interval over resampled groups.

    Args:
        low: Lower end.
        high: Upper end.
        num_clusters: Groups that were resampled; with few of them the interval is rough.
        num_redrawn: Resamples that lacked a class and were drawn again.
    """

    low: float
    high: float
    num_clusters: int
    num_redrawn: int

    @property
    def is_degenerate(self) -> bool:
        """Whether all resamples agreed, as at an AUC of 1, so that the width says nothing."""
        return self.low == self.high


def cluster_bootstrap_interval(
    table: pd.DataFrame,
    metric: WeightedMetric,
    *,
    cluster: str = "group",
    num_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bound a metric by resampling whole clusters with replacement.

    The result depends on the rows and the seed, not on the order of the rows.

    Args:
        table: One row per clip or video with ``label``, ``score`` and the cluster's column.
        metric: Such as :func:`weighted_auc`.
        cluster: Column whose equal values stay together.
        num_resamples: Resamples that hold both classes, at least 1.
        level: Share of the resamples inside, in (0, 1).
        seed: Of the draws.

    Returns:
        The interval between the quantiles ``(1 - level) / 2`` and ``(1 + level) / 2``.

    Raises:
        PredictionsError: If a class is missing, if there are fewer than 2 clusters, or if nearly no
            resample holds both classes.
        ValueError: If ``num_resamples`` or ``level`` is out of range.
    """
    if num_resamples < 1:
        raise ValueError(f"num_resamples must be at least 1, got {num_resamples}.")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, got {level}.")
    labels = table["label"].to_numpy(np.int64)
    scores = table["score"].to_numpy(np.float64)
    require_both_classes(labels, "an interval")
    names, codes = np.unique(table[cluster].to_numpy(str), return_inverse=True)
    if len(names) < 2:
        raise PredictionsError(
            f"All {len(table)} rows share the {cluster} {str(names[0])!r}; "
            "an interval needs at least 2."
        )
    values: list[NDArray[np.float64]] = []
    num_redrawn = 0
    for counts, redrawn in _draw(codes, labels, len(names), num_resamples, seed):
        values.append(metric(labels, scores, counts[:, codes]))
        num_redrawn += redrawn
    ends = np.quantile(np.concatenate(values), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(ends[0]), float(ends[1]), len(names), num_redrawn)


def _draw(
    codes: NDArray[np.int64], labels: Labels, num_clusters: int, num_resamples: int, seed: int
) -> Iterator[tuple[Weights, int]]:
    """Yield how often each cluster is drawn, (resamples, clusters), and how many lacked a class."""
    generator = np.random.default_rng(seed)
    has_class = np.zeros((num_clusters, 2), dtype=np.int64)
    has_class[codes, labels] = 1
    chunk = max(1, min(num_resamples, MAX_WEIGHTS // len(labels)))
    shares = np.full(num_clusters, 1.0 / num_clusters)
    missing, draws_left, redrawn = num_resamples, num_resamples * MAX_REDRAWS, 0
    while missing > 0:
        if draws_left <= 0:
            raise PredictionsError(
                f"Of {num_clusters} groups so few hold a real or a fake one that nearly no "
                "resample has both classes."
            )
        counts = generator.multinomial(num_clusters, shares, size=min(chunk, missing))
        draws_left -= len(counts)
        whole = counts[(counts @ has_class > 0).all(axis=1)]
        missing -= len(whole)
        redrawn += len(counts) - len(whole)
        if len(whole):
            yield whole.astype(np.float64), redrawn
            redrawn = 0


def weighted_auc(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
    """Return the ROC AUC of each row of weights.

    Example:
        >>> weighted_auc(np.array([0, 1, 1]), np.array([0.5, 0.4, 0.9]),
        ...              np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 2.0]])).tolist()
        [0.5, 1.0]
    """
    reals, fakes = _weights_by_score(labels, scores, weights)
    fakes_above = np.cumsum(fakes, axis=1) - fakes / 2
    pairs = (reals * fakes_above).sum(axis=1)
    auc: NDArray[np.float64] = pairs / (reals.sum(axis=1) * fakes.sum(axis=1))
    return auc


def weighted_average_precision(
    labels: Labels, scores: Scores, weights: Weights
) -> NDArray[np.float64]:
    """Return the average precision of each row of weights."""
    reals, fakes = _weights_by_score(labels, scores, weights)
    found = np.cumsum(fakes, axis=1)
    called = found + np.cumsum(reals, axis=1)
    # Nothing called yet means that no fake was found, so that any number may stand for 0 / 0.
    precision = found / np.where(called > 0, called, 1.0)
    average: NDArray[np.float64] = (fakes * precision).sum(axis=1) / fakes.sum(axis=1)
    return average


def weighted_equal_error_rate(
    labels: Labels, scores: Scores, weights: Weights
) -> NDArray[np.float64]:
    """Return the equal error rate of each row of weights."""
    reals, fakes = (
        np.pad(np.cumsum(part, axis=1) / part.sum(axis=1, keepdims=True), ((0, 0), (1, 0)))
        for part in _weights_by_score(labels, scores, weights)
    )
    total = reals + fakes
    rows = np.arange(len(weights))
    # Sums rise from 0 to 2, so that a first one of at least 1 exists and is not column 0.
    after = np.argmax(total >= 1.0, axis=1)
    before = after - 1
    step = (1.0 - total[rows, before]) / (total[rows, after] - total[rows, before])
    rate: NDArray[np.float64] = reals[rows, before] + step * (
        reals[rows, after] - reals[rows, before]
    )
    return rate


def weighted_accuracy(threshold: float) -> WeightedMetric:
    """Make a metric: the share called rightly when scores of at least ``threshold`` are fake."""

    def accuracy(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
        right = (scores >= threshold) == (labels == FAKE)
        share: NDArray[np.float64] = weights @ right.astype(np.float64) / weights.sum(axis=1)
        return share

    return accuracy


def weighted_balanced_accuracy(threshold: float) -> WeightedMetric:
    """Make a metric: the mean recall when scores of at least ``threshold`` are fake."""

    def balanced(labels: Labels, scores: Scores, weights: Weights) -> NDArray[np.float64]:
        recalls = []
        for label in (REAL, FAKE):
            one = labels == label
            right = (scores[one] >= threshold) == (label == FAKE)
            recalls.append(weights[:, one] @ right.astype(np.float64) / weights[:, one].sum(axis=1))
        mean: NDArray[np.float64] = (recalls[0] + recalls[1]) / 2
        return mean

    return balanced


def _weights_by_score(
    labels: Labels, scores: Scores, weights: Weights
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum the weights of reals and of fakes at each distinct score, highest score first."""
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))
    ordered, is_fake = weights[:, order], labels[order] == FAKE
    reals = np.add.reduceat(ordered * ~is_fake, starts, axis=1)
    fakes = np.add.reduceat(ordered * is_fake, starts, axis=1)
    return reals, fakes

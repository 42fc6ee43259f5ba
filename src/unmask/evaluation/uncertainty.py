"""How far a number could move if other people had been filmed.

Videos that share a person or footage are not independent, so whole identity groups are resampled.
The interval holds other people being filmed, not another training run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from unmask.core.labels import FAKE, REAL
from unmask.evaluation.metrics.probability import LOG_LOSS_EPS
from unmask.evaluation.resamples import (
    ClusteredRows,
    Resamples,
    Values,
    clustered_rows,
    draw_counts,
)


@dataclass(frozen=True)
class Interval:
    """A percentile interval over resampled groups.

    Args:
        num_clusters: Groups that were resampled; with few of them the interval is rough.
        num_redrawn: Resamples that lacked a class and were drawn again.
    """

    low: float
    high: float
    num_clusters: int
    num_redrawn: int


ResampledMetric = Callable[[Resamples], Values]
"""Maps resamples to one value each."""


def cluster_bootstrap_interval(
    table: pd.DataFrame,
    metric: ResampledMetric,
    *,
    cluster: str = "group",
    num_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bound one metric, as :func:`cluster_bootstrap_intervals` bounds several.

    Args:
        metric: Such as :func:`weighted_auc`.

    Raises:
        PredictionsError: As :func:`cluster_bootstrap_intervals`.
        ValueError: As :func:`cluster_bootstrap_intervals`.
    """
    intervals = cluster_bootstrap_intervals(
        table,
        {"metric": metric},
        cluster=cluster,
        num_resamples=num_resamples,
        level=level,
        seed=seed,
    )
    return intervals["metric"]


def cluster_bootstrap_intervals(
    table: pd.DataFrame,
    metrics: Mapping[str, ResampledMetric],
    *,
    cluster: str = "group",
    num_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Bound metrics by resampling whole clusters with replacement; all see the same draws.

    The result depends on the rows and the seed, not on the order of the rows.

    Args:
        table: One row per clip or video with ``label``, ``score`` and the cluster's column.
        metrics: By name, such as :func:`weighted_auc`.
        cluster: Column whose equal values stay together.
        num_resamples: Resamples that hold both classes, at least 1.
        level: Share of the resamples inside, in (0, 1).

    Returns:
        By name, the interval between the quantiles ``(1 - level) / 2`` and ``(1 + level) / 2``.

    Raises:
        PredictionsError: If a class is missing, if there are fewer than 2 clusters, or if nearly no
            resample holds both classes.
        ValueError: If ``num_resamples`` or ``level`` is out of range.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, got {level}.")
    rows = clustered_rows(table, cluster)
    values: dict[str, list[Values]] = {name: [] for name in metrics}
    num_redrawn = 0
    for counts, redrawn in draw_counts(rows, num_resamples=num_resamples, seed=seed):
        resamples = Resamples(rows, counts)
        for name, metric in metrics.items():
            values[name].append(metric(resamples))
        num_redrawn += redrawn
    ends = {name: quantile_ends(np.concatenate(parts), level) for name, parts in values.items()}
    return {
        name: Interval(low, high, rows.num_clusters, num_redrawn)
        for name, (low, high) in ends.items()
    }


def quantile_ends(values: Values, level: float) -> tuple[float, float]:
    """Return the ends between which the middle ``level`` of the values lies."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def weighted_auc(resamples: Resamples) -> Values:
    """Return the ROC AUC of each resample, ties counting half.

    Example:
        >>> rows = ClusteredRows(np.array([0, 1, 1]), np.array([0.5, 0.4, 0.9]), np.arange(3), 3)
        >>> weighted_auc(Resamples(rows, np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 2.0]]))).tolist()
        [0.5, 1.0]
    """
    reals, fakes = resamples.by_level
    fakes_above = np.cumsum(fakes, axis=0) - fakes / 2
    pairs = np.einsum("lr,lr->r", reals, fakes_above)
    auc: Values = pairs / (reals.sum(axis=0) * fakes.sum(axis=0))
    return auc


def weighted_average_precision(resamples: Resamples) -> Values:
    """Return the average precision of each resample."""
    reals, fakes = resamples.by_level
    found = np.cumsum(fakes, axis=0)
    called = found + np.cumsum(reals, axis=0)
    # Nothing called yet means that no fake was found, so that any number may stand for 0 / 0.
    precision = found / np.where(called > 0, called, 1.0)
    average: Values = np.einsum("lr,lr->r", fakes, precision) / fakes.sum(axis=0)
    return average


def weighted_equal_error_rate(resamples: Resamples) -> Values:
    """Return the equal error rate of each resample."""
    false_fake, true_fake = resamples.curve
    total = false_fake + true_fake
    columns = np.arange(total.shape[1])
    # Sums rise from 0 to 2, so that a first one of at least 1 exists and is not row 0.
    after = np.argmax(total >= 1.0, axis=0)
    before = after - 1
    step = (1.0 - total[before, columns]) / (total[after, columns] - total[before, columns])
    start = false_fake[before, columns]
    rate: Values = start + step * (false_fake[after, columns] - start)
    return rate


def weighted_partial_auc(max_fpr: float) -> ResampledMetric:
    """Make a metric: the standardised partial AUC up to ``max_fpr``."""

    def partial(resamples: Resamples) -> Values:
        false_fake, true_fake = resamples.curve
        # Each piece of the curve, cut where it passes the limit.
        start, width = false_fake[:-1], np.diff(false_fake, axis=0)
        inside = np.clip(max_fpr - start, 0.0, width)
        share = np.divide(inside, width, out=np.zeros_like(width), where=width > 0)
        heights = true_fake[:-1] + share * np.diff(true_fake, axis=0) / 2
        area = np.einsum("lr,lr->r", inside, heights)
        guess = max_fpr**2 / 2
        standard: Values = (1 + (area - guess) / (max_fpr - guess)) / 2
        return standard

    return partial


def weighted_true_positive_rate(max_fpr: float) -> ResampledMetric:
    """Make a metric: the largest share of fakes found with at most ``max_fpr`` false alarms."""

    def found(resamples: Resamples) -> Values:
        false_fake, true_fake = resamples.curve
        last = (false_fake <= max_fpr).sum(axis=0) - 1
        rate: Values = true_fake[last, np.arange(len(last))]
        return rate

    return found


def weighted_log_loss(resamples: Resamples) -> Values:
    """Return the log loss of each resample."""
    labels, scores = resamples.rows.labels, resamples.rows.scores
    kept = np.clip(scores, LOG_LOSS_EPS, 1 - LOG_LOSS_EPS)
    return resamples.mean(-np.log(np.where(labels == FAKE, kept, 1 - kept)))


def weighted_brier_score(resamples: Resamples) -> Values:
    """Return the Brier score of each resample."""
    squares: Values = np.square(resamples.rows.scores - resamples.rows.labels)
    return resamples.mean(squares)


def weighted_accuracy(threshold: float) -> ResampledMetric:
    """Make a metric: the share called rightly when scores of at least ``threshold`` are fake."""

    def accuracy(resamples: Resamples) -> Values:
        return resamples.mean(_is_right(resamples.rows, threshold))

    return accuracy


def weighted_balanced_accuracy(threshold: float) -> ResampledMetric:
    """Make a metric: the mean recall when scores of at least ``threshold`` are fake."""

    def balanced(resamples: Resamples) -> Values:
        right = _is_right(resamples.rows, threshold)
        recalls = [
            resamples.total(right * is_one) / resamples.total(is_one.astype(np.float64))
            for is_one in (resamples.rows.labels == REAL, resamples.rows.labels == FAKE)
        ]
        mean: Values = (recalls[0] + recalls[1]) / 2
        return mean

    return balanced


def _is_right(rows: ClusteredRows, threshold: float) -> Values:
    right: Values = ((rows.scores >= threshold) == (rows.labels == FAKE)).astype(np.float64)
    return right

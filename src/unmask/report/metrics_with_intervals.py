"""All metrics of one table, of clips or of videos, with their intervals."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd

from unmask.core.labels import FAKE
from unmask.evaluation.metrics import (
    Decisions,
    Labels,
    Scores,
    average_precision,
    brier_score,
    decisions_at,
    equal_error_rate,
    expected_calibration_error,
    log_loss,
    partial_auc,
    roc_auc,
    true_positive_rate,
)
from unmask.evaluation.metrics.ranking import PARTIAL_MAX_FPR
from unmask.evaluation.uncertainty import (
    ResampledMetric,
    cluster_bootstrap_intervals,
    weighted_accuracy,
    weighted_auc,
    weighted_average_precision,
    weighted_balanced_accuracy,
    weighted_brier_score,
    weighted_equal_error_rate,
    weighted_log_loss,
    weighted_partial_auc,
    weighted_true_positive_rate,
)
from unmask.report.protocol import Protocol

Metric = Callable[[Labels, Scores], float]
Estimate = dict[str, float | None]


def share_found(max_fpr: float) -> tuple[Metric, ResampledMetric]:
    """Return the share of fakes found at a share of false alarms, plain and resampled."""

    def plain(labels: Labels, scores: Scores) -> float:
        return true_positive_rate(labels, scores, max_fpr=max_fpr)

    return plain, weighted_true_positive_rate(max_fpr)


# Metrics of scores alone; the same measure on the rows and on their resamples.
OF_SCORES: Final[dict[str, tuple[Metric, ResampledMetric]]] = {
    "auc": (roc_auc, weighted_auc),
    "average_precision": (average_precision, weighted_average_precision),
    "equal_error_rate": (equal_error_rate, weighted_equal_error_rate),
    "partial_auc": (partial_auc, weighted_partial_auc(PARTIAL_MAX_FPR)),
    "tpr_at_1_percent_fpr": share_found(0.01),
    "tpr_at_5_percent_fpr": share_found(0.05),
    "log_loss": (log_loss, weighted_log_loss),
    "brier_score": (brier_score, weighted_brier_score),
}


def measure_level(
    table: pd.DataFrame, threshold: float | None, protocol: Protocol
) -> dict[str, Any]:
    """Measure one table of both classes.

    Args:
        table: ``label``, ``score`` and ``group`` of each clip or video.
        threshold: Fixed on validation, or None where it could not be.
        protocol: How intervals are drawn.

    Returns:
        Counts, an estimate of each metric and the decisions at 0.5 and at the threshold.
        ``expected_calibration_error`` is a number without an interval: bins of a resample are
        noisier than those of the set, so that its resamples lie above it.
    """
    # Sums of floats depend on their order, hence the sort.
    table = table.sort_values(["label", "score"])
    labels, scores = table["label"].to_numpy(np.int64), table["score"].to_numpy(np.float64)
    num_fake = int((labels == FAKE).sum())
    decided = {"at_half": decisions_at(labels, scores, 0.5)}
    if threshold is not None:
        decided["at_threshold"] = decisions_at(labels, scores, threshold)
    resampled = {name: weighted for name, (_, weighted) in OF_SCORES.items()}
    for at, decisions in decided.items():
        resampled[f"{at}/accuracy"] = weighted_accuracy(decisions.threshold)
        resampled[f"{at}/balanced_accuracy"] = weighted_balanced_accuracy(decisions.threshold)
    ends = _ends(table, resampled, protocol)
    return {
        "count": len(table),
        "num_real": len(table) - num_fake,
        "num_fake": num_fake,
        "num_groups": int(table["group"].nunique()),
        "majority_accuracy": max(num_fake, len(table) - num_fake) / len(table),
        **{
            name: {"value": plain(labels, scores), **ends[name]}
            for name, (plain, _) in OF_SCORES.items()
        },
        "expected_calibration_error": expected_calibration_error(labels, scores),
        "at_threshold": None,
        **{at: _decisions(at, decisions, ends) for at, decisions in decided.items()},
    }


def estimate_auc(table: pd.DataFrame, protocol: Protocol) -> Estimate:
    """Estimate the AUC of a table of both classes."""
    value = roc_auc(table["label"].to_numpy(np.int64), table["score"].to_numpy(np.float64))
    return {"value": value, **_ends(table, {"auc": weighted_auc}, protocol)["auc"]}


def _decisions(at: str, decisions: Decisions, ends: dict[str, Estimate]) -> dict[str, Any]:
    content = asdict(decisions)
    for name in ("accuracy", "balanced_accuracy"):
        content[name] = {"value": content[name], **ends[f"{at}/{name}"]}
    return content


def _ends(
    table: pd.DataFrame, metrics: dict[str, ResampledMetric], protocol: Protocol
) -> dict[str, Estimate]:
    """Bound metrics, with no ends where one group is all there is."""
    if table["group"].nunique() == 1:
        return {name: {"low": None, "high": None} for name in metrics}
    intervals = cluster_bootstrap_intervals(
        table,
        metrics,
        num_resamples=protocol.num_resamples,
        level=protocol.level,
        seed=protocol.seed,
    )
    return {name: {"low": one.low, "high": one.high} for name, one in intervals.items()}

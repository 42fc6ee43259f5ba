"""What was fitted on validation, and what choosing on the test would have given instead."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final, get_args

import numpy as np
import pandas as pd

from unmask.core.labels import CLASS_NAMES
from unmask.evaluation.calibration import (
    Calibration,
    CalibrationMethod,
    calibrated,
    fit_calibration,
    reliability_curve,
)
from unmask.evaluation.metrics import brier_score, expected_calibration_error, log_loss
from unmask.evaluation.oracle import LABEL, OracleMetric, oracle_threshold

# Scores as the detector gave them, beside those that a map has changed.
AS_SCORED: Final = "none"
ONE_CHECKPOINT: Final = "not available: one checkpoint was scored"


def fit_calibrations(
    videos: pd.DataFrame, datasets: Sequence[str], split: str
) -> tuple[dict[str, Calibration], str]:
    """Fit every map on one split of the data sets trained on, or say why it cannot be.

    Args:
        videos: One row per video, as measured.
        datasets: The data sets that the detector was trained on.
        split: Their split to use; never ``"test"``.

    Returns:
        The maps by name, and a reason, empty where there are maps.

    Raises:
        ValueError: If ``split`` is ``"test"``.
    """
    part = videos[videos["dataset"].isin(list(datasets)) & (videos["split"] == split)]
    if part.empty:
        return {}, "it has no predictions"
    if part["label"].nunique() < len(CLASS_NAMES):
        return {}, "it holds one class only"
    methods: tuple[CalibrationMethod, ...] = get_args(CalibrationMethod)
    return {
        method: fit_calibration(part, method, datasets=list(datasets), split=split)
        for method in methods
    }, ""


def measure_calibration(videos: pd.DataFrame, maps: dict[str, Calibration]) -> dict[str, Any]:
    """Measure how far scores can be taken at their word, before and after each map.

    Args:
        videos: The videos of one split, ``label`` and ``score``.

    Returns:
        By name, first ``"none"``: log loss, Brier score, expected calibration error and the bins of
        the reliability curve.
    """
    tables = {AS_SCORED: videos, **{name: calibrated(videos, one) for name, one in maps.items()}}
    return {name: _at_their_word(table) for name, table in tables.items()}


def _at_their_word(videos: pd.DataFrame) -> dict[str, Any]:
    # Sums of floats depend on their order, hence the sort.
    ordered = videos.sort_values(["label", "score"])
    labels = ordered["label"].to_numpy(np.int64)
    # Isotonic regression's lines may pass 1 by the last bit.
    scores = ordered["score"].to_numpy(np.float64).clip(0.0, 1.0)
    return {
        "log_loss": log_loss(labels, scores),
        "brier_score": brier_score(labels, scores),
        "expected_calibration_error": expected_calibration_error(labels, scores),
        "reliability": [asdict(one) for one in reliability_curve(labels, scores)],
    }


def measure_oracle(videos: pd.DataFrame, threshold: float | None) -> dict[str, Any]:
    """Measure what a threshold chosen on these very videos would give.

    Args:
        videos: The test videos of one data set.
        threshold: What validation fixed, if anything.

    Returns:
        By metric, the oracle, the honest value and the gap. ``checkpoint`` says why the checkpoint
        that the test would have chosen is not known: the others were not scored.
    """
    labels = videos["label"].to_numpy(np.int64)
    scores = videos["score"].to_numpy(np.float64)
    metrics: tuple[OracleMetric, ...] = get_args(OracleMetric)
    found = {
        metric: oracle_threshold(labels, scores, honest_threshold=threshold, metric=metric)
        for metric in metrics
    }
    return {
        "label": LABEL,
        "threshold": {
            metric: {
                "threshold": one.oracle_threshold,
                "oracle": one.oracle,
                "honest": one.honest,
                "gap": one.gap,
            }
            for metric, one in found.items()
        },
        "checkpoint": ONE_CHECKPOINT,
    }

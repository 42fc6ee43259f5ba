import numpy as np
import pandas as pd
import pytest

from unmask.evaluation.metrics import decisions_at, log_loss
from unmask.report.calibration_and_oracle import (
    fit_calibrations,
    measure_calibration,
    measure_oracle,
)


def videos(count: int = 400, *, sharpness: float = 4.0, seed: int = 0) -> pd.DataFrame:
    """Return scores that are surer than they should be where ``sharpness`` is above 1."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, count)
    labels = (generator.random(count) < 1 / (1 + np.exp(-logits))).astype(int)
    return pd.DataFrame(
        {
            "dataset": "home",
            "split": "val",
            "label": labels,
            "score": 1 / (1 + np.exp(-sharpness * logits)),
        }
    )


def test_maps_fitted_on_validation_help_a_test_that_is_like_it() -> None:
    maps, reason = fit_calibrations(videos(), ["home"], "val")
    assert reason == ""
    found = measure_calibration(videos(seed=1).assign(split="test"), maps)
    assert list(found) == ["none", "temperature", "platt", "isotonic"]
    for name in ("temperature", "platt"):
        assert found[name]["log_loss"] < found["none"]["log_loss"]
    for name in ("temperature", "platt", "isotonic"):
        assert found[name]["brier_score"] < found["none"]["brier_score"]
        error = "expected_calibration_error"
        assert found[name][error] < found["none"][error]


def test_the_values_before_a_map_are_those_of_the_scores() -> None:
    table = videos()
    found = measure_calibration(table, {})["none"]
    value = log_loss(table["label"].to_numpy(np.int64), table["score"].to_numpy(np.float64))
    assert found["log_loss"] == pytest.approx(value, abs=1e-12)
    assert sum(one["count"] for one in found["reliability"]) == len(table)


def test_without_validation_there_is_no_map_but_a_reason() -> None:
    assert fit_calibrations(videos(), ["away"], "val") == ({}, "it has no predictions")
    fakes = videos().assign(label=1)
    assert fit_calibrations(fakes, ["home"], "val") == ({}, "it holds one class only")


def test_the_oracle_is_the_best_of_all_thresholds_and_its_gap_is_not_negative() -> None:
    table = videos(60)
    labels = table["label"].to_numpy(np.int64)
    scores = table["score"].to_numpy(np.float64)
    found = measure_oracle(table, 0.9)["threshold"]["accuracy"]
    best = max(decisions_at(labels, scores, float(one)).accuracy for one in (*scores, 0.0, 1.0))
    assert found["oracle"] == best
    assert found["honest"] == decisions_at(labels, scores, 0.9).accuracy
    assert found["gap"] == found["oracle"] - found["honest"] >= 0
    assert measure_oracle(table, None)["threshold"]["accuracy"]["gap"] is None

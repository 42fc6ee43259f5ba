import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from unmask.core.errors import PredictionsError
from unmask.evaluation.calibration import (
    TEMPERATURES,
    Calibration,
    CalibrationMethod,
    Isotonic,
    Platt,
    Temperature,
    calibrated,
    calibration_of,
    fit_calibration,
    logits,
    reliability_curve,
)
from unmask.evaluation.metrics import Labels, Scores, roc_auc

FITS = [Temperature.fit, Platt.fit, Isotonic.fit]
NAMES = ["temperature", "platt", "isotonic"]


def simulated(*, stretch: float, shift: float = 0.0, count: int = 60_000) -> tuple[Labels, Scores]:
    """Labels drawn from true logits, and scores whose logits are those, stretched and shifted."""
    generator = np.random.default_rng(7)
    truth = generator.normal(0, 2, count)
    labels = (generator.random(count) < expit(truth)).astype(np.int64)
    return labels, expit(stretch * truth + shift)


@st.composite
def scored(draw: st.DrawFn) -> tuple[Labels, Scores]:
    """Both classes, with ties and exact 0 and 1."""
    labels = [0, 1, *draw(st.lists(st.integers(0, 1), max_size=30))]
    steps = draw(st.lists(st.integers(0, 20), min_size=len(labels), max_size=len(labels)))
    return np.array(labels), np.array(steps) / 20


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found(temperature: float) -> None:
    found = Temperature.fit(*simulated(stretch=temperature)).temperature
    assert found == pytest.approx(temperature, rel=0.03)


def test_a_known_line_is_found() -> None:
    # The scores' logits are 2 t + 1, so that the true ones are 0.5 s - 0.5.
    found = Platt.fit(*simulated(stretch=2.0, shift=1.0))
    assert (found.slope, found.intercept) == pytest.approx((0.5, -0.5), abs=0.02)


def test_no_other_temperature_has_less_log_loss() -> None:
    labels, scores = simulated(stretch=2.3, count=500)
    fitted = Temperature.fit(labels, scores)
    best = log_loss(labels, fitted.apply(scores))
    for factor in (0.8, 0.99, 1.01, 1.25):
        other = Temperature(fitted.temperature * factor)
        assert log_loss(labels, other.apply(scores)) > best


@pytest.mark.parametrize("fit", FITS, ids=NAMES)
def test_calibration_lowers_the_log_loss_on_other_videos(fit: object) -> None:
    labels, scores = simulated(stretch=3.0)
    fitted: Calibration = fit(labels[:30_000], scores[:30_000])  # type: ignore[operator]
    others, before = labels[30_000:], scores[30_000:]
    after = fitted.apply(before).clip(1e-9, 1 - 1e-9)
    assert log_loss(others, after) < 0.8 * log_loss(others, before)


@given(scored())
def test_isotonic_never_falls(case: tuple[Labels, Scores]) -> None:
    fitted = Isotonic.fit(*case)
    assert (np.diff(fitted.apply(np.linspace(0, 1, 101))) >= 0).all()


@given(scored())
def test_temperature_and_a_rising_line_leave_the_auc(case: tuple[Labels, Scores]) -> None:
    labels, scores = case
    before = roc_auc(labels, scores)
    assert roc_auc(labels, Temperature.fit(*case).apply(scores)) == before
    line = Platt.fit(*case)
    if line.slope > 1e-6:
        assert roc_auc(labels, line.apply(scores)) == before


def test_scores_next_to_0_and_1_stay_in_order() -> None:
    scores = np.array([0.0, 1e-300, 1e-12, 0.5, 1 - 1e-12, 1.0])
    assert (np.diff(Temperature(2.0).apply(scores)) > 0).all()


@given(scored())
@pytest.mark.parametrize("fit", FITS, ids=NAMES)
def test_calibrated_scores_stay_between_0_and_1(fit: object, case: tuple[Labels, Scores]) -> None:
    fitted: Calibration = fit(*case)  # type: ignore[operator]
    result = fitted.apply(np.array([0.0, 1e-300, 0.3, 1.0]))
    assert np.isfinite(result).all()
    assert ((result >= 0) & (result <= 1)).all()


def test_platts_line_is_the_optimum_where_its_solver_gives_up() -> None:
    labels = np.array([0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0])
    scores = np.array([0, 0.5, 0.95, 0.95, 0.75, 0.7, 0, 0.1, 0.05, 0.75, 0.1])
    line = Platt.fit(labels, scores)
    target = np.where(labels == 1, (4 + 1) / (4 + 2), 1 / (7 + 2))
    beyond = target - expit(line.slope * logits(scores) + line.intercept)
    # Both derivatives of the log loss vanish there.
    assert beyond.sum() == pytest.approx(0, abs=1e-5)
    assert (beyond * logits(scores)).sum() == pytest.approx(0, abs=1e-4)


def test_one_sure_mistake_does_not_decide_the_fit() -> None:
    labels, scores = simulated(stretch=1.0, count=2000)
    scores[0], labels[0] = 0.0, 1
    assert Temperature.fit(labels, scores).temperature == pytest.approx(1.0, abs=0.15)


def test_where_validation_is_all_right_the_fit_ends_somewhere() -> None:
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.7, 0.9])
    assert Temperature.fit(labels, scores).temperature == pytest.approx(TEMPERATURES[0], rel=1e-3)
    assert 0 < Platt.fit(labels, scores).slope < 10


def table(split: str = "val", labels: tuple[int, ...] = (0, 1, 0, 1)) -> pd.DataFrame:
    scores = [0.2, 0.9, 0.6, 0.4]
    return pd.DataFrame(
        {"dataset": "home", "split": split, "label": labels, "score": scores[: len(labels)]}
    )


@pytest.mark.parametrize("method", NAMES)
def test_only_the_validation_videos_of_the_source_are_looked_at(method: str) -> None:
    others = table("test").assign(label=[1, 0, 1, 0])
    away = table().assign(dataset="away", label=[1, 0, 1, 0])
    alone = fit_calibration(table(), method, datasets=["home"])  # type: ignore[arg-type]
    among = fit_calibration(
        pd.concat([others, away, table()]),
        method,  # type: ignore[arg-type]
        datasets=["home"],
    )
    assert alone == among
    assert alone.settings()["method"] == method


def test_the_test_split_is_refused() -> None:
    with pytest.raises(ValueError, match="split must not be 'test'"):
        fit_calibration(table("test"), "platt", datasets=["home"], split="test")


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ValueError, match="got 'beta'"):
        fit_calibration(table(), "beta", datasets=["home"])  # type: ignore[arg-type]


@pytest.mark.parametrize("method", NAMES)
def test_one_class_is_refused(method: str) -> None:
    with pytest.raises(PredictionsError, match="0 real and 2 fake ones"):
        fit_calibration(table(labels=(1, 1)), method, datasets=["home"])  # type: ignore[arg-type]


def test_no_validation_videos_are_refused() -> None:
    with pytest.raises(PredictionsError, match=r"no videos of home, split 'val'"):
        fit_calibration(table("test"), "platt", datasets=["home"])


def test_logits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        Temperature.fit(np.array([0, 1]), np.array([-3.0, 2.0]))


def test_a_calibrated_table_differs_in_its_scores_alone() -> None:
    before = table()
    after = calibrated(before, Temperature(2.0))
    pd.testing.assert_frame_equal(after.drop(columns="score"), before.drop(columns="score"))
    assert after["score"].tolist() == pytest.approx([1 / 3, 0.75, 0.5505, 0.4495], abs=1e-4)


@given(scored(), st.integers(1, 12))
def test_the_reliability_curve_equals_scikit_learns(
    case: tuple[Labels, Scores], num_bins: int
) -> None:
    bins = reliability_curve(*case, num_bins=num_bins)
    fraction, mean = calibration_curve(*case, n_bins=num_bins)
    filled = [one for one in bins if one.count]
    assert [one.fraction_fake for one in filled] == pytest.approx(fraction.tolist(), abs=1e-12)
    assert [one.mean_score for one in filled] == pytest.approx(mean.tolist(), abs=1e-12)
    assert sum(one.count for one in bins) == len(case[0])
    assert (bins[0].low, bins[-1].high, len(bins)) == (0.0, 1.0, num_bins)


def test_no_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="got 0"):
        reliability_curve(np.array([0, 1]), np.array([0.1, 0.9]), num_bins=0)


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_a_map_is_rebuilt_from_its_settings(method: CalibrationMethod) -> None:
    videos = pd.DataFrame(
        {"dataset": "d", "split": "val", "label": [0, 0, 1, 1], "score": [0.1, 0.4, 0.3, 0.9]}
    )
    fitted = fit_calibration(videos, method, datasets=["d"])
    settings = json.loads(json.dumps(fitted.settings()))
    assert calibration_of(settings) == fitted


def test_settings_of_no_map_are_refused() -> None:
    with pytest.raises(ValueError, match="'magic'"):
        calibration_of({"method": "magic"})

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from unmask.core.errors import PredictionsError
from unmask.evaluation.metrics import (
    Labels,
    Scores,
    average_precision,
    balanced_accuracy_threshold,
    decisions_at,
    equal_error_rate,
    roc_auc,
)


@st.composite
def scored(draw: st.DrawFn) -> tuple[Labels, Scores]:
    """Both classes, with ties: scores are multiples of 1/20."""
    labels = [0, 1, *draw(st.lists(st.integers(0, 1), max_size=30))]
    steps = draw(st.lists(st.integers(0, 20), min_size=len(labels), max_size=len(labels)))
    return np.array(labels), np.array(steps) / 20


@given(scored())
def test_auc_is_the_share_of_pairs_in_order(case: tuple[Labels, Scores]) -> None:
    labels, scores = case
    gaps = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    assert roc_auc(labels, scores) == pytest.approx(((gaps > 0) + (gaps == 0) / 2).mean())


@given(scored())
def test_auc_is_unchanged_by_monotone_rescaling(case: tuple[Labels, Scores]) -> None:
    labels, scores = case
    assert roc_auc(labels, scores**3 / 2 + 0.1) == pytest.approx(roc_auc(labels, scores))


@given(scored())
def test_auc_is_mirrored_by_swapping_the_classes(case: tuple[Labels, Scores]) -> None:
    labels, scores = case
    assert roc_auc(1 - labels, scores) == pytest.approx(1 - roc_auc(labels, scores))


@given(scored())
def test_equal_error_rate_is_where_the_roc_curve_meets_equal_errors(
    case: tuple[Labels, Scores],
) -> None:
    labels, scores = case
    rate = equal_error_rate(labels, scores)
    false_fake, true_fake, _ = reference.roc_curve(labels, scores, drop_intermediate=False)
    low, high = 0.0, 1.0
    for _ in range(50):  # halve towards where the curve meets the line of equal errors
        middle = (low + high) / 2
        is_past = np.interp(middle, false_fake, true_fake) >= 1 - middle
        low, high = (low, middle) if is_past else (middle, high)
    assert rate == pytest.approx(high, abs=1e-9)


@given(scored())
def test_equal_error_rate_is_kept_by_mirroring_classes_and_scores(
    case: tuple[Labels, Scores],
) -> None:
    labels, scores = case
    mirrored = equal_error_rate(1 - labels, 1 - scores)
    assert mirrored == pytest.approx(equal_error_rate(labels, scores))


@pytest.mark.parametrize(
    ("scores", "rate"),
    [([0.1, 0.2, 0.8, 0.9], 0.0), ([0.8, 0.9, 0.1, 0.2], 1.0), ([0.5, 0.5, 0.5, 0.5], 0.5)],
)
def test_equal_error_rate_of_extremes(scores: list[float], rate: float) -> None:
    assert equal_error_rate(np.array([0, 0, 1, 1]), np.array(scores)) == rate


@given(scored())
def test_no_threshold_has_a_better_balanced_accuracy(case: tuple[Labels, Scores]) -> None:
    labels, scores = case
    chosen = balanced_accuracy_threshold(labels, scores)
    # One threshold between each two scores that can be drawn.
    tried = [at for at in (np.arange(20) + 0.5) / 20 if scores.min() < at <= scores.max()]
    best = max((decisions_at(labels, scores, at).balanced_accuracy for at in tried), default=0.5)
    assert decisions_at(labels, scores, chosen).balanced_accuracy >= best - 1e-9


def test_a_threshold_lies_midway_in_a_clean_gap() -> None:
    assert balanced_accuracy_threshold(np.array([0, 1]), np.array([0.6, 0.8])) == pytest.approx(0.7)


def test_equal_scores_leave_the_threshold_at_one_half() -> None:
    assert balanced_accuracy_threshold(np.array([0, 1]), np.array([0.9, 0.9])) == 0.5


def test_decisions_match_a_table_worked_by_hand() -> None:
    # real: 0.1 0.2 0.7 -> 2 right of 3; fake: 0.5 0.9 0.3 0.8 -> 3 right of 4
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    scores = np.array([0.1, 0.2, 0.7, 0.5, 0.9, 0.3, 0.8])
    decisions = decisions_at(labels, scores, 0.5)
    assert decisions.confusion == ((2, 1), (1, 3))
    assert decisions.accuracy == pytest.approx(5 / 7)
    assert decisions.balanced_accuracy == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert decisions.classes["real"].precision == pytest.approx(2 / 3)
    assert decisions.classes["fake"].recall == pytest.approx(3 / 4)
    assert decisions.classes["fake"].f1 == pytest.approx(3 / 4)
    assert [decisions.classes[name].support for name in ("real", "fake")] == [3, 4]


def test_precision_of_what_was_never_called_is_unknown_and_not_zero() -> None:
    decisions = decisions_at(np.array([0, 1]), np.array([0.1, 0.2]), 0.5)
    assert decisions.classes["fake"].precision is None
    assert decisions.classes["fake"].f1 == 0.0


def test_classes_need_not_come_sorted() -> None:
    labels, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.6, 0.8, 0.1])
    assert decisions_at(labels, scores, 0.5).confusion == ((1, 1), (0, 2))


@pytest.mark.parametrize("metric", [roc_auc, average_precision, equal_error_rate])
def test_one_class_is_refused_and_never_one_half(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(PredictionsError, match="0 real and 2 fake ones"):
        metric(np.array([1, 1]), np.array([0.2, 0.9]))


def test_a_threshold_of_one_class_is_refused() -> None:
    with pytest.raises(PredictionsError, match="2 real and 0 fake ones, but a threshold"):
        balanced_accuracy_threshold(np.array([0, 0]), np.array([0.2, 0.9]))


def test_a_threshold_outside_the_unit_interval_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got 1\.5"):
        decisions_at(np.array([0, 1]), np.array([0.2, 0.9]), 1.5)

"""Every reported metric against a slow definition written apart from it, on random tables."""

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from unmask.evaluation.metrics import (
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

# Seconds for a person who waits, and all of them for a machine.
NUM_TABLES = [100, pytest.param(1000, marks=pytest.mark.slow)]
Table = tuple[Labels, Scores]
Metric = Callable[[Labels, Scores], float]


def tables(num_tables: int) -> Iterator[Table]:
    """Yield tables of both classes with 2 to 40 rows: no ties, some, many, and on bins' edges."""
    generator = np.random.default_rng(20)
    for index in range(num_tables):
        count = int(generator.integers(2, 41))
        labels = generator.integers(0, 2, size=count)
        labels[:2] = (0, 1)
        steps = (None, 20, 4, 15)[index % 4]
        scores = np.clip(generator.normal(0.4 + 0.2 * labels, 0.3), 0, 1)
        yield labels, scores if steps is None else np.round(scores * steps) / steps


def curve(labels: Labels, scores: Scores) -> list[tuple[Fraction, Fraction]]:
    """Return the ROC curve's points exactly, one per threshold, from (0, 0)."""
    points = [(Fraction(0), Fraction(0))]
    num_fake, rows = int(sum(labels)), list(zip(labels.tolist(), scores.tolist(), strict=True))
    for threshold in sorted({score for _, score in rows}, reverse=True):
        called = [label for label, score in rows if score >= threshold]
        false, right = len(called) - sum(called), sum(called)
        points.append((Fraction(false, len(rows) - num_fake), Fraction(right, num_fake)))
    return points


def slow_auc(labels: Labels, scores: Scores) -> float:
    fakes, reals = scores[labels == 1].tolist(), scores[labels == 0].tolist()
    halves = sum(2 * (fake > real) + (fake == real) for fake in fakes for real in reals)
    return halves / (2 * len(fakes) * len(reals))


def slow_average_precision(labels: Labels, scores: Scores) -> float:
    total, before = Fraction(0), Fraction(0)
    for threshold in sorted(set(scores), reverse=True):
        found = int(((scores >= threshold) & (labels == 1)).sum())
        recall = Fraction(found, int(labels.sum()))
        total += (recall - before) * Fraction(found, int((scores >= threshold).sum()))
        before = recall
    return float(total)


def slow_equal_error_rate(labels: Labels, scores: Scores) -> float:
    points = curve(labels, scores)
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x1 + y1 >= 1:  # the first piece that reaches the line y = 1 - x
            return float(x0 + (x1 - x0) * (1 - x0 - y0) / (x1 - x0 + y1 - y0))
    raise AssertionError("the curve ends at (1, 1)")


def slow_partial_auc(labels: Labels, scores: Scores) -> float:
    limit, area = Fraction(1, 10), Fraction(0)
    points = curve(labels, scores)
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x1 == x0 or x0 >= limit:
            continue
        end = min(x1, limit)
        area += (end - x0) * (y0 + y0 + (y1 - y0) * (end - x0) / (x1 - x0)) / 2
    guess = limit**2 / 2
    return float((1 + (area - guess) / (limit - guess)) / 2)


def slow_share_found(max_fpr: Fraction) -> Metric:
    def found(labels: Labels, scores: Scores) -> float:
        return float(max(y for x, y in curve(labels, scores) if x <= max_fpr))

    return found


def slow_log_loss(labels: Labels, scores: Scores) -> float:
    tiny = 2.0**-52
    given = [
        min(max(score, tiny), 1 - tiny) if label else 1 - min(max(score, tiny), 1 - tiny)
        for label, score in zip(labels, scores, strict=True)
    ]
    return -math.fsum(math.log(one) for one in given) / len(given)


def slow_brier(labels: Labels, scores: Scores) -> float:
    return math.fsum((s - y) ** 2 for y, s in zip(labels, scores, strict=True)) / len(labels)


def slow_calibration_error(labels: Labels, scores: Scores) -> float:
    total = 0.0
    for index in range(15):
        inside = [
            (float(score), int(label))
            for score, label in zip(scores, labels, strict=True)
            if index / 15 <= score < (index + 1) / 15 or (index == 14 and score == 1)
        ]
        if inside:
            mean = math.fsum(score for score, _ in inside) / len(inside)
            share = sum(label for _, label in inside) / len(inside)
            total += len(inside) / len(labels) * abs(mean - share)
    return total


def found_at(max_fpr: float) -> Metric:
    return lambda labels, scores: true_positive_rate(labels, scores, max_fpr=max_fpr)


@pytest.mark.parametrize("num_tables", NUM_TABLES)
@pytest.mark.parametrize(
    ("metric", "slow"),
    [
        (roc_auc, slow_auc),
        (average_precision, slow_average_precision),
        (equal_error_rate, slow_equal_error_rate),
        (partial_auc, slow_partial_auc),
        (found_at(0.01), slow_share_found(Fraction(1, 100))),
        (found_at(0.05), slow_share_found(Fraction(1, 20))),
        (found_at(0.25), slow_share_found(Fraction(1, 4))),
        (log_loss, slow_log_loss),
        (brier_score, slow_brier),
        (expected_calibration_error, slow_calibration_error),
    ],
    ids=["auc", "ap", "eer", "pauc", "tpr@1%", "tpr@5%", "tpr@25%", "log_loss", "brier", "ece"],
)
def test_a_metric_equals_its_slow_definition(metric: Metric, slow: Metric, num_tables: int) -> None:
    gaps = [abs(metric(*table) - slow(*table)) for table in tables(num_tables)]
    assert len(gaps) == num_tables
    assert max(gaps) < 1e-9


@pytest.mark.parametrize("num_tables", NUM_TABLES)
def test_decisions_equal_counting_by_hand(num_tables: int) -> None:
    for index, (labels, scores) in enumerate(tables(num_tables)):
        threshold = (0.0, 0.25, 0.5, 0.73, 1.0)[index % 5]
        decisions = decisions_at(labels, scores, threshold)
        counts = np.zeros((2, 2), dtype=int)
        for label, score in zip(labels, scores, strict=True):
            counts[label, int(score >= threshold)] += 1
        assert decisions.confusion == tuple(map(tuple, counts.tolist()))
        assert abs(decisions.accuracy - np.trace(counts) / counts.sum()) < 1e-9
        recalls = [counts[one, one] / counts[one].sum() for one in (0, 1)]
        assert abs(decisions.balanced_accuracy - sum(recalls) / 2) < 1e-9
        for one, name in enumerate(("real", "fake")):
            of_class, called = decisions.classes[name], counts[:, one].sum()
            precision = counts[one, one] / called if called else -1
            assert (
                abs((-1 if of_class.precision is None else of_class.precision) - precision) < 1e-9
            )
            assert abs(of_class.recall - recalls[one]) < 1e-9
            assert abs(of_class.f1 - 2 * counts[one, one] / (called + counts[one].sum())) < 1e-9
            assert of_class.support == counts[one].sum()


@pytest.mark.parametrize("max_fpr", [0.0, 1.5])
def test_a_share_of_false_alarms_out_of_range_is_named(max_fpr: float) -> None:
    labels, scores = np.array([0, 1]), np.array([0.2, 0.9])
    for metric in (partial_auc, true_positive_rate):
        with pytest.raises(ValueError, match=rf"max_fpr must lie in \(0, 1\], got {max_fpr}"):
            metric(labels, scores, max_fpr=max_fpr)


def test_no_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="num_bins must be at least 1, got 0"):
        expected_calibration_error(np.array([0, 1]), np.array([0.2, 0.9]), num_bins=0)


def test_few_reals_allow_no_false_alarm() -> None:
    labels, scores = np.array([0] * 50 + [1] * 2), np.array([0.1] * 49 + [0.8, 0.7, 0.9])
    assert true_positive_rate(labels, scores, max_fpr=0.01) == 0.5
    assert true_positive_rate(labels, scores, max_fpr=0.02) == 1.0

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from unmask.core.errors import PredictionsError
from unmask.evaluation import resamples
from unmask.evaluation.metrics import (
    Labels,
    Scores,
    brier_score,
    decisions_at,
    equal_error_rate,
    log_loss,
    partial_auc,
    true_positive_rate,
)
from unmask.evaluation.resamples import ClusteredRows, Resamples, Values
from unmask.evaluation.uncertainty import (
    ResampledMetric,
    cluster_bootstrap_interval,
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

Rows = tuple[Labels, Scores, Values]


@pytest.fixture
def rows() -> Rows:
    """Return 60 rows with ties and 20 resamples, in which some rows weigh nothing."""
    generator = np.random.default_rng(7)
    labels = generator.permutation(np.repeat([0, 1], 30))
    scores = np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0, 1).round(1)
    return labels, scores, generator.integers(0, 4, size=(20, 60)).astype(float)


def people(num_groups: int = 30, *, copies: int = 1, seed: int = 5) -> pd.DataFrame:
    """Return groups with one real and one fake video, each ``copies`` times."""
    generator = np.random.default_rng(seed)
    labels = np.tile([0, 1], num_groups)
    table = pd.DataFrame(
        {
            "label": labels,
            "score": np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0, 1),
            "group": np.repeat([f"g{index}" for index in range(num_groups)], 2),
        }
    )
    return pd.concat([table] * copies, ignore_index=True)


def drawn(labels: Labels, scores: Scores, weights: Values) -> Resamples:
    return Resamples(ClusteredRows(labels, scores, np.arange(len(labels)), len(labels)), weights)


def test_weighted_auc_equals_scikit_learns(rows: Rows) -> None:
    labels, scores, weights = rows
    expected = [reference.roc_auc_score(labels, scores, sample_weight=one) for one in weights]
    np.testing.assert_allclose(weighted_auc(drawn(*rows)), expected)


def test_weighted_average_precision_equals_scikit_learns(rows: Rows) -> None:
    labels, scores, weights = rows
    expected = [
        reference.average_precision_score(labels, scores, sample_weight=one) for one in weights
    ]
    np.testing.assert_allclose(weighted_average_precision(drawn(*rows)), expected)


@pytest.mark.parametrize(
    ("weighted", "plain"),
    [
        (weighted_equal_error_rate, equal_error_rate),
        (weighted_partial_auc(0.1), lambda y, s: partial_auc(y, s, max_fpr=0.1)),
        (weighted_partial_auc(1.0), lambda y, s: partial_auc(y, s, max_fpr=1.0)),
        (weighted_true_positive_rate(0.05), lambda y, s: true_positive_rate(y, s, max_fpr=0.05)),
        (weighted_true_positive_rate(0.3), lambda y, s: true_positive_rate(y, s, max_fpr=0.3)),
        (weighted_log_loss, log_loss),
        (weighted_brier_score, brier_score),
        (weighted_accuracy(0.5), lambda y, s: decisions_at(y, s, 0.5).accuracy),
        (weighted_balanced_accuracy(0.5), lambda y, s: decisions_at(y, s, 0.5).balanced_accuracy),
    ],
    ids=["eer", "pauc", "auc", "tpr@5%", "tpr@30%", "log_loss", "brier", "acc", "balanced"],
)
def test_a_weighted_metric_equals_that_of_repeated_rows(
    rows: Rows, weighted: ResampledMetric, plain: Callable[[Labels, Scores], float]
) -> None:
    labels, scores, weights = rows
    expected = [
        plain(np.repeat(labels, one.astype(int)), np.repeat(scores, one.astype(int)))
        for one in weights
    ]
    np.testing.assert_allclose(weighted(drawn(*rows)), expected, rtol=1e-12)


def test_metrics_bounded_together_see_the_draws_of_one_alone() -> None:
    together = cluster_bootstrap_intervals(
        people(), {"auc": weighted_auc, "brier": weighted_brier_score}, num_resamples=50
    )
    for name, metric in (("auc", weighted_auc), ("brier", weighted_brier_score)):
        alone = cluster_bootstrap_interval(people(), metric, num_resamples=50)
        assert together[name] == alone


def test_many_distinct_scores_are_told_apart_well_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    table = people(2000)
    metrics: dict[str, ResampledMetric] = {
        "auc": weighted_auc,
        "ap": weighted_average_precision,
        "eer": weighted_equal_error_rate,
        "pauc": weighted_partial_auc(0.1),
    }
    exact = cluster_bootstrap_intervals(table, metrics, num_resamples=50)
    monkeypatch.setattr(resamples, "MAX_LEVELS", 1000)
    coarse = cluster_bootstrap_intervals(table, metrics, num_resamples=50)
    for name, interval in exact.items():
        assert coarse[name] != interval  # the levels have an effect
        ends = (coarse[name].low, coarse[name].high)
        assert ends == pytest.approx((interval.low, interval.high), abs=5e-4)


def test_coarse_levels_keep_equal_scores_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resamples, "MAX_LEVELS", 3)
    scores = np.array([0.9, 0.9, 0.9, 0.8, 0.7, 0.7, 0.1, 0.2, 0.2, 0.2])
    rows = ClusteredRows(np.tile([0, 1], 5), scores, np.arange(10), 10)
    reals, fakes = rows.sums_by_level
    # Of 10 rows in 3 levels: 0.9 starts at row 0, 0.8 at 3, 0.7 at 4, 0.2 at 6 and 0.1 at 9.
    assert (reals + fakes).sum(axis=1).tolist() == [4, 2 + 3, 1]


def test_row_order_does_not_change_an_interval() -> None:
    table = people()
    shuffled = table.sample(frac=1, random_state=1)
    assert cluster_bootstrap_interval(table, weighted_auc) == cluster_bootstrap_interval(
        shuffled, weighted_auc
    )


def test_the_seed_has_an_effect() -> None:
    table = people()
    assert cluster_bootstrap_interval(table, weighted_auc, seed=0) != cluster_bootstrap_interval(
        table, weighted_auc, seed=1
    )


def test_copies_of_a_group_add_no_certainty() -> None:
    once = cluster_bootstrap_interval(people(), weighted_auc)
    often = cluster_bootstrap_interval(people(copies=5), weighted_auc)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_a_wider_level_gives_a_wider_interval() -> None:
    narrow = cluster_bootstrap_interval(people(), weighted_auc, level=0.5)
    wide = cluster_bootstrap_interval(people(), weighted_auc, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def filmed(generator: np.random.Generator, num_groups: int = 80) -> pd.DataFrame:
    """Return people whose videos share a shift: 1 or 2 real and 1 to 3 fake ones each."""
    reals = generator.integers(1, 3, num_groups)
    fakes = generator.integers(1, 4, num_groups)
    groups = np.concatenate([np.repeat(np.arange(num_groups), part) for part in (reals, fakes)])
    labels = np.repeat([0, 1], [reals.sum(), fakes.sum()])
    shift = generator.normal(0, 1, num_groups)[groups]
    logits = 1.5 * labels + shift + generator.normal(0, 1, len(labels))
    return pd.DataFrame({"label": labels, "score": 1 / (1 + np.exp(-logits)), "group": groups})


@pytest.mark.parametrize(
    ("simulations", "fewest", "most"),
    [(150, 135, 149), pytest.param(1000, 920, 980, marks=pytest.mark.slow)],
)
def test_the_interval_of_95_percent_covers_the_truth_as_often(
    simulations: int, fewest: int, most: int
) -> None:
    # One real and one fake of different people differ by N(1.5, 4): P(> 0) = Phi(0.75).
    truth = NormalDist().cdf(1.5 / 2)
    generator, inside, width = np.random.default_rng(11), 0, 0.0
    for simulation in range(simulations):
        found = cluster_bootstrap_interval(
            filmed(generator), weighted_auc, num_resamples=400, seed=simulation
        )
        inside += found.low <= truth <= found.high
        width += (found.high - found.low) / simulations
    assert fewest <= inside <= most
    assert width < 0.15  # an interval that says something


@pytest.mark.slow
@pytest.mark.parametrize(("cluster", "fewest", "most"), [("group", 182, 199), ("row", 0, 160)])
def test_drawing_single_videos_of_people_covers_too_rarely(
    cluster: str, fewest: int, most: int
) -> None:
    """Ten videos of each person, all real or all fake: 95 % of 200 would be 190."""
    generator, inside = np.random.default_rng(12), 0
    truth = NormalDist().cdf(1.5 / 2)
    groups, labels = np.repeat(np.arange(80), 10), np.repeat([0, 1], 400)
    for simulation in range(200):
        logits = 1.5 * labels + generator.normal(0, 1, 80)[groups] + generator.normal(0, 1, 800)
        table = pd.DataFrame({"label": labels, "score": 1 / (1 + np.exp(-logits))})
        found = cluster_bootstrap_interval(
            table.assign(group=groups, row=table.index),
            weighted_auc,
            cluster=cluster,
            num_resamples=200,
            seed=simulation,
        )
        inside += found.low <= truth <= found.high
    assert fewest <= inside <= most


def test_small_chunks_cover_every_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def measured(resampled: Resamples) -> Values:
        sizes.append(len(resampled.counts))
        return weighted_auc(resampled)

    monkeypatch.setattr(resamples, "MAX_CELLS", 600)
    cluster_bootstrap_interval(people(), measured, num_resamples=95)
    assert sum(sizes) == 95
    assert max(sizes) == 10


def test_resamples_without_a_class_are_drawn_again_and_counted() -> None:
    table = people(8)
    table.loc[(table["label"] == 1) & (table["group"] != "g0"), "label"] = 0
    found = cluster_bootstrap_interval(table, weighted_auc, num_resamples=200)
    # A group is missing from (7/8)^8 = 34 % of the draws: 105 redraws are expected for 200 kept.
    assert 60 < found.num_redrawn < 160


def test_a_perfect_ranking_has_an_interval_that_says_it_is_empty() -> None:
    table = people().assign(score=lambda rows: rows["label"].astype(float))
    found = cluster_bootstrap_interval(table, weighted_auc)
    assert found.low == found.high


def test_one_group_is_refused_by_name() -> None:
    with pytest.raises(PredictionsError, match="All 60 rows share the group 'only'"):
        cluster_bootstrap_interval(people().assign(group="only"), weighted_auc)


def test_one_class_is_refused() -> None:
    with pytest.raises(PredictionsError, match="60 real and 0 fake"):
        cluster_bootstrap_interval(people().assign(label=0), weighted_auc)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"num_resamples": 0}, "got 0"), ({"level": 1.0}, r"got 1\.0")],
)
def test_a_bad_argument_is_named(arguments: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cluster_bootstrap_interval(people(), weighted_auc, **arguments)  # type: ignore[arg-type]

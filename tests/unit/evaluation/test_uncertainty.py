import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from unmask.core.errors import PredictionsError
from unmask.evaluation import uncertainty
from unmask.evaluation.metrics import Labels, Scores, decisions_at, equal_error_rate
from unmask.evaluation.uncertainty import (
    Weights,
    cluster_bootstrap_interval,
    weighted_accuracy,
    weighted_auc,
    weighted_average_precision,
    weighted_balanced_accuracy,
    weighted_equal_error_rate,
)


@pytest.fixture
def rows() -> tuple[Labels, Scores, Weights]:
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


def test_weighted_auc_equals_scikit_learns(rows: tuple[Labels, Scores, Weights]) -> None:
    labels, scores, weights = rows
    expected = [reference.roc_auc_score(labels, scores, sample_weight=one) for one in weights]
    np.testing.assert_allclose(weighted_auc(labels, scores, weights), expected)


def test_weighted_average_precision_equals_scikit_learns(
    rows: tuple[Labels, Scores, Weights],
) -> None:
    labels, scores, weights = rows
    expected = [
        reference.average_precision_score(labels, scores, sample_weight=one) for one in weights
    ]
    np.testing.assert_allclose(weighted_average_precision(labels, scores, weights), expected)


def test_weighted_equal_error_rate_equals_that_of_repeated_rows(
    rows: tuple[Labels, Scores, Weights],
) -> None:
    labels, scores, weights = rows
    expected = [
        equal_error_rate(np.repeat(labels, one.astype(int)), np.repeat(scores, one.astype(int)))
        for one in weights
    ]
    np.testing.assert_allclose(weighted_equal_error_rate(labels, scores, weights), expected)


def test_weighted_accuracies_equal_those_of_repeated_rows(
    rows: tuple[Labels, Scores, Weights],
) -> None:
    labels, scores, weights = rows
    expected = [
        decisions_at(
            np.repeat(labels, one.astype(int)), np.repeat(scores, one.astype(int)), threshold=0.5
        )
        for one in weights
    ]
    plain = weighted_accuracy(0.5)(labels, scores, weights)
    balanced = weighted_balanced_accuracy(0.5)(labels, scores, weights)
    np.testing.assert_allclose(plain, [one.accuracy for one in expected])
    np.testing.assert_allclose(balanced, [one.balanced_accuracy for one in expected])


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


def test_the_share_inside_is_near_the_level() -> None:
    truth = 0.7602  # P(N(0.6, 0.2) > N(0.4, 0.2)) = Phi(0.2 / (0.2 * sqrt 2))
    inside = 0
    for seed in range(100):
        found = cluster_bootstrap_interval(
            people(60, seed=seed), weighted_auc, num_resamples=200, level=0.9
        )
        inside += found.low <= truth <= found.high
    assert 80 <= inside <= 98


def test_small_chunks_cover_every_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def measured(labels: Labels, scores: Scores, weights: Weights) -> Scores:
        sizes.append(len(weights))
        return weighted_auc(labels, scores, weights)

    monkeypatch.setattr(uncertainty, "MAX_WEIGHTS", 600)
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
    assert cluster_bootstrap_interval(table, weighted_auc).is_degenerate


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

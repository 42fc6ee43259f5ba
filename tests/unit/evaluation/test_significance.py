import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from unmask.core.errors import PredictionsError
from unmask.evaluation.metrics import Labels, Scores, roc_auc
from unmask.evaluation.resamples import ClusteredRows, draw_counts
from unmask.evaluation.significance import (
    align_videos,
    compare_aucs,
    compare_mean_aucs,
    compare_with_others,
    delong_test,
    draws_for_holm,
    holm,
)


def slow_variance(labels: Labels, first: Scores, second: Scores) -> float:
    """DeLong's covariance by its definition: every real against every fake."""
    kernels = []
    for scores in (first, second):
        fakes, reals = scores[labels == 1][:, None], scores[labels == 0][None, :]
        kernels.append((fakes > reals) + 0.5 * (fakes == reals))
    of_fakes = np.cov([kernel.mean(axis=1) for kernel in kernels])
    of_reals = np.cov([kernel.mean(axis=0) for kernel in kernels])
    covariance = of_fakes / kernels[0].shape[0] + of_reals / kernels[0].shape[1]
    contrast = np.array([1.0, -1.0])
    return float(contrast @ covariance @ contrast)


@pytest.mark.parametrize("num_tables", [50, pytest.param(300, marks=pytest.mark.slow)])
def test_the_variance_equals_its_slow_definition_with_and_without_ties(num_tables: int) -> None:
    generator = np.random.default_rng(3)
    for index in range(num_tables):
        labels = np.concatenate([[0, 0, 1, 1], generator.integers(0, 2, generator.integers(0, 40))])
        pair = generator.normal(0.5 * labels, 1, (2, len(labels)))
        first, second = pair.round(1) if index % 2 else pair
        found = delong_test(labels, [first], [second])
        assert abs(found.variance - slow_variance(labels, first, second)) < 1e-12
        assert abs(found.difference - (roc_auc(labels, first) - roc_auc(labels, second))) < 1e-12


def test_a_test_worked_by_hand() -> None:
    # first ranks all pairs rightly; second puts the real 0.6 above the fake 0.5: AUC 1 and 3/4.
    # Placements differ by 0, 1/2 of the fakes and 0, 1/2 of the reals: each variance 1/8, each
    # divided by 2, so the variance is 1/8; z = 0.25 / sqrt(1/8) = 0.7071, p = 0.4795.
    labels = np.array([0, 0, 1, 1])
    found = delong_test(labels, [np.array([0.1, 0.2, 0.8, 0.9])], [np.array([0.1, 0.6, 0.5, 0.9])])
    assert (found.difference, found.variance) == (0.25, 0.125)
    assert found.p_value == pytest.approx(0.4795, abs=5e-5)


def test_p_values_are_near_uniform_where_nothing_differs() -> None:
    generator = np.random.default_rng(8)
    labels = np.repeat([0, 1], 60)
    p_values = []
    for _ in range(2000):
        shared = generator.normal(labels, 1)
        first, second = shared + generator.normal(0, 1, (2, 120))
        p_value = delong_test(labels, [first], [second]).p_value
        assert p_value is not None
        p_values.append(p_value)
    distance = np.abs(np.sort(p_values) - (np.arange(2000) + 0.5) / 2000).max()
    assert distance < 0.035  # Kolmogorov-Smirnov: 1.52 / sqrt(2000) is passed by 2 % by chance
    assert 0.03 < np.mean(np.array(p_values) < 0.05) < 0.07


def test_the_order_of_the_two_turns_the_sign_alone() -> None:
    labels, first, second = example()
    one, other = delong_test(labels, [first], [second]), delong_test(labels, [second], [first])
    assert one.difference == pytest.approx(-other.difference)
    assert (one.variance, one.p_value) == pytest.approx((other.variance, other.p_value))


def test_equal_rankings_do_not_differ() -> None:
    labels, first, _ = example()
    assert delong_test(labels, [first], [first**3]).p_value == 1.0


def test_perfect_opposites_have_no_p_value() -> None:
    labels = np.array([0, 0, 1, 1])
    found = delong_test(labels, [labels.astype(float)], [1.0 - labels])
    assert (found.difference, found.p_value) == (1.0, None)


def test_one_video_of_a_class_is_too_few() -> None:
    with pytest.raises(PredictionsError, match="at least 2 real and 2 fake"):
        delong_test(np.array([0, 1, 1]), [np.array([0.1, 0.2, 0.3])], [np.array([0.1, 0.2, 0.3])])


def example() -> tuple[Labels, Scores, Scores]:
    generator = np.random.default_rng(4)
    labels = np.tile([0, 1], 40)
    first, second = generator.normal(labels, 1, (2, 80))
    return labels, np.abs(first), np.abs(second)


def videos(
    scores: Scores, labels: Labels, groups: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "dataset": "d",
            "video_id": [f"v{index:03}" for index in range(len(scores))],
            "label": labels,
            "method": "m",
            "group": groups.astype(str),
            "split": "test",
            "score": scores,
        }
    )


def test_the_bootstrap_agrees_with_delong_where_each_video_is_a_group() -> None:
    generator = np.random.default_rng(6)
    labels = np.tile([0, 1], 300)
    shared = generator.normal(labels, 1)
    first, second = shared + generator.normal(0, 1, (2, 600)) * [[0.5], [0.8]]
    groups = np.arange(600)
    found = compare_aucs(videos(first, labels, groups), videos(second, labels, groups))
    assert found.low is not None
    assert found.high is not None
    width = 2 * 1.96 * np.sqrt(found.delong.variance)
    assert found.high - found.low == pytest.approx(width, rel=0.1)
    assert found.low < found.difference < found.high
    assert found.p_value == pytest.approx(found.delong.p_value, abs=0.05)


def test_copies_of_people_fool_delong_and_not_the_bootstrap() -> None:
    labels, first, second = example()
    groups = np.arange(80)
    once = compare_aucs(videos(first, labels, groups), videos(second, labels, groups))
    often = compare_aucs(
        *(
            videos(np.tile(one, 9), np.tile(labels, 9), np.tile(groups, 9))
            for one in (first, second)
        )
    )
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    assert often.p_value == once.p_value
    assert often.delong.variance < once.delong.variance / 8


def test_rows_in_another_order_are_the_same_videos() -> None:
    labels, first, second = example()
    one, other = (videos(scores, labels, np.arange(80) // 2) for scores in (first, second))
    expected = compare_aucs(one, other, num_resamples=50)
    assert compare_aucs(one, other.sample(frac=1, random_state=1), num_resamples=50) == expected


def test_a_detector_does_not_differ_from_itself() -> None:
    labels, first, _ = example()
    table = videos(first, labels, np.arange(80) // 2)
    found = compare_aucs(table, table, num_resamples=50)
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_one_group_has_a_difference_but_no_interval() -> None:
    labels, first, second = example()
    group = np.zeros(80, dtype=np.int64)
    found = compare_aucs(videos(first, labels, group), videos(second, labels, group))
    assert (found.low, found.p_value, found.num_groups) == (None, None, 1)


def test_other_videos_are_refused_by_name() -> None:
    labels, first, second = example()
    one, other = (videos(scores, labels, np.arange(80)) for scores in (first, second))
    with pytest.raises(PredictionsError, match=r"1 videos are .* \('d', 'v079'\)"):
        align_videos(one, other.iloc[:-1])
    with pytest.raises(PredictionsError, match=r"\('d', 'v003'\) has another label"):
        align_videos(one, other.assign(label=other["label"].where(other.index != 3, 0)))
    with pytest.raises(PredictionsError, match=r"\('d', 'v000'\) stands twice"):
        align_videos(one, pd.concat([other, other.iloc[:1]]))


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),
        # by hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 lifted to 0.06
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.08, 0.09, 0.09, 0.09]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
)
def test_holm_matches_known_examples(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


def test_holm_refuses_what_is_no_p_value() -> None:
    with pytest.raises(ValueError, match=r"got 1\.2"):
        holm([0.1, 1.2])


def test_a_level_out_of_range_is_named() -> None:
    labels, first, _ = example()
    table = videos(first, labels, np.arange(80))
    with pytest.raises(ValueError, match=r"got 1\.5"):
        compare_aucs(table, table, level=1.5)


def seeds() -> list[pd.DataFrame]:
    generator = np.random.default_rng(5)
    labels, groups = np.tile([0, 1], 60), np.arange(120) // 4
    shared = generator.normal(labels, 1)
    return [videos(shared + generator.normal(0, 1, 120), labels, groups) for _ in range(4)]


def test_several_seeds_differ_by_their_mean_auc() -> None:
    tables = seeds()
    found = compare_mean_aucs(tables[:2], tables[2:], num_resamples=300)
    aucs = [roc_auc(one["label"].to_numpy(), one["score"].to_numpy()) for one in tables]
    expected = (aucs[0] + aucs[1] - aucs[2] - aucs[3]) / 2
    assert found.difference == pytest.approx(expected, abs=1e-12)
    assert found.delong.difference == pytest.approx(expected, abs=1e-12)
    assert found.low is not None
    assert found.high is not None
    assert found.low < expected < found.high


def test_a_seed_given_twice_adds_no_certainty() -> None:
    one, other, *_ = seeds()
    once = compare_aucs(one, other, num_resamples=200)
    twice = compare_mean_aucs([one, one], [other, other], num_resamples=200)
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=1e-12)
    assert twice.delong.variance == pytest.approx(once.delong.variance, rel=1e-9)


def test_a_side_without_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="Each side needs a table, got 1 and 0"):
        compare_mean_aucs(seeds()[:1], [])


def test_several_others_see_the_draws_of_each_alone() -> None:
    one, *others = seeds()
    together = compare_with_others([one], [[other] for other in others], num_resamples=80)
    assert together == [compare_aucs(one, other, num_resamples=80) for other in others]


@pytest.mark.parametrize("most_groups", [0, 500])
def test_a_draw_is_the_auc_of_the_videos_drawn(
    most_groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unmask.evaluation.significance.MAX_TABLE_GROUPS", most_groups)
    one, other, third, _ = (table.round(1) for table in seeds())  # round: with ties
    found = compare_mean_aucs([one, third], [other], num_resamples=40, level=0.9)
    labels, codes = one["label"].to_numpy(), pd.factorize(one["group"], sort=True)[0]
    rows = ClusteredRows(labels, one["score"].to_numpy(), codes, 30)
    differences = []
    for counts in np.concatenate([c for c, _ in draw_counts(rows, num_resamples=40, seed=0)]):
        chosen = np.repeat(np.arange(120), counts[codes].astype(int))
        aucs = [
            roc_auc_score(labels[chosen], table["score"].to_numpy()[chosen])
            for table in (one, third, other)
        ]
        differences.append((aucs[0] + aucs[1]) / 2 - aucs[2])
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(differences, [0.05, 0.95])))
    below, above = np.sum(np.array(differences) <= 0), np.sum(np.array(differences) >= 0)
    assert found.p_value == pytest.approx(min(1.0, 2 * (min(below, above) + 1) / 41))


@pytest.mark.parametrize("num_groups", [10, 500, 501, 20_000])
@pytest.mark.parametrize("num_tests", [1, 25, 26, 400])
def test_enough_is_drawn_for_holm_to_reject(num_tests: int, num_groups: int) -> None:
    draws = draws_for_holm(num_tests, num_groups=num_groups, num_sides=20, at_least=30)
    smallest = 2 / (draws + 1)
    assert holm([smallest] * num_tests)[0] < 0.05


def test_no_less_is_drawn_than_wanted() -> None:
    assert draws_for_holm(1, num_groups=10, num_sides=2, at_least=1000) == 1000
    assert draws_for_holm(1, num_groups=5000, num_sides=2, at_least=7) == 40


def test_the_smallest_p_is_that_of_the_draws() -> None:
    labels = np.tile([0, 1], 40)
    best, worst = (videos(scores, labels, np.arange(80)) for scores in (labels + 0.0, 1.0 - labels))
    found = compare_aucs(best, worst, num_resamples=99)
    assert found.p_value == found.smallest_p == 2 / 100
    alone = compare_aucs(best.assign(group="g"), worst.assign(group="g"), num_resamples=99)
    assert (alone.num_resamples, alone.smallest_p) == (0, None)

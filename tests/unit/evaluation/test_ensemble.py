from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, cohen_kappa_score, roc_auc_score

from unmask.core.errors import PredictionsError
from unmask.core.voting import VotingRule
from unmask.evaluation.aggregate import video_scores
from unmask.evaluation.ensemble import (
    Combination,
    JoinedScores,
    MemberFacts,
    all_sources,
    ensemble_predictions,
    fit_combination,
    join_members,
    member_agreement,
    weight_grid,
)
from unmask.evaluation.predictions import check_predictions

RULES = ["hard", "soft", "accuracy", "auc", "grid", "stacking"]


def predictions(
    scores: list[float], *, dataset: str = "home", split: str = "val", clips: int = 1
) -> pd.DataFrame:
    """Videos that are real and fake in turn; each clip has its video's score."""
    return pd.DataFrame(
        [
            {
                "dataset": dataset,
                "video_id": f"{dataset}/{split}{index}",
                "track_id": 0,
                "clip_index": clip,
                "label": index % 2,
                "method": ["youtube", "swap"][index % 2],
                "group": f"{split}{index}",
                "split": split,
                "score": score,
                "num_frames": 4,
                "example_crop": f"{index}.jpg",
            }
            for index, score in enumerate(scores)
            for clip in range(clips)
        ]
    )


def member(seed: int, *, gap: float, clips: int = 1) -> pd.DataFrame:
    """Validation and test videos that are told apart the better the larger the gap."""
    generator = np.random.default_rng(seed)

    def part(count: int, **place: str) -> pd.DataFrame:
        noise = generator.normal(0.5 - gap / 2, 0.15, count)
        truth = gap * (np.arange(count) % 2)
        return predictions(np.clip(noise + truth, 0, 1).tolist(), clips=clips, **place)  # type: ignore[arg-type]

    return pd.concat(
        [part(60), part(80, split="test"), part(40, dataset="away", split="test")],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def joined() -> JoinedScores:
    return join_members({"a": member(0, gap=0.4), "b": member(1, gap=0.2), "c": member(2, gap=0.0)})


SOURCES: Mapping[str, list[str]] = {"a": ["home"], "b": ["home"], "c": ["home"]}


def fitted(joined: JoinedScores, rule: str, grid_max: int = 3) -> Combination:
    return fit_combination(joined, rule, sources_of=SOURCES, grid_max=grid_max)  # type: ignore[arg-type]


def by_hand(rule: VotingRule, thresholds: list[float], scores: list[list[float]]) -> list[float]:
    members = tuple(MemberFacts(f"m{i}", t, 0.9, 0.9) for i, t in enumerate(thresholds))
    weights = tuple(1 / len(members) for _ in members)
    return Combination(rule, members, weights).apply(np.array(scores)).tolist()


def test_hard_voting_is_the_share_of_members_at_their_own_thresholds() -> None:
    votes = by_hand("hard", [0.5, 0.2, 0.8], [[0.6, 0.4], [0.3, 0.1], [0.7, 0.9]])
    assert votes == pytest.approx([2 / 3, 1 / 3])


def test_a_tie_counts_as_fake() -> None:
    assert by_hand("hard", [0.5, 0.5], [[0.9], [0.1]]) == [0.5]
    # Three of six sixths, which do not add up to a half in floating point.
    assert by_hand("hard", [0.5] * 6, [[0.9]] * 3 + [[0.1]] * 3) == [0.5]


def test_soft_voting_is_the_mean_score() -> None:
    assert by_hand("soft", [0.5, 0.5], [[0.9, 0.2], [0.1, 0.4]]) == pytest.approx([0.5, 0.3])


def test_members_that_all_say_1_do_not_leave_the_range() -> None:
    assert by_hand("soft", [0.5] * 7, [[1.0]] * 7) == [1.0]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_gives_predictions_of_each_video(joined: JoinedScores, rule: str) -> None:
    table = check_predictions(ensemble_predictions(joined, fitted(joined, rule)))
    first = video_scores(member(0, gap=0.4))
    columns = ["dataset", "video_id", "label", "method", "group", "split"]
    pd.testing.assert_frame_equal(video_scores(table)[columns], first[columns], check_dtype=False)


def test_weights_follow_what_members_have_on_validation(joined: JoinedScores) -> None:
    inside = (joined.videos["split"] == "val").to_numpy()
    labels = joined.labels[inside]
    aucs = [roc_auc_score(labels, scores) for scores in joined.scores[:, inside]]
    assert fitted(joined, "auc").weights == pytest.approx(np.array(aucs) / sum(aucs))
    by_accuracy = fitted(joined, "accuracy")
    accuracies = [
        accuracy_score(labels, scores >= facts.threshold)
        for facts, scores in zip(by_accuracy.members, joined.scores[:, inside], strict=True)
    ]
    assert by_accuracy.weights == pytest.approx(np.array(accuracies) / sum(accuracies))
    assert fitted(joined, "soft").weights == pytest.approx([1 / 3] * 3)


def test_the_grid_holds_the_best_weights_first(joined: JoinedScores) -> None:
    validation = joined.validation(["home"])
    grid = weight_grid(validation, grid_max=2)
    # 27 triples of 0, 1, 2, without 0:0:0 and the 7 that are twice another.
    assert len(grid) == 19
    for row in grid[:3]:
        mean = np.average(validation.scores, axis=0, weights=row.weights)
        assert row.accuracy == pytest.approx(accuracy_score(validation.labels, mean >= 0.5))
    accuracies = [row.accuracy for row in grid]
    assert accuracies == sorted(accuracies, reverse=True)
    chosen = fitted(joined, "grid", grid_max=2)
    assert chosen.grid == grid
    assert chosen.weights == pytest.approx(np.array(grid[0].weights) / sum(grid[0].weights))


def test_of_equally_accurate_weights_the_auc_decides() -> None:
    tables = {"a": predictions([0.2, 0.4, 0.3, 0.9]), "b": predictions([0.4, 0.3, 0.1, 0.9])}
    grid = weight_grid(join_members(tables).validation(["home"]), grid_max=1)
    assert {row.accuracy for row in grid} == {0.75}
    assert [row.weights for row in grid[:1]] == [(1, 0)]


def test_a_grid_row_is_written_as_weights_and_per_cent(joined: JoinedScores) -> None:
    row = weight_grid(join_members({"a": predictions([0.1, 0.9]), "b": predictions([0.2, 0.8])})
                      .validation(["home"]), grid_max=1)[0]  # fmt: skip
    assert str(row) == "0:1 -> 100.0"


def test_a_grid_that_is_too_large_is_refused(joined: JoinedScores) -> None:
    with pytest.raises(PredictionsError, match="grid_max=30 makes 29791 weightings of 3 runs"):
        fitted(joined, "grid", grid_max=30)


def test_stacking_is_scikit_learns_logistic_regression(joined: JoinedScores) -> None:
    inside = (joined.videos["split"] == "val").to_numpy()
    odds = np.log(joined.scores.clip(1e-7, 1 - 1e-7) / (1 - joined.scores.clip(1e-7, 1 - 1e-7)))
    model = LogisticRegression(max_iter=1000).fit(odds[:, inside].T, joined.labels[inside])
    expected = model.predict_proba(odds.T)[:, 1]
    assert fitted(joined, "stacking").apply(joined.scores) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_chosen_on_the_test_set(rule: str) -> None:
    tables = [member(0, gap=0.4), member(1, gap=0.2), member(2, gap=0.0)]
    other = [table.assign(score=table["score"].where(table["split"] == "val", 0.123))
             for table in tables]  # fmt: skip
    one, two = (
        fitted(join_members(dict(zip("abc", some, strict=True))), rule) for some in (tables, other)
    )
    assert one == two


def test_a_member_takes_its_threshold_from_what_it_was_trained_on() -> None:
    tables = {
        name: pd.concat([predictions(home), predictions(away, dataset="away")])
        for name, home, away in (
            ("a", [0.1, 0.3, 0.1, 0.3], [0.5, 0.9, 0.5, 0.9]),
            ("b", [0.1, 0.3, 0.1, 0.3], [0.5, 0.9, 0.5, 0.9]),
        )
    }
    sources = {"a": ["home"], "b": ["away"]}
    found = fit_combination(join_members(tables), "hard", sources_of=sources)
    assert [one.threshold for one in found.members] == pytest.approx([0.2, 0.7])
    assert all_sources(sources) == ["home", "away"]


def test_clips_become_videos_before_they_are_joined() -> None:
    joined = join_members({"a": predictions([0.2, 0.8], clips=3), "b": predictions([0.4, 0.6])})
    assert joined.scores == pytest.approx(np.array([[0.2, 0.8], [0.4, 0.6]]))
    assert joined.videos["num_frames"].tolist() == [12, 12]
    assert joined.videos["example_crop"].tolist() == ["0.jpg", "1.jpg"]


def test_a_members_score_of_a_video_can_be_that_of_its_highest_clips() -> None:
    clips = predictions([0.2, 0.8], clips=3)
    clips["score"] = [0.1, 0.2, 0.6, 0.7, 0.8, 0.9]
    joined = join_members({"a": clips, "b": clips}, "topk", top_k=2)
    assert joined.scores[0] == pytest.approx([0.4, 0.85])


def test_the_order_of_rows_changes_nothing(joined: JoinedScores) -> None:
    shuffled = join_members(
        {
            name: member(seed, gap=gap).sample(frac=1, random_state=seed)
            for name, seed, gap in (("a", 0, 0.4), ("b", 1, 0.2), ("c", 2, 0.0))
        }
    )
    assert (shuffled.scores == joined.scores).all()


def test_agreement_equals_scikit_learns(joined: JoinedScores) -> None:
    rows = member_agreement(joined, [0.5, 0.4, 0.6])
    assert len(rows) == 3 * 3
    row = rows[(rows["dataset"] == "home") & (rows["split"] == "test")].iloc[1]
    assert (row["first"], row["second"], row["count"]) == ("a", "c", 80)
    inside = ((joined.videos["dataset"] == "home") & (joined.videos["split"] == "test")).to_numpy()
    one, two = joined.scores[0, inside] >= 0.5, joined.scores[2, inside] >= 0.6
    assert row["agreement"] == pytest.approx(accuracy_score(one, two))
    assert row["kappa"] == pytest.approx(cohen_kappa_score(one, two))


def test_members_that_call_everything_the_same_have_no_kappa() -> None:
    joined = join_members({"a": predictions([0.2, 0.3]), "b": predictions([0.1, 0.4])})
    [row] = member_agreement(joined, [0.5, 0.5]).to_dict("records")
    assert row["agreement"] == 1.0
    assert np.isnan(row["kappa"])


def test_one_member_is_refused() -> None:
    with pytest.raises(PredictionsError, match="at least two runs, got 1: 'a'"):
        join_members({"a": predictions([0.1, 0.9])})


@pytest.mark.parametrize("longer", ["a", "b"])
def test_the_first_missing_video_is_named(longer: str) -> None:
    tables = {name: predictions([0.1, 0.9, 0.2, 0.8] if name == longer else [0.1, 0.9])
              for name in "ab"}  # fmt: skip
    other = {"a": "b", "b": "a"}[longer]
    expected = rf"Run '{other}' has no score of video 'home/val2' of 'home', split 'val', which "
    with pytest.raises(PredictionsError, match=rf"{expected}run '{longer}' has \(2 videos differ"):
        join_members(tables)


@pytest.mark.parametrize(
    ("fact", "value", "said"),
    [("label", 0, "label '1' in run 'a' and '0' in run 'b'"), ("split", "test", "the split 'val'")],
)
def test_members_must_agree_on_what_a_video_is(fact: str, value: object, said: str) -> None:
    one, two = predictions([0.1, 0.9]), predictions([0.1, 0.9])
    two.loc[1, fact] = value
    with pytest.raises(PredictionsError, match=said):
        join_members({"a": one, "b": two})


def test_no_validation_split_is_refused() -> None:
    joined = join_members({name: predictions([0.1, 0.9], split="test") for name in "abc"})
    with pytest.raises(PredictionsError, match="no scores of the validation split of home"):
        fitted(joined, "soft")


def test_validation_of_one_class_is_refused() -> None:
    joined = join_members({name: predictions([0.1]) for name in "abc"})
    with pytest.raises(PredictionsError, match="1 real and 0 fake ones"):
        fitted(joined, "soft")


def test_an_unknown_rule_is_named(joined: JoinedScores) -> None:
    with pytest.raises(ValueError, match="got 'median'"):
        fitted(joined, "median")


def test_a_grid_without_weights_is_refused(joined: JoinedScores) -> None:
    with pytest.raises(ValueError, match="got 0"):
        fitted(joined, "grid", grid_max=0)

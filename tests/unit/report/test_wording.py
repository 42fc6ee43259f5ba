from typing import Any

import pytest

from unmask.report.wording import blocks, cautions, headline

NONE_UNSCORED = {"count": 0, "num_real": 0, "num_fake": 0, "reasons": {}}


def block(
    role: str, auc: tuple[float, float | None, float | None], **changes: Any
) -> dict[str, Any]:
    value, low, high = auc
    return {
        "role": role,
        "video": {"auc": {"value": value, "low": low, "high": high}, "num_groups": 50},
        "unscored": NONE_UNSCORED,
        "methods": {"fake": {}, "real": {}},
        **changes,
    }


def metrics(datasets: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "protocol": {"level": 0.95, "unscored": "exclude"},
        "threshold": {"value": 0.5, "dataset": "home", "split": "val", "reason": ""},
        "datasets": datasets,
        "not_measured": [],
        "groups_shared_between_splits": {},
        **changes,
    }


HOME = {"test": block("in_domain", (0.95, 0.9, 0.99))}


def test_crossing_is_told_as_points_lost_with_its_interval() -> None:
    told = headline(
        metrics({"away": {"test": block("cross_dataset", (0.7, 0.6, 0.8))}, "home": HOME})
    )
    assert "home, test (the data set it was trained on)" in told[0]
    assert "95.0 times in 100 (95 % interval 90.0 to 99.0)" in told[0]
    assert "70.0 times in 100 (95 % interval 60.0 to 80.0), 25.0 points less than" in told[1]


def test_a_gain_by_crossing_is_told_as_a_gain() -> None:
    told = headline(
        metrics({"away": {"test": block("cross_dataset", (0.97, 0.9, 1.0))}, "home": HOME})
    )
    assert "2.0 points more than" in told[1]


def test_an_interval_that_holds_one_half_is_called_guessing() -> None:
    told = headline(metrics({"away": {"test": block("cross_dataset", (0.55, 0.45, 0.65))}}))
    assert told[0].endswith("The interval holds 50, which is guessing.")


def test_a_run_without_a_test_set_says_so() -> None:
    told = headline(metrics({"home": {"val": block("validation", (0.9, 0.8, 1.0))}}))
    assert told == ["No test set was evaluated: the numbers below are not a test result."]


def test_blocks_stand_in_reading_order() -> None:
    datasets = {
        "away": {"test": block("cross_dataset", (0.7, 0.6, 0.8))},
        "home": {**HOME, "val": block("validation", (0.9, 0.8, 1.0))},
    }
    assert [one.title for one in blocks(metrics(datasets))] == [
        "home, val",
        "home, test",
        "away, test",
    ]


def test_nothing_to_caution_says_nothing() -> None:
    assert cautions(metrics({"home": HOME})) == []


def test_a_leak_comes_first() -> None:
    told = cautions(
        metrics(
            {"home": {"val": block("validation", (0.9, 0.8, 1.0)), **HOME}},
            groups_shared_between_splits={"home": 3},
        )
    )
    assert told[0].startswith("Leak: 3 identity groups of home")
    assert "flatter" in told[-1]


def test_each_weakness_has_its_sentence() -> None:
    few = block("in_domain", (0.9, 0.8, 1.0))
    few["video"]["num_groups"] = 7
    told = cautions(
        metrics(
            {
                "a": {"test": block("cross_dataset", (1.0, 1.0, 1.0))},
                "b": {"test": block("cross_dataset", (0.9, None, None))},
                "c": {"test": few},
                "d": {
                    "test": block(
                        "cross_dataset",
                        (0.9, 0.8, 0.95),
                        unscored={
                            "count": 2,
                            "num_real": 2,
                            "num_fake": 0,
                            "reasons": {"no_face": 2},
                        },
                    )
                },
            },
            threshold={"value": None, "dataset": "c", "split": "val", "reason": "it is empty"},
            not_measured=[{"dataset": "e", "split": "test", "count": 4}],
        )
    )
    assert [sentence for sentence in told if "it is empty; decisions" in sentence]
    assert [sentence for sentence in told if "2 real, 0 fake; no_face: 2), left out" in sentence]
    assert [sentence for sentence in told if "none of its 4 videos has a score" in sentence]
    assert [sentence for sentence in told if "a, test: every resample gives" in sentence]
    assert [sentence for sentence in told if "b, test: all videos belong to one" in sentence]
    assert [sentence for sentence in told if "7 in c, test" in sentence]


@pytest.mark.parametrize(
    ("checkpoint", "words"),
    [("other", "are not those that validation chose"), ("unknown", "Nobody can tell whether")],
)
def test_weights_that_validation_did_not_choose_are_marked_and_told(
    checkpoint: str, words: str
) -> None:
    home = block("in_domain", (0.95, 0.9, 0.99), checkpoint=checkpoint)
    val = block("validation", (0.9, 0.8, 1.0), checkpoint=checkpoint)
    found = metrics({"home": {"test": home, "val": val}}, checkpoint=checkpoint)
    told = cautions(found)
    assert words in told[0]
    # The threshold still is chosen there; the checkpoint is not claimed to be.
    assert told[-1].startswith("The threshold is chosen on validation")
    assert "checkpoint" in headline(found)[0]
    assert all(one.title.endswith(one.mark) and one.mark for one in blocks(found))

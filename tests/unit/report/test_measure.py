from typing import Any

import numpy as np
import pandas as pd
import pytest

from unmask.core.errors import PredictionsError
from unmask.evaluation.predictions import empty_unscored
from unmask.report.measure import fix_threshold, measure, role_of
from unmask.report.protocol import Protocol
from unmask.report.wording import blocks, cautions, headline

PROTOCOL = Protocol(num_resamples=50)


def split(
    dataset: str,
    name: str,
    *,
    groups: int = 6,
    shift: float = 0.3,
    labels: tuple[int, ...] = (0, 1),
) -> pd.DataFrame:
    """Return one real and one fake video per group, two clips each."""
    generator = np.random.default_rng([groups, len(dataset), len(name)])
    rows = [
        {
            "dataset": dataset,
            "video_id": f"{dataset}/{label}/{name}{group}",
            "track_id": 0,
            "clip_index": clip,
            "label": label,
            "method": "swap" if label else "youtube",
            "group": f"{dataset}/{name}{group}",
            "split": name,
            "score": float(np.clip(0.4 + shift * label + generator.normal(0, 0.15), 0, 1)),
            "num_frames": 8,
            "example_crop": "",
        }
        for group in range(groups)
        for label in labels
        for clip in range(2)
    ]
    return pd.DataFrame(rows)


def unscored(dataset: str, name: str, label: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        [[dataset, f"{dataset}/x", label, "m", "g", name, "no_face"]],
        columns=["dataset", "video_id", "label", "method", "group", "split", "reason"],
    )


def measured(
    *parts: pd.DataFrame, missing: pd.DataFrame | None = None, protocol: Protocol = PROTOCOL
) -> dict[str, Any]:
    return measure(
        pd.concat(parts, ignore_index=True),
        empty_unscored() if missing is None else missing,
        source_datasets=["home"],
        threshold_split="val",
        protocol=protocol,
    )


def test_the_threshold_is_fixed_on_validation_and_carried_to_the_tests() -> None:
    val = split("home", "val")
    metrics = measured(val, split("home", "test"), split("away", "test"))
    videos = val.groupby("video_id", as_index=False).agg(
        {"dataset": "first", "split": "first", "label": "first", "score": "mean"}
    )
    value = fix_threshold(videos, ["home"], "val")["value"]
    assert metrics["threshold"]["value"] == value
    for dataset in ("home", "away"):
        assert metrics["datasets"][dataset]["test"]["video"]["at_threshold"]["threshold"] == value


def test_test_scores_do_not_move_the_threshold() -> None:
    val = split("home", "val")
    easy, hard = (measured(val, split("home", "test", shift=shift)) for shift in (0.6, 0.0))
    assert easy["threshold"] == hard["threshold"]


def test_a_threshold_from_the_test_set_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be 'test'"):
        measure(
            split("home", "test"),
            empty_unscored(),
            source_datasets=["home"],
            threshold_split="test",
            protocol=PROTOCOL,
        )


def test_without_validation_there_is_no_threshold_but_a_reason() -> None:
    metrics = measured(split("home", "test"))
    assert metrics["threshold"]["value"] is None
    assert metrics["threshold"]["reason"] == "it has no predictions"
    assert metrics["datasets"]["home"]["test"]["video"]["at_threshold"] is None


def test_a_split_of_one_class_is_refused_by_name() -> None:
    with pytest.raises(PredictionsError, match="6 fake ones, but the report of away, split 'test'"):
        measured(split("home", "test"), split("away", "test", labels=(1,)).iloc[::2])


def test_no_predictions_at_all_are_refused() -> None:
    with pytest.raises(PredictionsError, match="no rows"):
        measured(split("home", "test").iloc[:0])


def test_clips_and_videos_are_counted_apart() -> None:
    block = measured(split("home", "test"))["datasets"]["home"]["test"]
    assert (block["clip"]["count"], block["video"]["count"]) == (24, 12)
    assert block["clip"]["frames_per_clip"] == [8, 8]
    assert block["video"]["num_groups"] == 6


def test_every_interval_holds_its_value() -> None:
    video = measured(split("home", "test", groups=20))["datasets"]["home"]["test"]["video"]
    for estimate in (video["auc"], video["equal_error_rate"], video["at_half"]["accuracy"]):
        assert estimate["low"] <= estimate["value"] <= estimate["high"]


def test_row_order_does_not_change_the_metrics() -> None:
    table = pd.concat([split("home", "val"), split("away", "test")], ignore_index=True)
    assert measured(table) == measured(table.sample(frac=1, random_state=3))


def test_one_group_has_values_but_no_interval() -> None:
    video = measured(split("home", "test", groups=1))["datasets"]["home"]["test"]["video"]
    assert video["auc"]["low"] is None


def test_excluded_videos_are_counted_beside_the_numbers() -> None:
    block = measured(split("home", "test"), missing=unscored("home", "test"))["datasets"]["home"]
    assert block["test"]["video"]["count"] == 12
    assert block["test"]["unscored"] == {
        "count": 1,
        "num_real": 1,
        "num_fake": 0,
        "reasons": {"no_face": 1},
    }


def test_guessed_videos_enter_the_numbers_of_videos_only() -> None:
    block = measured(
        split("home", "test"),
        missing=unscored("home", "test"),
        protocol=Protocol(num_resamples=50, unscored="0.5"),
    )["datasets"]["home"]["test"]
    assert (block["clip"]["count"], block["video"]["count"]) == (24, 13)


def test_a_split_without_any_score_is_listed() -> None:
    metrics = measured(split("home", "test"), missing=unscored("away", "test"))
    assert [(part["dataset"], part["count"]) for part in metrics["not_measured"]] == [("away", 1)]


def test_groups_in_two_splits_are_counted() -> None:
    shared = split("home", "test").assign(
        group=lambda rows: rows["group"].str.replace("test", "val")
    )
    assert measured(split("home", "val"), shared)["groups_shared_between_splits"] == {"home": 6}


def with_methods(real: str, fake: str, *, shift: float, start: int) -> pd.DataFrame:
    """Return a test split of six real and six fake videos of one footage, in groups of its own."""
    rows = split("home", "test", shift=shift)
    return rows.assign(
        method=np.where(rows["label"] == 1, fake, real),
        video_id=rows["video_id"] + f"-{start}",
        group=rows["group"] + f"-{start}",
    )


def test_fakes_of_the_actors_are_compared_with_the_actors_alone() -> None:
    youtube = with_methods("youtube", "FaceSwap", shift=0.3, start=0)
    actors = with_methods("actors", "DeepFakeDetection", shift=0.1, start=1)
    both = measured(youtube, actors)["datasets"]["home"]["test"]["methods"]["fake"]
    alone = {
        "FaceSwap": measured(youtube)["datasets"]["home"]["test"]["video"]["auc"]["value"],
        "DeepFakeDetection": measured(actors)["datasets"]["home"]["test"]["video"]["auc"]["value"],
    }
    assert {method: facts["auc"]["value"] for method, facts in both.items()} == alone


@pytest.mark.parametrize("real", ["youtube", "real"])
def test_fakes_of_the_actors_without_the_actors_have_a_reason_and_no_auc(real: str) -> None:
    youtube = with_methods(real, "FaceSwap", shift=0.3, start=0)
    actors = with_methods("actors", "DeepFakeDetection", shift=0.3, start=1)
    metrics = measured(youtube, actors[actors["label"] == 1])
    found = metrics["datasets"]["home"]["test"]["methods"]["fake"]
    assert found["DeepFakeDetection"]["auc"] is None
    assert found["DeepFakeDetection"]["count"] == 6
    assert found["DeepFakeDetection"]["reason"] == "its real videos, 'actors', are not here"
    assert found["FaceSwap"]["auc"]["value"] > 0.5
    said = [line for line in cautions(metrics) if "no AUC of DeepFakeDetection" in line]
    assert len(said) == 1
    assert "its 6 videos against such" in said[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"how": "median"}, "'median'"),
        ({"unscored": "drop"}, "'drop'"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"num_resamples": 0}, "num_resamples must be at least 1, got 0"),
        ({"level": 2.0}, r"got 2\.0"),
    ],
)
def test_a_bad_protocol_is_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Protocol(**arguments)


def test_every_split_of_a_run_with_leaks_is_marked() -> None:
    metrics = measure(
        pd.concat([split("home", "val"), split("away", "test")], ignore_index=True),
        empty_unscored(),
        source_datasets=["home"],
        threshold_split="val",
        protocol=PROTOCOL,
        leaks={"crop": 2},
    )
    assert metrics["leak_allowed"] is True
    assert [block.title for block in blocks(metrics)] == [
        "home, val (leak allowed)",
        "away, test (leak allowed)",
    ]
    assert "Shared between splits: crops: 2." in cautions(metrics)[0]
    assert "(leak allowed)" in headline(metrics)[0]


def test_of_several_data_sets_trained_on_each_is_home() -> None:
    metrics = measure(
        pd.concat([split("a", "val"), split("b", "val"), split("b", "test")], ignore_index=True),
        empty_unscored(),
        source_datasets=["a", "b"],
        threshold_split="val",
        protocol=PROTOCOL,
    )
    assert metrics["datasets"]["b"]["test"]["role"] == "in_domain"
    assert metrics["threshold"]["dataset"] == "a+b"
    assert "a data set it was trained on" not in headline(metrics)[0]


@pytest.mark.parametrize(
    ("copy", "source"),
    [
        ("ffpp_gend", "ffpp"), ("ffpp", "ffpp_kaggle"), ("dfd_kaggle", "dfd"),
        ("celebdf_v3", "celebdf_v2"), ("dfdc_test", "dfdc"), ("ffpp_c40", "ffpp"),
    ],
)  # fmt: skip
def test_a_copy_of_the_training_set_is_not_unseen(copy: str, source: str) -> None:
    assert role_of(copy, "test", [source]) == "in_domain"
    assert role_of(copy, "train", ["other", source]) == "training"


@pytest.mark.parametrize("away", ["celebdf_v2", "dfd", "dfdcp", "synthetic_ffpp"])
def test_other_footage_is_unseen(away: str) -> None:
    assert role_of(away, "test", ["ffpp", "dfdc"]) == "cross_dataset"


def copied_table(
    source: str, copy: str, *, people: str, own_people: str = "ffpp/youtube/"
) -> pd.DataFrame:
    """Return the predictions of a run on its source and on a copy with other people in its test."""
    own, other = split(source, "test"), split(copy, "test", groups=7)
    home = own.assign(group=own_people + "a" + own["group"].str[-1])
    away = other.assign(group=people + "b" + other["group"].str[-1])
    return pd.concat([home, away], ignore_index=True)


def measured_from(table: pd.DataFrame, source: str) -> dict[str, Any]:
    return measure(
        table, empty_unscored(), source_datasets=[source], threshold_split="val", protocol=PROTOCOL
    )


def copied(source: str, copy: str, **people: str) -> dict[str, Any]:
    return measured_from(copied_table(source, copy, **people), source)


def test_a_copy_is_known_by_its_people_whatever_it_is_called() -> None:
    metrics = copied("ffpp", "deepfakebench", people="ffpp/youtube/")
    part = metrics["datasets"]["deepfakebench"]["test"]
    assert (part["role"], part["copy_of"]) == ("in_domain", "ffpp")
    assert metrics["datasets"]["ffpp"]["test"]["copy_of"] is None
    other = copied("ffpp", "deepfakebench", people="ffpp/actors/")
    assert other["datasets"]["deepfakebench"]["test"]["role"] == "cross_dataset"


def test_words_that_name_no_footage_make_no_copy() -> None:
    metrics = copied("site_a", "site_b", people="real/", own_people="real/")
    assert metrics["datasets"]["site_b"]["test"]["role"] == "cross_dataset"


def test_a_few_people_of_another_data_set_make_no_copy_of_it() -> None:
    table = copied_table("dfd", "ffpp", people="ffpp/actors/", own_people="ffpp/actors/")
    assert measured_from(table, "dfd")["datasets"]["ffpp"]["test"]["copy_of"] == "dfd"
    # Of seven groups, all but two are people of its own.
    is_own = (table["dataset"] == "ffpp") & (table["group"].str[-1].astype(int) >= 2)
    table.loc[is_own, "group"] = table["group"].str.replace("actors", "youtube")
    assert measured_from(table, "dfd")["datasets"]["ffpp"]["test"]["role"] == "cross_dataset"


def test_a_copy_is_called_one_in_the_first_sentences_and_in_the_tables() -> None:
    metrics = copied("ffpp", "ffpp_gend", people="gend/")
    [own, copy] = headline(metrics)
    assert "ffpp, test (the data set it was trained on)" in own
    assert "ffpp_gend, test (footage of ffpp, which it was trained on, in another copy)" in copy
    assert not any("never seen" in sentence for sentence in (own, copy))
    names = {block.dataset: block.role_name for block in blocks(metrics)}
    assert names == {"ffpp": "test, same data set", "ffpp_gend": "test, copy of ffpp"}

"""Faults planted in a prediction table: each is caught, or changes no number of videos."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unmask.core.errors import PredictionsError
from unmask.evaluation.aggregate import video_scores
from unmask.evaluation.predictions import (
    check_predictions,
    empty_unscored,
    read_predictions,
    write_predictions,
)
from unmask.evaluation.significance import compare_aucs
from unmask.report.measure import measure
from unmask.report.protocol import Protocol
from unmask.report.wording import cautions, headline


def predictions(num_groups: int = 12) -> pd.DataFrame:
    generator = np.random.default_rng(4)
    rows = [
        {
            "dataset": "home",
            "video_id": f"home/{split}/{label}/{group}",
            "track_id": 0,
            "clip_index": clip,
            "label": label,
            "method": ("youtube", "swap")[label],
            "group": f"{split}{group}",
            "split": split,
            "score": float(np.clip(0.4 + 0.2 * label + generator.normal(0, 0.15), 0, 1)),
            "num_frames": 8,
            "example_crop": "",
        }
        for split in ("val", "test")
        for group in range(num_groups)
        for label in (0, 1)
        for clip in range(3)
    ]
    return check_predictions(pd.DataFrame(rows))


def measured(table: pd.DataFrame) -> dict[str, Any]:
    return measure(
        table,
        empty_unscored(),
        source_datasets=["home"],
        threshold_split="val",
        protocol=Protocol(num_resamples=60),
    )


def of_videos(metrics: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = metrics["datasets"]["home"]["test"]["video"]
    return content


def test_a_flipped_label_of_one_clip_is_caught_by_its_video(tmp_path: Path) -> None:
    table = predictions()
    table.loc[5, "label"] = 1 - table.loc[5, "label"]
    with pytest.raises(PredictionsError, match=r"has more than one label: \[0, 1\]"):
        write_predictions(tmp_path / "predictions.parquet", table)


def test_flipped_labels_of_a_video_are_caught_against_another_run() -> None:
    table = predictions()
    honest = video_scores(table)
    is_one = table["video_id"] == "home/test/0/3"
    flipped = video_scores(table.assign(label=table["label"].mask(is_one, 1)))
    with pytest.raises(PredictionsError, match=r"home/test/0/3.* has another label"):
        compare_aucs(honest, flipped, num_resamples=20)


def test_flipped_labels_of_everything_read_as_worse_than_guessing() -> None:
    table = predictions()
    flipped = measured(table.assign(label=1 - table["label"]))
    value = of_videos(measured(table))["auc"]["value"]
    assert of_videos(flipped)["auc"]["value"] == pytest.approx(1 - value, abs=1e-12)
    assert "worse than guessing" in headline(flipped)[0]


def test_a_shuffled_table_changes_no_number(tmp_path: Path) -> None:
    table = predictions()
    shuffled = table.sample(frac=1, random_state=9).sample(frac=1, axis=1, random_state=9)
    assert list(shuffled["video_id"]) != list(table["video_id"])
    write_predictions(tmp_path / "a.parquet", table)
    write_predictions(tmp_path / "b.parquet", shuffled)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert measured(read_predictions(tmp_path / "b.parquet")) == measured(table)
    assert measured(shuffled[table.columns]) == measured(table)


def test_a_video_that_stands_twice_is_caught() -> None:
    table = predictions()
    twice = pd.concat([table, table[table["video_id"] == "home/test/1/0"]])
    with pytest.raises(PredictionsError, match=r"repeats the key .*home/test/1/0"):
        check_predictions(twice)


def test_a_video_whose_clips_stand_twice_counts_once() -> None:
    table = predictions()
    copies = table[table["video_id"] == "home/test/1/0"]
    twice = pd.concat([table, copies.assign(clip_index=copies["clip_index"] + 3)])
    assert of_videos(measured(check_predictions(twice))) == of_videos(measured(table))


def test_a_set_that_stands_twice_under_other_names_gains_no_certainty() -> None:
    table = predictions()
    again = table.assign(video_id=table["video_id"] + "-copy")
    once, twice = (
        of_videos(measured(check_predictions(one))) for one in (table, pd.concat([table, again]))
    )
    assert twice["auc"] == pytest.approx(once["auc"], abs=1e-12)


def test_a_planted_leak_is_said_first() -> None:
    table = predictions()
    leaked = table.assign(group=table["group"].replace("test3", "val3"))
    assert cautions(measured(leaked))[0].startswith("Leak: 1 identity group of home")

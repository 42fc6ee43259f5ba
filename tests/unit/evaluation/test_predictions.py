import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from unmask.core.errors import DataError, PredictionsError
from unmask.evaluation.predictions import (
    PREDICTIONS,
    check_predictions,
    empty_unscored,
    read_predictions,
    read_unscored,
    write_predictions,
    write_unscored,
)


def clip(**changes: Any) -> dict[str, Any]:
    return {
        "dataset": "ffpp",
        "video_id": "ffpp/Deepfakes/000_003",
        "track_id": 0,
        "clip_index": 0,
        "label": 1,
        "method": "Deepfakes",
        "group": "ffpp/000",
        "split": "test",
        "score": 0.75,
        "num_frames": 10,
        "example_crop": "",
        **changes,
    }


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows)


def test_predictions_survive_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    write_predictions(path, table(clip(clip_index=1, score=0.1), clip()))
    read = read_predictions(path)
    assert list(read.columns) == PREDICTIONS.names
    assert read["score"].tolist() == [0.75, 0.1]


def test_row_order_does_not_change_the_bytes(tmp_path: Path) -> None:
    rows = [clip(clip_index=index, score=index / 10) for index in range(5)]
    write_predictions(tmp_path / "a.parquet", table(*rows))
    write_predictions(tmp_path / "b.parquet", table(*reversed(rows)))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_unscored_videos_survive_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "unscored.parquet"
    write_unscored(path, empty_unscored())
    assert read_unscored(path).empty


def test_a_missing_table_names_itself_and_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no predictions\.parquet in .*`unmask evaluate run="):
        read_predictions(tmp_path / "predictions.parquet")


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    path.write_text("no table")
    with pytest.raises(DataError, match=re.escape(str(path))):
        read_predictions(path)


def test_a_damaged_table_is_noticed_or_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    write_predictions(
        path, table(*(clip(clip_index=index, score=index / 400) for index in range(400)))
    )
    whole, content = read_predictions(path), path.read_bytes()
    noticed = 0
    for start in range(4, len(content) - 48, 120):
        path.write_bytes(content[:start] + bytes(40) + content[start + 40 :])
        try:
            read = read_predictions(path)
        except DataError:
            noticed += 1
        else:  # bytes of no meaning
            pd.testing.assert_frame_equal(read, whole)
    assert noticed > 10


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([clip(), clip()], r"repeats the key .*000_003"),
        ([clip(score=1.5)], r"score 1\.5; a score is a probability"),
        ([clip(score=-0.25)], r"score -0\.25"),
        ([clip(score=float("nan"))], r"without a value in \['score'\]"),
        ([clip(group=None)], r"without a value in \['group'\]"),
        ([clip(label=2)], r"label 2; a label is 0"),
        ([clip(), clip(clip_index=1, label=0)], r"more than one label: \[0, 1\]"),
        ([clip(), clip(clip_index=1, split="val")], r"more than one split: \['test', 'val'\]"),
        ([clip(extra=1)], r"unknown columns \['extra'\]"),
    ],
)
def test_a_broken_row_is_refused_by_its_value(rows: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(PredictionsError, match=words):
        check_predictions(table(*rows))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(PredictionsError, match=r"lacks the columns \['score'\]"):
        check_predictions(table(clip()).drop(columns="score"))


def test_a_value_of_another_type_is_refused_when_written(tmp_path: Path) -> None:
    with pytest.raises(PredictionsError, match=r"predictions\.parquet cannot be written"):
        write_predictions(tmp_path / "predictions.parquet", table(clip(num_frames="ten")))


def test_four_fakes_of_one_original_stay_four_videos() -> None:
    methods = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
    checked = check_predictions(
        table(*(clip(video_id=f"ffpp/{method}/000_003", method=method) for method in methods))
    )
    assert checked["video_id"].nunique() == 4

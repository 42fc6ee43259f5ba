"""What describes videos survives write and read."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from unmask.core.errors import DataError, PredictionsError
from unmask.evaluation.embeddings import (
    EMBEDDINGS,
    embedding_rows,
    read_embeddings,
    write_embeddings,
)


def clips(*video_ids: str) -> pd.DataFrame:
    facts = {"dataset": "d", "split": "test", "label": 1, "method": "swap", "group": "g"}
    return pd.DataFrame([{**facts, "video_id": video_id} for video_id in video_ids])


def test_embeddings_survive_write_and_read(tmp_path: Path) -> None:
    rows = embedding_rows(clips("b", "b", "a"), np.array([[1.5, -2.0], [0.25, 3.0]]))
    write_embeddings(tmp_path / "e.parquet", rows)
    table = read_embeddings(tmp_path / "e.parquet")
    assert list(table.columns) == EMBEDDINGS.names
    assert table["video_id"].tolist() == ["a", "b"]
    assert np.stack(table["vector"]).tolist() == [[0.25, 3.0], [1.5, -2.0]]
    assert {vector.dtype for vector in table["vector"]} == {np.dtype(np.float16)}


def test_equal_embeddings_give_equal_bytes_whatever_their_order(tmp_path: Path) -> None:
    rows = embedding_rows(clips("a", "b"), np.array([[1.0], [2.0]]))
    write_embeddings(tmp_path / "one.parquet", rows)
    write_embeddings(tmp_path / "two.parquet", rows[::-1])
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_numbers_too_large_for_half_precision_become_its_largest() -> None:
    rows = embedding_rows(clips("a"), np.array([[1e9, -1e9]]))
    assert rows["vector"].iloc[0].tolist() == [65504, -65504]


def test_a_video_twice_or_vectors_of_other_lengths_are_refused(tmp_path: Path) -> None:
    rows = embedding_rows(clips("a", "b"), np.array([[1.0], [2.0]]))
    with pytest.raises(PredictionsError, match=r"repeats the key .*'a'"):
        write_embeddings(tmp_path / "e.parquet", pd.concat([rows, rows[:1]]))
    longer = embedding_rows(clips("c"), np.array([[1.0, 2.0]]))
    with pytest.raises(PredictionsError, match=r"have \[1, 2\] numbers"):
        write_embeddings(tmp_path / "e.parquet", pd.concat([rows, longer]))
    with pytest.raises(PredictionsError, match=r"lacks the columns \['vector'\]"):
        write_embeddings(tmp_path / "e.parquet", rows.drop(columns="vector"))


def test_a_file_that_is_missing_or_another_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no e\.parquet in .*eval\.embeddings=true"):
        read_embeddings(tmp_path / "e.parquet")
    (tmp_path / "e.parquet").write_text("no table")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_embeddings(tmp_path / "e.parquet")
    clips("a").to_parquet(tmp_path / "e.parquet")
    with pytest.raises(DataError, match="has the columns"):
        read_embeddings(tmp_path / "e.parquet")

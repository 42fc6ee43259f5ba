from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.errors import DataError
from unmask.data.manifest import (
    FACES,
    KEYS,
    VIDEOS,
    empty_table,
    manifest_hash,
    read_table,
    write_table,
)
from unmask.data.sources.source import Video, to_videos

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)
rows = st.builds(
    Video,
    video_id=names,
    dataset=names,
    path=names,
    label=st.integers(0, 1),
    method=names,
    group=names,
    kind=st.sampled_from(["video", "image"]),
    identities=st.lists(names, max_size=3).map(tuple),
    split=st.sampled_from(["", "train", "val", "test"]),
)


def video(video_id: str = "toy/a") -> Video:
    return Video(
        video_id=video_id, dataset="toy", path="a.mp4", label=1, method="swap", group="toy/a"
    )


def faces(*frame_indices: int) -> pd.DataFrame:
    row = {field.name: "a" if str(field.type) == "string" else 1 for field in FACES}
    return pd.DataFrame([{**row, "frame_index": index} for index in frame_indices])


@given(st.lists(rows, max_size=6, unique_by=lambda row: row.video_id))
def test_videos_survive_writing_and_reading(
    tmp_path_factory: pytest.TempPathFactory, found: list[Video]
) -> None:
    path = tmp_path_factory.mktemp("table") / "videos.parquet"
    videos = to_videos(found)
    write_table(path, "videos", videos)
    pd.testing.assert_frame_equal(read_table(path, "videos"), videos)


def test_row_and_column_order_do_not_change_the_file(tmp_path: Path) -> None:
    videos = to_videos([video("toy/a"), video("toy/b"), video("toy/c")])
    write_table(tmp_path / "one", "videos", videos)
    write_table(tmp_path / "two", "videos", videos.iloc[[2, 0, 1], ::-1])
    assert manifest_hash(tmp_path / "one") == manifest_hash(tmp_path / "two")


def test_faces_are_ordered_by_their_whole_key(tmp_path: Path) -> None:
    write_table(tmp_path / "faces", "faces", faces(10, 2, 1))
    assert read_table(tmp_path / "faces", "faces")["frame_index"].tolist() == [1, 2, 10]


@pytest.mark.parametrize("name", KEYS)
def test_an_empty_table_survives_writing_and_reading(tmp_path: Path, name: str) -> None:
    write_table(tmp_path / name, name, empty_table(name))
    read = read_table(tmp_path / name, name)
    assert read.empty
    assert read.columns.tolist() == KEYS[name][0].names


def test_missing_and_unknown_columns_are_both_named(tmp_path: Path) -> None:
    videos = to_videos([video()]).rename(columns={"group": "grupo"})
    with pytest.raises(DataError, match=r"lacks the columns \['group'\].*unknown ones \['grupo'\]"):
        write_table(tmp_path / "videos", "videos", videos)


def test_a_repeated_key_is_named(tmp_path: Path) -> None:
    videos = to_videos([video()])
    with pytest.raises(DataError, match=r"repeats the key.*toy/a"):
        write_table(tmp_path / "videos", "videos", pd.concat([videos, videos]))
    with pytest.raises(DataError, match=r"repeats the key.*'frame_index': 7"):
        write_table(tmp_path / "faces", "faces", faces(7, 8, 7))


@pytest.mark.parametrize(
    ("column", "value"), [("label", "fake"), ("label", 1000), ("group", None), ("path", 3)]
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path, column: str, value: object) -> None:
    videos = to_videos([video()]).astype(object).assign(**{column: [value]})
    with pytest.raises(DataError, match=f"Table 'videos' breaks its schema.*{column}"):
        write_table(tmp_path / "videos", "videos", videos)


def test_a_refused_table_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "videos.parquet"
    write_table(path, "videos", to_videos([video()]))
    before = path.read_bytes()
    with pytest.raises(DataError):
        write_table(path, "videos", pd.DataFrame({"video_id": ["a"]}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_table_is_named_with_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no faces\.parquet at .*`unmask prepare`"):
        read_table(tmp_path / "faces.parquet", "faces")


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "videos.parquet"
    path.write_text("path,label\n")
    with pytest.raises(DataError, match=r"videos\.parquet is not a readable Parquet file"):
        read_table(path, "videos")


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_table(path, "failures", empty_table("failures"))
    with pytest.raises(DataError, match=r"has the columns .*'stage'.* but this version needs"):
        read_table(path, "videos")


def test_the_schema_and_a_row_have_the_same_columns() -> None:
    assert set(VIDEOS.names) == set(Video.__dataclass_fields__)

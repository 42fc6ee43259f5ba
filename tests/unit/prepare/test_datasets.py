"""Labels, groups and splits are read again when the list that holds them has changed."""

import shutil
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.data.sources.folder import FolderSource
from unmask.data.splits import OfficialSplit
from unmask.faces.crop import SquareCropper
from unmask.faces.extract import FaceExtractor
from unmask.prepare.datasets import (
    DataSet,
    index_dataset,
    index_folder,
    open_store,
    prepare_dataset,
    refresh_store,
)
from unmask.prepare.preparation import Preparation

# No pixel matters here: every file is a failure with its reason.
PREPARATION = Preparation(
    extractor=FaceExtractor(cropper=SquareCropper(crop_size=32, margin=1)),
    image_format="png",
    num_workers=1,
    time_limit_seconds=60,
)
LINES = ["a.png,real,train,ann", "b.png,real,train,bob", "c.png,fake,test,cid"]


@pytest.fixture
def dataset(tmp_path: Path) -> DataSet:
    """Return a prepared data set whose labels a table gives."""
    root = tmp_path / "ds"
    root.mkdir()
    for name in ("a", "b", "c", "d"):
        (root / f"{name}.png").write_bytes(b"no picture")
    write_list(root, *LINES)
    source = FolderSource(name="mine", csv="list.csv")
    dataset = DataSet("mine", root, source, OfficialSplit(), None, {"root": str(root)})
    prepare_dataset(dataset, PREPARATION, tmp_path)
    return dataset


def write_list(root: Path, *lines: str) -> None:
    (root / "list.csv").write_text("\n".join(["path,label,split,group", *lines]))


def column(dataset: DataSet, data_dir: Path, name: str) -> list[object]:
    values: list[object] = open_store(dataset, PREPARATION, data_dir).videos[name].tolist()
    return values


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("a.png,fake,train,ann", "label", 1),
        ("a.png,real,test,ann", "split", "test"),
        ("a.png,real,train,cid", "group", "mine/cid"),
    ],
)
def test_what_was_corrected_in_the_table_is_what_is_trained_on(
    dataset: DataSet, tmp_path: Path, line: str, name: str, value: object
) -> None:
    [part, *_] = parts = sorted(tmp_path.rglob("parts/*.json"))
    written = part.stat().st_mtime_ns
    write_list(dataset.root, line, *LINES[1:])
    assert column(dataset, tmp_path, name)[0] == value
    assert sorted(tmp_path.rglob("parts/*.json")) == parts
    assert part.stat().st_mtime_ns == written  # nothing was cut anew


def test_a_correction_that_was_indexed_already_is_used(dataset: DataSet, tmp_path: Path) -> None:
    write_list(dataset.root, "a.png,fake,train,ann", *LINES[1:])
    index_dataset(dataset, tmp_path)
    assert column(dataset, tmp_path, "label") == [1, 0, 1]


def test_a_video_that_the_table_lists_now_is_prepared(dataset: DataSet, tmp_path: Path) -> None:
    write_list(dataset.root, *LINES, "d.png,fake,val,dan")
    assert len(column(dataset, tmp_path, "video_id")) == 4


def test_a_table_that_cannot_be_used_any_more_stops_training(
    dataset: DataSet, tmp_path: Path
) -> None:
    write_list(dataset.root, "a.png,maybe,train,ann", *LINES[1:])
    with pytest.raises(DataError, match="maybe"):
        open_store(dataset, PREPARATION, tmp_path)


def test_without_an_index_the_table_is_read_again(dataset: DataSet, tmp_path: Path) -> None:
    shutil.rmtree(index_folder(dataset, tmp_path))
    write_list(dataset.root, "a.png,fake,train,ann", *LINES[1:])
    assert column(dataset, tmp_path, "label") == [1, 0, 1]


def test_a_store_is_opened_when_its_videos_have_gone(dataset: DataSet, tmp_path: Path) -> None:
    shutil.rmtree(dataset.root)
    assert column(dataset, tmp_path, "label") == [0, 0, 1]
    shutil.rmtree(index_folder(dataset, tmp_path))
    assert column(dataset, tmp_path, "label") == [0, 0, 1]


def test_a_store_that_is_not_there_is_not_made_to_bring_it_up_to_date(
    dataset: DataSet, tmp_path: Path
) -> None:
    folder = refresh_store(dataset, PREPARATION, tmp_path / "elsewhere")
    assert not folder.exists()

"""A run is bound to the content that it was trained on."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from unmask.core.errors import DataError
from unmask.data.store import FaceStore
from unmask.runs.content import (
    add_content,
    changes_since,
    content_of,
    read_content,
    require_same_content,
    write_content,
)


@pytest.fixture
def store(make_store) -> FaceStore:  # noqa: ANN001
    """Return a store with videos in every split."""
    made: FaceStore = make_store()
    return made


def edited(store: FaceStore, video: int, **cells: object) -> FaceStore:
    videos = store.videos.copy()
    for name, value in cells.items():
        videos.loc[video, name] = value
    return replace(store, videos=videos)


def first_of(store: FaceStore, split: str) -> int:
    return int(store.videos.index[store.videos["split"] == split][0])


def test_a_copy_at_another_place_is_the_same(store: FaceStore, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(store.folder, elsewhere)
    copied = replace(store, folder=elsewhere, videos=store.videos[::-1], faces=store.faces[::-1])
    assert changes_since(content_of(store), content_of(copied)) is None


def test_the_table_survives_writing(store: FaceStore, tmp_path: Path) -> None:
    write_content(tmp_path, [content_of(store)])
    read = read_content(tmp_path)
    assert read is not None
    assert changes_since(read, content_of(store)) is None
    assert read_content(tmp_path / "of an earlier version") is None


@pytest.mark.parametrize(
    ("cells", "kind"),
    [({"label": 1}, "relabelled"), ({"split": "val"}, "moved"), ({"group": "new"}, "regrouped")],
)
def test_each_change_is_told_by_the_name_of_the_video(
    store: FaceStore, cells: dict[str, object], kind: str
) -> None:
    labels = store.videos["label"]
    video = int(store.videos.index[(store.videos["split"] == "train") & (labels == 0)][0])
    changes = changes_since(content_of(store), content_of(edited(store, video, **cells)))
    name = store.videos["video_id"][video]
    assert changes is not None
    assert getattr(changes, kind) == [name]
    assert changes.num_videos == 1
    assert f"1 {'in another' if kind != 'relabelled' else 'with another'}" in str(changes)
    assert name in str(changes)


def test_a_training_video_that_moves_to_the_test_is_known(store: FaceStore) -> None:
    video = first_of(store, "train")
    changes = changes_since(content_of(store), content_of(edited(store, video, split="test")))
    assert changes is not None
    assert changes.trained == [store.videos["video_id"][video]]


def test_a_training_video_under_another_name_is_known(store: FaceStore) -> None:
    video = first_of(store, "train")
    old = store.videos["video_id"][video]
    renamed = edited(store, video, video_id="toy/renamed", split="test")
    faces = store.faces.assign(video_id=store.faces["video_id"].replace(old, "toy/renamed"))
    changes = changes_since(content_of(store), content_of(replace(renamed, faces=faces)))
    assert changes is not None
    assert (changes.added, changes.removed) == (["toy/renamed"], [old])
    assert changes.trained == ["toy/renamed"]


def test_other_pixels_under_the_same_name_are_another_video(store: FaceStore) -> None:
    before = content_of(store)
    name = store.videos["video_id"][first_of(store, "test")]
    [path, *_] = store.faces.loc[store.faces["video_id"] == name, "crop_path"]
    other = store.faces.loc[store.faces["video_id"] != name, "crop_path"].iloc[-1]
    (store.folder / path).write_bytes((store.folder / other).read_bytes() + b"\0")
    changes = changes_since(before, content_of(store, ("val", "test")))
    assert changes is not None
    assert changes.recut == [name]


def test_crops_that_are_not_read_are_not_compared(store: FaceStore) -> None:
    assert changes_since(content_of(store), content_of(store, ("test",))) is not None
    assert changes_since(content_of(store), content_of(store, ("val", "test"))) is None


def test_a_missing_crop_is_named(store: FaceStore) -> None:
    path = store.folder / store.faces["crop_path"].iloc[0]
    path.unlink()
    with pytest.raises(DataError, match=path.name):
        content_of(store)


def test_a_data_set_that_is_tested_on_for_the_first_time_is_added(
    store: FaceStore, tmp_path: Path
) -> None:
    write_content(tmp_path, [content_of(store)])
    other = content_of(store).assign(dataset="other")
    add_content(tmp_path, [content_of(store).assign(label=1), other])
    found = read_content(tmp_path)
    assert found is not None
    assert changes_since(found, content_of(store)) is None  # what was there stays
    assert changes_since(found, other) is None
    relabelled = changes_since(found, other.assign(label=1))
    assert relabelled is not None
    assert relabelled.dataset == "other"


def test_a_training_does_not_go_on_with_other_data(store: FaceStore, tmp_path: Path) -> None:
    write_content(tmp_path, [content_of(store)])
    require_same_content(tmp_path, [content_of(store)])
    fewer = replace(store, videos=store.videos[1:].reset_index(drop=True))
    name = store.videos["video_id"][0]
    with pytest.raises(DataError, match=rf"cannot be continued.* 1 removed \({name}\)"):
        require_same_content(tmp_path, [content_of(fewer)])
    require_same_content(tmp_path / "of an earlier version", [pd.DataFrame()])

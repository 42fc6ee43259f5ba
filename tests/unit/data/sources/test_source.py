from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from unmask.core.errors import DataError
from unmask.data.manifest import VIDEOS, empty_table
from unmask.data.sources.celebdf import CelebDF
from unmask.data.sources.ffpp import FaceForensics
from unmask.data.sources.folder import FolderSource
from unmask.data.sources.source import (
    Source,
    Video,
    count_notes,
    describe_entries,
    find_folder,
    list_videos,
    media_kind,
    to_videos,
    walk_files,
)

Plant = Callable[..., Path]
SOURCES = (FaceForensics(), CelebDF(version="v1"), CelebDF(), FolderSource())


def video(video_id: str, path: str = "a.mp4") -> Video:
    return Video(video_id=video_id, dataset="toy", path=path, label=0, method="real", group="g")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_root_that_does_not_exist_is_named(tmp_path: Path, source: Source) -> None:
    with pytest.raises(DataError, match=rf"root of '{source.name}' does not exist: .*nowhere\."):
        source.index(tmp_path / "nowhere")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_an_empty_root_is_named(plant: Plant, source: Source) -> None:
    with pytest.raises(DataError, match=rf"root of '{source.name}' is empty: .*root\."):
        source.index(plant())


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_root_that_is_a_file_is_named(plant: Plant, source: Source) -> None:
    with pytest.raises(DataError, match=rf"root of '{source.name}' is a file: .*a\.zip\."):
        source.index(plant(["a.zip"]) / "a.zip")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_another_layout_is_answered_with_what_was_found(plant: Plant, source: Source) -> None:
    with pytest.raises(DataError, match=r"found holiday, notes\.txt\."):
        source.index(plant(["holiday/a.mp4", "notes.txt"]))


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\\b"])
def test_a_name_that_cannot_be_a_folder_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name must be a word"):
        FolderSource(name=name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp4", "video"),
        ("a.AVI", "video"),
        ("a.JPG", "image"),
        ("a.webp", "image"),
        ("a.mp4.part", None),
        ("._a.mp4", None),
        ("a", None),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_suffix(name: str, kind: str | None) -> None:
    assert media_kind(Path(name)) == kind


def test_files_that_are_no_videos_are_reported_with_a_reason(plant: Plant) -> None:
    root = plant(["v/b.mp4", "v/a.mp4", "v/._a.mp4", "v/a.mp4.part", "v/a.png", "v/deeper/c.mp4"])
    videos, ignored = list_videos(root / "v", root)
    assert [path.name for path in videos] == ["a.mp4", "b.mp4"]
    assert ignored == [
        "v/._a.mp4: hidden file",
        "v/a.mp4.part: suffix '.part' is not media",
        "v/a.png: an image among videos",
    ]


def test_an_empty_video_file_is_listed_for_prepare_to_report(plant: Plant) -> None:
    root = plant()
    (root / "a.mp4").touch()
    assert list_videos(root, root) == ([root / "a.mp4"], [])


def test_a_walk_follows_links_to_folders_and_ends_at_a_circle(plant: Plant, tmp_path: Path) -> None:
    root = plant(["a/1.mp4", ".hidden/2.mp4"])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "3.mp4").touch()
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "circle").symlink_to(root)
    assert [path.relative_to(root).as_posix() for path in walk_files(root)] == [
        "a/1.mp4",
        "b/3.mp4",
    ]


def test_a_folder_is_found_in_any_case(plant: Plant) -> None:
    root = plant(["DeepFakes/x", "c0/x"])
    assert find_folder(root, "Deepfakes") == root / "DeepFakes"
    assert find_folder(root, "raw", "c0") == root / "c0"
    assert find_folder(root, "c23") is None
    assert find_folder(root / "missing", "c23") is None


def test_two_folders_of_one_meaning_are_refused(plant: Plant) -> None:
    root = plant(["DeepFakes/x", "Deepfakes/x"])
    if len(list(root.iterdir())) == 1:
        pytest.skip("this file system does not tell upper from lower case")
    with pytest.raises(DataError, match="holds DeepFakes and Deepfakes, which mean the same"):
        find_folder(root, "Deepfakes")


def test_many_entries_are_counted(plant: Plant) -> None:
    assert describe_entries(plant(["a", "b", "c"]), most=2) == "a, b and 1 more"


def test_two_files_of_one_id_are_named() -> None:
    with pytest.raises(DataError, match=r"'toy/a' occurs twice: as a\.avi and as a\.mp4\."):
        to_videos([video("toy/a", "a.mp4"), video("toy/b"), video("toy/a", "a.avi")])


def test_rows_come_ordered_and_typed_like_a_manifest() -> None:
    frame = to_videos([video("toy/b"), video("toy/a")])
    assert frame["video_id"].tolist() == ["toy/a", "toy/b"]
    assert frame.columns.tolist() == VIDEOS.names
    pd.testing.assert_series_equal(frame.dtypes, empty_table("videos").dtypes)


def test_only_published_counts_are_compared() -> None:
    found, published = {"same": 3, "fewer": 2, "mine": 1}, {"same": 3, "fewer": 5, "absent": 9}
    assert count_notes(found, published) == ["fewer has 2 videos; 5 are published."]

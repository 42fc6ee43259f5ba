"""Every source on its fake tree: what holds for all of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.data.sources.known import RECOGNISERS, recognise
from unmask.data.sources.source import IndexedVideos, Source

Planter = Callable[..., Path]


def source_of(root: Path) -> Source:
    return recognise(root)[0].source


def index(root: Path) -> IndexedVideos:
    return source_of(root).index(root)


def test_both_classes_are_indexed_and_every_path_is_there(
    plant_tree: Planter, tree_name: str
) -> None:
    root = plant_tree(tree_name)
    videos = index(root).videos
    assert set(videos["label"]) == {0, 1}
    assert all((root / path).exists() for path in videos["path"])
    is_folder = videos["path"].map(lambda path: (root / path).is_dir())
    assert (is_folder == (videos["kind"] == "frames")).all()


def test_a_fake_is_in_the_group_of_its_original(plant_tree: Planter, tree_name: str) -> None:
    videos = index(plant_tree(tree_name)).videos.set_index("video_id")
    fakes = videos[videos["original"] != ""]
    originals = videos.loc[fakes["original"]]
    assert originals["group"].tolist() == fakes["group"].tolist()
    assert (originals["label"] == 0).all()


def test_a_source_says_beforehand_whether_it_annotates_faces(
    plant_tree: Planter, tree_name: str
) -> None:
    root = plant_tree(tree_name)
    has_boxes = index(root).boxes is not None
    assert getattr(source_of(root), "annotates_faces", False) == has_boxes


def test_hidden_and_partial_files_are_ignored_and_reported(
    plant_tree: Planter, tree_name: str
) -> None:
    root = plant_tree(tree_name)
    before = index(root)
    first = root / before.videos["path"].iloc[0]
    folder = first if first.is_dir() else first.parent
    (folder / "._x.mp4").touch()
    (folder / "000.mp4.part").touch()
    after = index(root)
    assert after.videos.equals(before.videos)
    listed_by_name = tree_name in ("openforensics", "deepfakebench", "ffpp_gend")
    if not listed_by_name:
        assert len(after.ignored) == len(before.ignored) + 2


def test_indexing_does_not_depend_on_the_order_of_the_disk(
    plant_tree: Planter, tree_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = plant_tree(tree_name)
    expected = index(root).videos
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: reversed(list(listed(self))))
    assert index(root).videos.equals(expected)


def test_another_data_set_is_refused_by_name(plant_tree: Planter, tree_name: str) -> None:
    source = source_of(plant_tree(tree_name))
    other = plant_tree("dfdcp" if "celebdf" in tree_name else "celebdf_v2", inside="other")
    found = r"found .*(List_of_testing_videos\.txt|dataset\.json)|no index file"
    with pytest.raises(DataError, match=found):
        source.index(other)


def test_a_root_one_level_too_high_is_found_by_the_doctor(
    plant_tree: Planter, tree_name: str, tmp_path: Path
) -> None:
    plant_tree(tree_name, inside="above/set")
    (match,) = recognise(tmp_path / "above")
    assert match.data == tree_name


def test_no_recogniser_takes_a_folder_of_holiday_photographs(plant: Callable[..., Path]) -> None:
    root = plant(["2019/a.jpg", "2020/b.mp4", "notes.json"])
    assert [ask(root) for ask in RECOGNISERS] == [None] * len(RECOGNISERS)

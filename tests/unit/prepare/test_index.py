import json
from pathlib import Path

import pytest
from rich.console import Console

from unmask.cli.tables import index_table
from unmask.core.errors import DataError
from unmask.core.files import sha256_of_file
from unmask.data.manifest import read_table
from unmask.data.sources.celebdf import CelebDF
from unmask.data.sources.folder import FolderSource
from unmask.data.sources.source import Source
from unmask.data.splits import IdentitySplit, OfficialSplit, OfficialTestSplit, TestOnlySplit
from unmask.prepare.index import index


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree of six real and six fake files, and one that is neither."""
    root = tmp_path / "root"
    for label in ("real", "fake"):
        (root / label).mkdir(parents=True)
        for number in range(6):
            (root / label / f"{number}.mp4").touch()
    (root / "readme.txt").touch()
    return root


def test_the_manifest_and_its_description_are_written(root: Path, tmp_path: Path) -> None:
    split = IdentitySplit(train=0.5, val=0.0, test=0.5)
    summary = index(FolderSource(), root=root, split=split, index_dir=tmp_path / "index")
    videos = read_table(summary.videos_path, "videos")
    assert len(videos) == summary.num_videos == summary.num_groups == 12
    assert set(videos["split"]) == {"train", "test"}
    content = json.loads((tmp_path / "index" / "index.json").read_text())
    assert content.pop("notes") == list(summary.notes)
    assert content == {
        "dataset": "folder",
        "source": repr(FolderSource()),
        "root": str(root),
        "split_rule": "IdentitySplit(train=0.5, val=0.0, test=0.5, seed=0)",
        "num_videos": 12,
        "num_groups": 12,
        "counts": [
            {"split": "test", "label": "fake", "method": "fake", "num_videos": 3},
            {"split": "test", "label": "real", "method": "real", "num_videos": 3},
            {"split": "train", "label": "fake", "method": "fake", "num_videos": 3},
            {"split": "train", "label": "real", "method": "real", "num_videos": 3},
        ],
        "num_ignored": 1,
        "ignored": ["readme.txt: suffix '.txt' is not media"],
        "left_out": [],
        "lists": {"readme.txt": sha256_of_file(root / "readme.txt")},
    }


def test_indexing_twice_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        index(FolderSource(), root=root, split=IdentitySplit(), index_dir=tmp_path / name)
    for file in ("videos.parquet", "index.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_videos_that_the_rule_leaves_out_are_counted(tmp_path: Path) -> None:
    root = tmp_path / "celebdf"
    (root / "Celeb-real").mkdir(parents=True)
    for number in range(3):
        (root / "Celeb-real" / f"id{number}_0000.mp4").touch()
    (root / "List_of_testing_videos.txt").write_text("1 Celeb-real/id1_0000.mp4\n")
    summary = index(CelebDF(), root=root, split=TestOnlySplit(), index_dir=tmp_path / "index")
    assert summary.num_videos == 1
    assert "Videos left out by the split rule: 2." in summary.notes


def test_people_on_both_sides_of_a_test_list_are_counted(tmp_path: Path) -> None:
    root = tmp_path / "celebdf"
    (root / "Celeb-real").mkdir(parents=True)
    for name in ("id0_0000", "id0_0001", "id1_0000", "id2_0000"):
        (root / "Celeb-real" / f"{name}.mp4").touch()
    (root / "List_of_testing_videos.txt").write_text("1 Celeb-real/id0_0000.mp4\n")
    split = OfficialTestSplit(val=0.3)
    summary = index(CelebDF(), root=root, split=split, index_dir=tmp_path / "index")
    assert any(note.startswith("Groups in more than one split: 1.") for note in summary.notes)


@pytest.mark.parametrize("source", [FolderSource(), CelebDF()], ids=lambda source: source.name)
def test_a_wrong_root_writes_nothing(tmp_path: Path, source: Source) -> None:
    with pytest.raises(DataError, match=r"does not exist: .*nowhere"):
        index(source, root=tmp_path / "nowhere", split=IdentitySplit(), index_dir=tmp_path / "i")
    assert not (tmp_path / "i").exists()


def test_a_rule_that_cannot_split_writes_nothing(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="12 of 12 videos have no official split"):
        index(FolderSource(), root=root, split=OfficialSplit(), index_dir=tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_the_summary_shows_a_count_for_every_method_and_split(root: Path, tmp_path: Path) -> None:
    split = IdentitySplit(train=0.5, val=0.0, test=0.5)
    summary = index(FolderSource(), root=root, split=split, index_dir=tmp_path / "index")
    console = Console(width=80, record=True, file=(tmp_path / "out.txt").open("w"))
    console.print(index_table(summary))
    text = console.export_text()
    console.file.close()
    assert "folder: 12 videos in 12 groups" in text
    assert [line.split("│")[1:-1] for line in text.splitlines() if "│" in line] == [
        [" fake  ", " fake   ", "     3 ", "    3 "],
        [" real  ", " real   ", "     3 ", "    3 "],
    ]

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.data.sources.dfdcp import DFDCPreview

Planter = Callable[..., Path]
Plant = Callable[..., Path]


def test_names_that_two_methods_share_are_two_videos(plant_tree: Planter) -> None:
    videos = DFDCPreview().index(plant_tree("dfdcp")).videos.set_index("video_id")
    assert videos.loc["dfdcp/method_A/1/1_A/2_1_A_001", "method"] == "method_A"
    assert videos.loc["dfdcp/method_B/1/1_A/2_1_A_001", "method"] == "method_B"


def test_target_and_swapped_are_one_group(plant_tree: Planter) -> None:
    videos = DFDCPreview().index(plant_tree("dfdcp")).videos.set_index("video_id")
    fake = videos.loc["dfdcp/method_A/1/1_A/2_1_A_001"]
    assert fake["identities"].tolist() == ["1", "2"]
    groups = videos.loc[[f"dfdcp/original_videos/{n}/{n}_A_001" for n in (1, 2, 3)], "group"]
    assert groups.tolist() == ["dfdcp/1", "dfdcp/1", "dfdcp/3"]


def test_a_moved_video_is_found_by_its_name(plant_tree: Planter) -> None:
    videos = DFDCPreview().index(plant_tree("dfdcp")).videos.set_index("video_id")
    assert videos.loc["dfdcp/original_videos/4/4_A_001", "path"] == "elsewhere/4_A_001.mp4"


def test_a_name_that_fits_several_entries_is_ignored(plant_tree: Planter) -> None:
    root = plant_tree("dfdcp")
    (root / "elsewhere" / "2_1_A_001.mp4").touch()
    found = DFDCPreview().index(root)
    assert "elsewhere/2_1_A_001.mp4: several in dataset.json" in found.ignored
    assert "elsewhere/9_A_001.mp4: none in dataset.json" in found.ignored


def test_only_train_and_test_are_official(plant_tree: Planter) -> None:
    splits = DFDCPreview().index(plant_tree("dfdcp")).videos["split"]
    assert splits.value_counts().to_dict() == {"train": 6, "test": 2}


def test_listed_videos_that_are_absent_are_counted(plant_tree: Planter) -> None:
    root = plant_tree("dfdcp", keep=lambda path: not path.startswith("method_B"))
    found = DFDCPreview().index(root)
    assert found.num_absent == 1
    assert "1 of 8 videos of dataset.json are not on disk." in found.notes


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"label": "reel", "set": "train"}, r"the label 'reel'; did you mean 'real'"),
        ({"label": "real", "set": "val"}, r"the set 'val'"),
    ],
)
def test_a_bad_entry_is_named(plant: Plant, entry: dict[str, str], message: str) -> None:
    root = plant(["a.mp4"], dataset__json=json.dumps({"a.mp4": entry}))
    with pytest.raises(DataError, match=message):
        DFDCPreview().index(root)


def test_a_table_of_something_else_is_named(plant: Plant) -> None:
    with pytest.raises(DataError, match=r"dataset\.json must look like"):
        DFDCPreview().index(plant(["a.mp4"], dataset__json="[1]"))

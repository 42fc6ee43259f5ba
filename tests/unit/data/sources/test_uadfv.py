from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.data.sources.uadfv import UADFV

Planter = Callable[..., Path]


def test_a_fake_belongs_to_the_video_of_its_number(plant_tree: Planter) -> None:
    videos = UADFV().index(plant_tree("uadfv")).videos.set_index("video_id")
    fake = videos.loc["uadfv/fake/0007_fake"]
    assert (fake["group"], fake["original"]) == ("uadfv/0007", "uadfv/real/0007")
    assert videos["group"].nunique() == 49


def test_no_split_is_official(plant_tree: Planter) -> None:
    assert set(UADFV().index(plant_tree("uadfv")).videos["split"]) == {""}


def test_extracted_frames_stand_in_for_a_missing_video(plant_tree: Planter) -> None:
    videos = UADFV().index(plant_tree("uadfv")).videos.set_index("video_id")
    row = videos.loc["uadfv/real/0048"]
    assert (row["kind"], row["path"]) == ("frames", "real/frames/0048")
    assert (videos["kind"] == "frames").sum() == 1


def test_the_published_49_and_49_need_no_note(plant_tree: Planter) -> None:
    assert UADFV().index(plant_tree("uadfv")).notes == []


def test_a_fake_of_a_missing_real_names_no_original(plant_tree: Planter) -> None:
    root = plant_tree("uadfv", keep=lambda path: path != "real/0007.mp4")
    videos = UADFV().index(root).videos.set_index("video_id")
    assert videos.loc["uadfv/fake/0007_fake", "original"] == ""


def test_a_missing_class_is_named(plant_tree: Planter) -> None:
    root = plant_tree("uadfv", keep=lambda path: path.startswith("real"))
    with pytest.raises(DataError, match=r"has no fake video such as fake/0000_fake\.mp4"):
        UADFV().index(root)

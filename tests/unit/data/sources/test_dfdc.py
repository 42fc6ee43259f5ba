import json
from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.data.sources.dfdc import DFDC, DFDCTest, find_parts

Planter = Callable[..., Path]
Plant = Callable[..., Path]


def test_parts_are_found_in_both_spellings(plant_tree: Planter) -> None:
    assert list(find_parts(plant_tree("dfdc"))) == [0, 3, 37, 40]


def test_splits_go_by_part(plant_tree: Planter) -> None:
    videos = DFDC().index(plant_tree("dfdc")).videos
    found = {(video_id.split("/")[1], split) for video_id, split in
             zip(videos["video_id"], videos["split"], strict=True)}  # fmt: skip
    assert found == {("00", "train"), ("37", "val"), ("40", "test")}


def test_a_fake_and_its_original_are_one_group(plant_tree: Planter) -> None:
    videos = DFDC().index(plant_tree("dfdc")).videos.set_index("video_id")
    assert videos.loc["dfdc/00/f0", "original"] == "dfdc/00/r0"
    assert videos.loc["dfdc/00/f0", "group"] == videos.loc["dfdc/00/r0", "group"] == "dfdc/00/r0"


def test_fakes_of_one_absent_original_are_one_group(plant_tree: Planter) -> None:
    videos = DFDC().index(plant_tree("dfdc")).videos.set_index("video_id")
    orphan = videos.loc["dfdc/37/o37"]
    assert (orphan["original"], orphan["group"]) == ("", "dfdc/37/a37")


def test_a_part_without_labels_is_noted_and_its_videos_ignored(plant_tree: Planter) -> None:
    found = DFDC().index(plant_tree("dfdc"))
    assert "Part 3 has no metadata.json, so its 1 videos have no label." in found.notes
    assert "dfdc_train_part_3/x.mp4: no metadata.json" in found.ignored


def test_described_videos_that_are_absent_are_counted(plant_tree: Planter) -> None:
    found = DFDC().index(plant_tree("dfdc"))
    assert found.num_absent == 3
    assert "Part 37: 1 of 4 videos are not on disk." in found.notes


def test_missing_parts_are_named_as_ranges(plant_tree: Planter) -> None:
    notes = DFDC().index(plant_tree("dfdc")).notes
    assert "46 of 50 parts are not here: 1-2, 4-36, 38-39, 41-49." in notes


def test_one_part_can_be_the_root(plant_tree: Planter) -> None:
    videos = DFDC().index(plant_tree("dfdc") / "dfdc_train_part_37").videos
    assert set(videos["split"]) == {"val"}


def test_a_part_that_is_there_twice_is_refused(plant: Plant) -> None:
    with pytest.raises(DataError, match=r"Part 1 is at .*part_01 and .*part_1\. Keep one"):
        find_parts(plant(["dfdc_train_part_01/a.mp4", "dfdc_train_part_1/a.mp4"]))


@pytest.mark.parametrize("label", ["FAKED", None, 1])
def test_an_unknown_label_is_named(plant: Plant, label: object) -> None:
    root = plant(["dfdc_train_part_0/x.mp4"])
    table = json.dumps({"x.mp4": {"label": label}})
    (root / "dfdc_train_part_0" / "metadata.json").write_text(table)
    with pytest.raises(DataError, match=rf"metadata\.json: x\.mp4 has the label {label!r}"):
        DFDC().index(root)


@pytest.mark.parametrize("content", ["[]", '{"x.mp4": 1}', "{"])
def test_unusable_metadata_is_named(plant: Plant, content: str) -> None:
    root = plant(["dfdc_train_part_0/x.mp4"])
    (root / "dfdc_train_part_0" / "metadata.json").write_text(content)
    with pytest.raises(DataError, match=r"metadata\.json (must look like|is not readable JSON)"):
        DFDC().index(root)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"val_parts": [3], "test_parts": [3, 4]}, r"val_parts and test_parts both hold \[3\]"),
        ({"val_parts": [50]}, r"parts 0 to 49, but \[50\] is asked for"),
    ],
)
def test_a_bad_choice_of_parts_is_named(settings: dict[str, list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DFDC(**settings)


def test_the_number_1_of_the_test_labels_means_fake(plant_tree: Planter) -> None:
    videos = DFDCTest().index(plant_tree("dfdc_test")).videos.set_index("video_id")
    assert videos["label"].to_dict() == {
        "dfdc_test/v0": 0,
        "dfdc_test/v1": 1,
        "dfdc_test/v2": 1,
    }
    assert set(videos["split"]) == {"test"}


def test_metadata_alone_gives_the_same_labels(plant_tree: Planter) -> None:
    both = DFDCTest().index(plant_tree("dfdc_test")).videos
    root = plant_tree("dfdc_test", keep=lambda path: path != "labels.csv", inside="other")
    assert DFDCTest().index(root).videos["label"].tolist() == both["label"].tolist()


def test_a_table_without_its_header_loses_no_video(plant: Plant) -> None:
    found = DFDCTest().index(plant(["a.mp4", "b.mp4"], labels__csv="a.mp4,0\nb.mp4,1\n"))
    assert found.videos["label"].tolist() == [0, 1]


def test_a_subset_of_the_test_videos_is_noted(plant_tree: Planter) -> None:
    found = DFDCTest().index(plant_tree("dfdc_test"))
    assert found.num_absent == 1
    assert any("1 of 4 labelled videos are not on disk" in note for note in found.notes)
    assert found.ignored == ["test/ori_videos/0/unlisted.mp4: no label in the table"]


def test_two_tables_that_contradict_are_refused(plant: Plant) -> None:
    other = json.dumps({"a.mp4": {"is_fake": 1}})
    root = plant(["a.mp4"], labels__csv="filename,label\na.mp4,0\n", metadata__json=other)
    with pytest.raises(DataError, match=r"contradict each other on 1 videos, for example a\.mp4"):
        DFDCTest().index(root)


def test_a_malformed_line_is_named(plant: Plant) -> None:
    root = plant(["a.mp4"], labels__csv="filename,label\na.mp4,fake\n")
    with pytest.raises(DataError, match=r"Line 2 of .*labels\.csv is 'a\.mp4,fake', but must look"):
        DFDCTest().index(root)


def test_the_validation_set_is_told_from_the_test_set(plant: Plant) -> None:
    lines = "".join(f"{number}.mp4,{number % 2}\n" for number in range(4000))
    root = plant(["0.mp4", "1.mp4"], labels__csv="filename,label\n" + lines)
    assert any("this is the validation set" in note for note in DFDCTest().index(root).notes)

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from unmask.core.errors import DataError
from unmask.data.manifest import read_table
from unmask.data.sources.openforensics import OpenForensics
from unmask.data.splits import OfficialSplit
from unmask.prepare.index import index

Planter = Callable[..., Path]
Plant = Callable[..., Path]


def test_each_face_of_a_photograph_has_its_own_label(plant_tree: Planter) -> None:
    videos = OpenForensics().index(plant_tree("openforensics")).videos.set_index("video_id")
    assert videos.loc["openforensics/Train/train0/0", "label"] == 0
    assert videos.loc["openforensics/Train/train0/1", "label"] == 1


def test_the_faces_of_a_photograph_are_one_group(plant_tree: Planter) -> None:
    videos = OpenForensics().index(plant_tree("openforensics")).videos
    groups = videos.groupby("path")["group"].nunique()
    assert set(groups) == {1}
    assert videos["group"].nunique() == len(groups)


def test_boxes_are_two_corners_in_pixels(plant_tree: Planter) -> None:
    boxes = OpenForensics().index(plant_tree("openforensics")).boxes
    assert boxes is not None
    row = boxes.set_index("video_id").loc["openforensics/Train/train0/1"]
    assert row.tolist() == [30.0, 2.0, 40.5, 22.0, 64, 48]


def test_ids_that_repeat_from_part_to_part_are_different_faces(plant_tree: Planter) -> None:
    videos = OpenForensics().index(plant_tree("openforensics")).videos
    assert videos["split"].value_counts().to_dict() == {"train": 4, "val": 4, "test": 4}


def test_images_without_the_folder_of_the_list_are_found(plant_tree: Planter) -> None:
    videos = OpenForensics().index(plant_tree("openforensics")).videos
    assert videos["path"].str.fullmatch(r"(Train|Val|Test-Dev)/[a-z-]+\d\.jpg").all()


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        ("[5, 5, 0, 20]", [5, 5, 5, 25]),
        ("[5, 5, -9, 20]", [5, 5, -4, 25]),
        ("[-7, 2, 9, 9]", [-7, 2, 2, 11]),
        *(
            (absurd, [None] * 4)
            for absurd in ("[NaN, 0, 9, 9]", "[0, 0, Infinity, 9]", "[1, 2, 3]", "null", '"0"',
                           '["0", 0, 9, 9]', f"[1{'0' * 400}, 0, 9, 9]")
        ),
    ],
)  # fmt: skip
def test_an_absurd_box_is_passed_on_so_that_prepare_says_what_is_wrong(
    plant: Plant, tmp_path: Path, bbox: str, expected: list[float | None]
) -> None:
    content = {
        "categories": [{"id": 0, "name": "Real"}],
        "images": [{"id": 9, "file_name": "a.jpg", "width": "wide", "height": -3}],
        "annotations": [{"id": 5, "image_id": 9, "category_id": 0, "bbox": "BBOX"}],
    }
    text = json.dumps(content).replace('"BBOX"', bbox)
    root = plant(["a.jpg"], Train_poly__json=text)
    index(OpenForensics(), root=root, split=OfficialSplit(), index_dir=tmp_path / "index")
    (row,) = pq.read_table(tmp_path / "index" / "boxes.parquet").to_pylist()
    assert [row[f"box_{corner}"] for corner in ("x1", "y1", "x2", "y2")] == expected
    assert (row["image_width"], row["image_height"]) == (0, 0)


def test_absent_images_are_counted_and_their_faces_ignored(plant_tree: Planter) -> None:
    root = plant_tree("openforensics", keep=lambda path: path != "Val/val0.jpg")
    found = OpenForensics().index(root)
    assert found.num_absent == 1
    assert "Val: 1 of 2 listed images are not on disk." in found.notes
    assert "Val annotation 0: its image is not on disk" in found.ignored


def test_the_word_of_a_category_is_believed_and_not_its_number(plant: Plant) -> None:
    content = {
        "categories": [{"id": 0, "name": "fake"}, {"id": 1, "name": "real"}],
        "images": [{"id": 9, "file_name": "a.jpg"}],
        "annotations": [{"id": 5, "image_id": 9, "category_id": 0, "bbox": [0, 0, 1, 1]}],
    }
    found = OpenForensics().index(plant(["a.jpg"], Train_poly__json=json.dumps(content)))
    assert found.videos["label"].tolist() == [1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": [], "annotations": []}, r"Train_poly\.json must look like .* lacks 'categor"),
        ({"categories": [{"id": 0, "name": "Reel"}]}, r"category 'Reel'; did you mean 'real'"),
    ],
)
def test_an_unusable_list_is_named(plant: Plant, content: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        OpenForensics().index(plant(["a.jpg"], Train_poly__json=json.dumps(content)))


def test_the_two_test_parts_are_never_mixed(plant_tree: Planter) -> None:
    root = plant_tree("openforensics")
    text = (root / "Test-Dev_poly.json").read_text().replace("Test-Dev", "Test-Challenge")
    (root / "Test-Challenge_poly.json").write_text(text)
    videos = OpenForensics(test="Test-Dev").index(root).videos
    assert not videos["video_id"].str.contains("Test-Challenge").any()
    with pytest.raises(
        ValueError, match="test is 'Test', which is not a test part of OpenForensics"
    ):
        OpenForensics(test="Test")


def test_boxes_are_written_beside_the_videos(plant_tree: Planter, tmp_path: Path) -> None:
    root = plant_tree("openforensics")
    index(OpenForensics(), root=root, split=OfficialSplit(), index_dir=tmp_path / "index")
    boxes = read_table(tmp_path / "index" / "boxes.parquet", "boxes")
    videos = read_table(tmp_path / "index" / "videos.parquet", "videos")
    assert boxes["video_id"].tolist() == videos["video_id"].tolist()
    assert not (tmp_path / "index" / "masks.parquet").exists()

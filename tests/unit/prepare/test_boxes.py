"""Faces that the data set has annotated: each is cut by its own box and keeps its own label."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from unmask.core.errors import ConfigError, DataError
from unmask.data.manifest import read_table
from unmask.data.sources.openforensics import OpenForensics
from unmask.data.splits import OfficialSplit
from unmask.faces.align import AlignedCropper
from unmask.faces.annotated import AnnotatedBox
from unmask.faces.boxes import square_in_frame
from unmask.faces.crop import SquareCropper
from unmask.faces.extract import FaceExtractor
from unmask.prepare.datasets import (
    DataSet,
    open_store,
    prepare_dataset,
    store_folder,
)
from unmask.prepare.preparation import Preparation
from unmask.prepare.run import prepare
from unmask.prepare.shard import Shard
from unmask.prepare.summary import PrepareSummary

Plant = Callable[[Path], dict[str, int]]
# 54 faces on 18 photographs. JPEG would blur the colours at the edges of the crops.
PREPARATION = Preparation(
    extractor=FaceExtractor(cropper=SquareCropper(crop_size=32, margin=1)),
    image_format="png",
    num_workers=1,
    time_limit_seconds=60,
    settings={"margin": 1},
)


def dataset(root: Path) -> DataSet:
    return DataSet(
        name="openforensics",
        root=root,
        source=OpenForensics(),
        split=OfficialSplit(),
        make=None,
        settings={"root": str(root)},
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photos")


@pytest.fixture(scope="module")
def labels(root: Path, plant_photos: Plant) -> dict[str, int]:
    """The label of every face, as the annotations have it."""
    return plant_photos(root)


@pytest.fixture(scope="module")
def whole(
    root: Path, labels: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> PrepareSummary:
    assert len(labels) == 54
    return prepare_dataset(dataset(root), PREPARATION, tmp_path_factory.mktemp("whole"))


def files_of(store_dir: Path) -> dict[str, bytes]:
    paths = (path for path in store_dir.rglob("*") if path.is_file())
    return {
        path.relative_to(store_dir).as_posix(): path.read_bytes()
        for path in paths
        if not path.name.startswith(".lock")
    }


def test_every_annotated_face_has_one_crop_that_shows_its_own_class(
    whole: PrepareSummary, labels: dict[str, int]
) -> None:
    assert (whole.num_videos, whole.num_faces, whole.num_failures) == (54, 54, 0)
    faces = read_table(whole.store_dir / "faces.parquet", "faces")
    videos = read_table(whole.store_dir / "videos.parquet", "videos")
    assert dict(zip(videos["video_id"], videos["label"], strict=True)) == labels
    for face in faces.itertuples():
        _, green, red = cv2.imread(str(whole.store_dir / face.crop_path)).mean(axis=(0, 1))
        assert (red > green) == labels[face.video_id]
        # Nothing of a neighbour or of the wall behind.
        assert min(red, green) < 40
        assert max(red, green) > 120


def test_boxes_are_those_of_the_annotations(root: Path, whole: PrepareSummary) -> None:
    faces = read_table(whole.store_dir / "faces.parquet", "faces").set_index("video_id")
    content = json.loads((root / "Val_poly.json").read_text())
    names = {image["id"]: Path(image["file_name"]).stem for image in content["images"]}
    for entry in content["annotations"]:
        face = faces.loc[f"openforensics/Val/{names[entry['image_id']]}/{entry['id']}"]
        x, y, width, height = entry["bbox"]
        box = [x, y, x + width, y + height]
        assert [face[f"box_{corner}"] for corner in ("x1", "y1", "x2", "y2")] == box
        square = square_in_frame(np.array(box, float), margin=1, width=192, height=96)
        assert tuple(face[f"crop_{corner}"] for corner in ("x1", "y1", "x2", "y2")) == square


def test_what_no_detector_said_is_null(whole: PrepareSummary) -> None:
    faces = read_table(whole.store_dir / "faces.parquet", "faces")
    assert faces[["detector_prob", "verifier_prob", "nose_x", "mouth_left_y"]].isna().all(axis=None)
    assert faces.drop(columns=faces.columns[faces.isna().all()]).notna().all(axis=None)
    assert (faces["track_id"] == 0).all()


def test_a_photograph_is_one_group_in_one_split(whole: PrepareSummary) -> None:
    videos = read_table(whole.store_dir / "videos.parquet", "videos")
    by_photo = videos.groupby("path")
    assert (by_photo.size() == 3).all()
    assert (by_photo[["group", "split"]].nunique() == 1).all(axis=None)
    assert (by_photo["label"].nunique() == 2).all()
    assert videos["split"].value_counts().to_dict() == {"train": 18, "val": 18, "test": 18}


def test_shards_make_the_same_store(whole: PrepareSummary, root: Path, tmp_path: Path) -> None:
    for number in (2, 1, 3):
        summary = prepare_dataset(dataset(root), PREPARATION, tmp_path, shard=Shard(number, 3))
    assert files_of(summary.store_dir) == files_of(whole.store_dir)


def test_a_store_that_lost_parts_is_completed(
    whole: PrepareSummary, root: Path, tmp_path: Path
) -> None:
    store_dir = prepare_dataset(dataset(root), PREPARATION, tmp_path).store_dir
    record = json.loads((store_dir / "prepare.json").read_text())
    (store_dir / "prepare.json").write_text(json.dumps({**record, "is_complete": False}))
    parts = sorted((store_dir / "parts").iterdir())
    kept = {path: path.stat().st_mtime_ns for path in parts[10:]}
    for path in parts[:10]:
        path.unlink()
    prepare_dataset(dataset(root), PREPARATION, tmp_path)
    assert files_of(store_dir) == files_of(whole.store_dir)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_only_the_face_whose_box_changed_is_cut_again(
    whole: PrepareSummary, root: Path, plant_photos: Plant, tmp_path: Path
) -> None:
    own = tmp_path / "root"
    plant_photos(own)
    store_dir = prepare_dataset(dataset(own), PREPARATION, tmp_path).store_dir
    content = json.loads((own / "Val_poly.json").read_text())
    content["annotations"][4]["bbox"] = [0, 0, 30, 30]
    (own / "Val_poly.json").write_text(json.dumps(content))
    open_store(dataset(own), PREPARATION, tmp_path)
    before, after = files_of(whole.store_dir), files_of(store_dir)
    assert [name for name in after if name.startswith("crops") and before[name] != after[name]] == [
        "crops/openforensics/Val/val1/4/0_0.png"
    ]


def test_an_absurd_box_is_a_failure_with_its_reason_and_picture(
    plant_photos: Plant, tmp_path: Path
) -> None:
    own = tmp_path / "root"
    plant_photos(own)
    path = own / "Test-Dev_poly.json"
    content = json.loads(path.read_text())
    absurd = [[0, 0, 0, 20], [float("nan")] * 4, None, [300, 0, 20, 20], [0, 0, -4, 9]]
    for entry, bbox in zip(content["annotations"], absurd, strict=False):
        entry["bbox"] = bbox
    content["images"][5]["width"] = 1920
    path.write_text(json.dumps(content))
    (own / "Test-Dev" / "test-dev4.png").write_bytes(b"no picture")
    summary = prepare_dataset(dataset(own), PREPARATION, tmp_path)
    assert summary.reasons == {
        "bad_box": 4, "not_an_image": 3, "outside_image": 1, "size_differs": 3
    }  # fmt: skip
    failures = read_table(summary.store_dir / "failures.parquet", "failures")
    stages = dict(zip(failures["reason"], failures["stage"], strict=True))
    assert stages == {"bad_box": "box", "not_an_image": "decode", "outside_image": "box",
                      "size_differs": "box"}  # fmt: skip
    pictures = {path.stem for path in (summary.store_dir / "failures").rglob("*.jpg")}
    assert pictures == {"0", "1", "2", "3", "4", "15", "16", "17"}
    # A face that cannot be cut is counted in its split, and not left out of it.
    store = open_store(dataset(own), PREPARATION, tmp_path)
    assert store.unscored("test")["reason"].value_counts().to_dict() == summary.reasons
    page = (summary.store_dir / "prepare.html").read_text()
    assert "<code>outside_image</code>: 1" in page


def test_the_contact_sheet_says_that_no_detector_looked(whole: PrepareSummary) -> None:
    page = (whole.store_dir / "prepare.html").read_text()
    assert "54 of the crops are annotated faces" in page
    assert "How sure the detector was" not in page
    assert "The smallest annotated faces" in page
    faces = read_table(whole.store_dir / "faces.parquet", "faces")
    smallest = min(faces["box_x2"] - faces["box_x1"])
    assert f"annotated, {smallest:.0f}x{smallest:.0f} px" in page


def test_annotated_faces_have_a_store_of_their_own(root: Path, tmp_path: Path) -> None:
    class Silent(OpenForensics):
        annotates_faces = False

    told = store_folder(dataset(root), PREPARATION, tmp_path)
    silent = replace(dataset(root), source=Silent())
    assert store_folder(silent, PREPARATION, tmp_path) != told
    prepare_one = partial(
        prepare,
        videos_of(["a.png"]),
        Preparation(PREPARATION.extractor, num_workers=1),
        root=tmp_path,
        store_dir=tmp_path / "store",
    )
    prepare_one(boxes={"set/a": AnnotatedBox((0, 0, 9, 9))})
    with pytest.raises(DataError, match=r"settings\.faces was 'annotated' and is now None"):
        prepare_one()


def test_a_cropper_that_needs_landmarks_is_refused_before_anything_is_cut(
    root: Path, tmp_path: Path
) -> None:
    aligned = replace(PREPARATION, extractor=FaceExtractor(cropper=AlignedCropper()))
    with pytest.raises(ConfigError, match=r"AlignedCropper needs .* prepare/cropper=square"):
        prepare_dataset(dataset(root), aligned, tmp_path)
    assert not (tmp_path / "faces").exists()


def videos_of(paths: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video_id": f"set/{Path(path).stem}", "dataset": "set", "path": path,
            "kind": "image" if path.endswith(".png") else "video", "label": 0, "method": "real",
            "compression": "", "group": path, "identities": [], "original": "", "split": "train",
        }
        for path in paths
    )  # fmt: skip


@pytest.mark.parametrize(
    ("video_id", "message"),
    [
        ("set/x", "1 boxes belong to no video, the first to 'set/x'"),
        ("set/v", "'set/v' has an annotated box, but is of the kind 'video'"),
    ],
)
def test_a_box_of_something_else_is_named(tmp_path: Path, video_id: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare(
            videos_of(["v.mp4"]),
            PREPARATION,
            root=tmp_path,
            store_dir=tmp_path / "store",
            boxes={video_id: AnnotatedBox((0, 0, 9, 9))},
        )

"""OpenForensics from its folder to a report: each face keeps the label of its own annotation."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from unmask.cli.main import main
from unmask.evaluation.predictions import read_predictions

pytestmark = pytest.mark.slow
Plant = Callable[[Path], dict[str, int]]
TINY = [
    "model=plain_cnn_mean", "data=openforensics", "model.backbone.filters=[4,8]",
    "model.backbone.image_size=32", "trainer.max_epochs=1", "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false", "loader.num_workers=0", "eval.num_resamples=20",
    "logger=[csv]", "callbacks=[checkpoint,early_stopping]", "prepare.num_workers=1", "test=false",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("annotated")


@pytest.fixture(scope="module")
def labels(place: Path, plant_photos: Plant) -> dict[str, int]:
    """The label of each face by its id, read off the annotations that are written."""
    planted = plant_photos(place / "root")
    read = {}
    for part in ("Train", "Val", "Test-Dev"):
        content = json.loads((place / "root" / f"{part}_poly.json").read_text())
        names = {image["id"]: Path(image["file_name"]).stem for image in content["images"]}
        words = {one["id"]: one["name"] for one in content["categories"]}
        for face in content["annotations"]:
            video_id = f"openforensics/{part}/{names[face['image_id']]}/{face['id']}"
            read[video_id] = {"Real": 0, "Fake": 1}[words[face["category_id"]]]
    assert read == planted
    return read


@pytest.fixture(scope="module")
def run_dir(place: Path, labels: dict[str, int]) -> Path:
    """Index, prepare, train one epoch, evaluate, by the command line."""
    assert len(labels) == 54
    paths = [f"paths.data_dir={place}/data", f"paths.outputs_dir={place}/outputs"]
    own = ["data=openforensics", f"data.root={place}/root"]
    main(["index", *own, *paths])
    main(["prepare", *own, "prepare.num_workers=1", *paths])
    run_dir = place / "outputs" / "run"
    main(["train", *TINY, f"data.root={place}/root", *paths, f"hydra.run.dir={run_dir}"])
    main(["evaluate", f"run={run_dir}", "loader.num_workers=0", "eval.num_resamples=20",
          "trainer.accelerator=cpu", "trainer.enable_progress_bar=false", *paths])  # fmt: skip
    return run_dir


def test_each_scored_face_has_the_label_of_its_annotation(
    run_dir: Path, labels: dict[str, int]
) -> None:
    predictions = read_predictions(run_dir / "predictions.parquet")
    expected = {key: label for key, label in labels.items() if "/Train/" not in key}
    found = dict(zip(predictions["video_id"], predictions["label"], strict=True))
    assert found == expected
    assert predictions["split"].value_counts().to_dict() == {"val": 18, "test": 18}
    is_test = predictions["video_id"].str.contains("/Test-Dev/")
    assert (predictions["split"] == "test").equals(is_test)


def test_the_report_counts_faces_of_both_classes(run_dir: Path) -> None:
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert "openforensics" in metrics["datasets"]
    unscored = pd.read_parquet(run_dir / "unscored.parquet")
    assert len(unscored) == 0


def test_prepare_train_and_evaluate_share_one_store(run_dir: Path, place: Path) -> None:
    (store_dir,) = (place / "data" / "faces").iterdir()
    card = json.loads((run_dir / "run.json").read_text())
    assert card["stores"] == {"openforensics": str(store_dir)}

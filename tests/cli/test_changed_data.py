"""A finished run is scored on its own data, or on others in a folder apart and marked."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from unmask.cli.main import main
from unmask.evaluation.predictions import read_predictions

pytestmark = pytest.mark.slow

TINY = [
    "model=plain_cnn_mean", "model.backbone.filters=[4,8]", "model.backbone.image_size=32",
    "trainer=cpu", "trainer.max_epochs=1", "trainer.enable_progress_bar=false",
    "clips.num_frames=2", "loader.num_workers=0", "logger=[csv]",
    "callbacks=[checkpoint]", "eval.num_resamples=20",
]  # fmt: skip
DATA = ["data=folder", "data.name=mine", "prepare.sampling.num_frames=2"]
PEOPLE = [
    "data.make.settings.num_train_pairs=2", "data.make.settings.num_val_pairs=1",
    "data.make.settings.num_test_pairs=1",
    "+data.make.settings.picture._target_=unmask.demo.Picture",
    "+data.make.settings.picture.num_frames=3",
]  # fmt: skip
SCORING = ["eval.num_resamples=20", "loader.num_workers=0", "trainer.accelerator=cpu",
           "trainer.enable_progress_bar=false"]  # fmt: skip


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Return short synthetic videos of both classes."""
    place = tmp_path_factory.mktemp("people")
    main(["index", "data=synthetic_ffpp", *PEOPLE, f"paths.data_dir={place}"])
    real = sorted(place.glob("**/original_sequences/**/*.mp4"))
    fake = sorted(place.glob("**/manipulated_sequences/**/*.mp4"))
    assert min(len(real), len(fake)) >= 8
    return {"real": real, "fake": [path for path in fake if path.parts[-4] == fake[0].parts[-4]]}


def add(folder: Path, videos: dict[str, list[Path]], first: int, last: int, prefix: str) -> None:
    for label, paths in videos.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for path in paths[first:last]:
            shutil.copy(path, folder / label / f"{prefix}{path.name}")


@pytest.fixture
def place(videos: dict[str, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory with a data set `set` and a run `run` that was trained on it."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    add(place / "set", videos, 0, 5, "")
    main(["train", *TINY, *DATA, "data.root=set", "hydra.run.dir=run"])
    return place


def files_of(run: Path) -> dict[str, bytes]:
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and path.suffix != ".log" and "scores" not in path.parts
    }


def refused(capsys: pytest.CaptureFixture[str], *words: str, code: int = 2) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    assert stop.value.code == code
    said = capsys.readouterr()
    return " ".join((said.out + said.err).split())


def test_a_data_set_that_grew_is_not_tested_on_in_the_name_of_the_run(
    place: Path, videos: dict[str, list[Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    trained = pd.read_parquet(place / "run/splits.parquet").query("split == 'train'")
    before = files_of(place / "run")
    add(place / "set", videos, 5, 8, "a_")
    main(["prepare", *DATA, "data.root=set"])

    said = refused(capsys, "evaluate", "run=run", *SCORING)
    assert "The data are no longer those of the run run. 'mine': 6 added (mine/" in said
    assert "allow_changed_data=true" in said
    assert files_of(place / "run") == before
    assert "Not confirmed" in refused(capsys, "verify", "run=run", *SCORING[1:], code=1)

    main(["evaluate", "run=run", "allow_changed_data=true", *SCORING])
    assert files_of(place / "run") == before
    [apart] = {path.parent for path in place.glob("outputs/evaluate/*/run.json")}
    scored = read_predictions(apart / "predictions.parquet")
    assert not set(scored["video_id"]) & set(trained["video_id"])
    metrics = json.loads((apart / "metrics.json").read_text())
    assert all(part["data_changed"] for part in metrics["datasets"]["mine"].values())
    report = (apart / "report.md").read_text()
    assert "allow_changed_data=true" in report
    assert report.count("(data changed)") >= 4


def test_a_relative_root_means_the_same_people_everywhere(
    place: Path, videos: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_predictions(place / "run/predictions.parquet")
    there = place.parent / "there"
    add(there / "set", videos, 3, 8, "")
    monkeypatch.chdir(there)
    main(["prepare", *DATA, "data.root=set"])
    main(["evaluate", f"run={place}/run", *SCORING])
    pd.testing.assert_frame_equal(read_predictions(place / "run/predictions.parquet"), before)


def test_a_copied_run_is_scored_on_copied_crops_without_the_videos(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_predictions(place / "run/predictions.parquet")
    there = place.parent / "there"
    there.mkdir()
    shutil.move(place / "run", there / "run")
    shutil.move(place / "data", there / "data")
    shutil.rmtree(place)
    monkeypatch.chdir(there)
    main(["evaluate", "run=run", *SCORING])
    pd.testing.assert_frame_equal(read_predictions(there / "run/predictions.parquet"), before)

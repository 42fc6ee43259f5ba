import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from unmask.core.errors import DataError, UnmaskError
from unmask.core.files import sha256_of_file, write_json
from unmask.evaluation.predictions import empty_unscored, write_predictions, write_unscored
from unmask.runs.card import RunCard
from unmask.runs.run import Run, read_curves


def test_gaps_are_closed_and_the_last_value_of_an_epoch_counts(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(
        "epoch,step,train/loss,val/loss,unused\n0,3,0.9,,\n0,4,,0.8,\n1,7,0.6,,\n1,8,0.5,,\n"
    )
    curves = read_curves(path)
    assert list(curves.columns) == ["train/loss", "val/loss"]
    assert curves["train/loss"].tolist() == [0.9, 0.5]
    assert curves.index.tolist() == [0, 1]


@pytest.mark.parametrize("content", [None, "", "epoch,step\n"])
def test_a_run_without_logged_epochs_has_no_curves(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "metrics.csv"
    if content is not None:
        path.write_text(content)
    assert read_curves(path).empty


def test_a_log_without_epochs_is_refused_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n1,2\n")
    with pytest.raises(DataError, match=r"no column 'epoch'; it has \['step', 'loss'\]"):
        read_curves(path)


def test_a_missing_run_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no run at .*gone"):
        Run.open(tmp_path / "gone")


def test_a_missing_run_json_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no run\.json.* `unmask train`"):
        Run.open(tmp_path)


def test_a_broken_run_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"run\.json cannot be read"):
        Run.open(tmp_path)


def test_missing_keys_of_run_json_are_named(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"name": "a"})
    with pytest.raises(DataError, match=r"it lacks \['source_dataset'\]"):
        Run.open(tmp_path)


def test_a_threshold_from_the_test_set_is_refused(tmp_path: Path) -> None:
    write_json(
        tmp_path / "run.json", {"name": "a", "source_dataset": "d", "threshold_from": "test"}
    )
    with pytest.raises(DataError, match="takes the threshold from 'test'"):
        _ = Run.open(tmp_path).threshold_split


def folders(pattern: str) -> list[Path]:
    return [run.folder for run in Run.find(pattern)]


def plant_runs(root: Path, *places: str) -> list[Path]:
    for place in places:
        (root / place).mkdir(parents=True)
        write_json(root / place / "run.json", {"name": place, "source_dataset": "d"})
    return [root / place for place in places]


def test_runs_of_a_sweep_are_found_below_what_a_pattern_matches(tmp_path: Path) -> None:
    planted = plant_runs(
        tmp_path, "outputs/ensemble/e", "outputs/train/alone", "outputs/train/x_sweep/0_a",
        "outputs/train/x_sweep/1_b",
    )  # fmt: skip
    (tmp_path / "outputs/train/unfinished/checkpoints").mkdir(parents=True)
    (tmp_path / "outputs/notes.txt").write_text("")
    for pattern in ("outputs", "outputs/*", "outputs/*/*"):
        assert folders(f"{tmp_path}/{pattern}") == planted
    assert folders(f"{tmp_path}/outputs/train/*") == planted[1:]
    assert folders(f"{tmp_path}/outputs/train/x_sweep/1_b") == planted[3:]


def test_what_lies_inside_a_run_is_none_of_its_own(tmp_path: Path) -> None:
    [run, _] = plant_runs(tmp_path, "run", "run/wandb/copy")
    assert folders(f"{tmp_path}/*") == [run]


def plant_scored(run_dir: Path, **facts: Any) -> Path:
    """Leave a run with tables and two checkpoints, of which validation chose `best.ckpt`."""
    (run_dir / "checkpoints").mkdir(parents=True)
    for name in ("best", "last"):
        (run_dir / f"checkpoints/{name}.ckpt").write_text(name)
    row = {
        "dataset": "d", "video_id": "d/a", "track_id": 0, "clip_index": 0, "label": 0,
        "method": "m", "group": "d/a", "split": "test", "score": 0.5, "num_frames": 1,
        "example_crop": "",
    }  # fmt: skip
    write_predictions(run_dir / "predictions.parquet", pd.DataFrame([row]))
    write_unscored(run_dir / "unscored.parquet", empty_unscored())
    card = {"name": "r", "source_dataset": "d", "best_checkpoint": "checkpoints/best.ckpt"}
    card |= {"best_epoch": 7, "val_video_auc": 0.9}
    write_json(run_dir / "run.json", card | facts)
    return run_dir


def hash_of(run_dir: Path, name: str) -> str:
    return sha256_of_file(run_dir / f"checkpoints/{name}.ckpt")


@pytest.mark.parametrize("is_recorded", [True, False])
@pytest.mark.parametrize(("scored", "found"), [("best", "chosen"), ("last", "other")])
def test_what_was_scored_is_compared_with_what_validation_chose(
    tmp_path: Path, scored: str, found: str, is_recorded: bool
) -> None:
    run_dir = plant_scored(tmp_path / "run")
    facts = {"best_checkpoint_hash": hash_of(run_dir, "best")} if is_recorded else {}
    facts |= {"scored_checkpoint": hash_of(run_dir, scored)}
    run = Run.open(plant_scored(tmp_path / "again", **facts))
    assert run.state == found
    # The epoch and the AUC that validation chose by are those of best.ckpt alone.
    assert {"best_epoch", "val_video_auc"} & set(run.facts) == (
        {"best_epoch", "val_video_auc"} if found == "chosen" else set()
    )


def test_a_choice_that_cannot_be_checked_is_not_claimed(tmp_path: Path) -> None:
    run_dir = plant_scored(tmp_path / "run", scored_checkpoint="ab")
    (run_dir / "checkpoints/best.ckpt").unlink()
    assert Run.open(run_dir).state == "unknown"


def test_tables_that_were_being_replaced_are_not_read(tmp_path: Path) -> None:
    run_dir = plant_scored(tmp_path / "run", scored_checkpoint=None)
    with pytest.raises(DataError, match=r"were being replaced .* `unmask evaluate run=.*run`"):
        _ = Run.open(run_dir).predictions
    assert not Run(run_dir).has_tables
    assert Run(plant_scored(tmp_path / "whole", scored_checkpoint="ab")).has_tables


@pytest.mark.parametrize("scored", ["best", "last"])
def test_the_scored_weights_are_found_by_their_content(tmp_path: Path, scored: str) -> None:
    run_dir = plant_scored(tmp_path / "run")
    RunCard.read(run_dir).model_copy(update={"seed": 1}).save(run_dir)
    facts = dict.fromkeys(("model", "data", "seed"), 1) | {"model": "m", "data": "d"}
    again = plant_scored(tmp_path / "again", scored_checkpoint=hash_of(run_dir, scored), **facts)
    weights = Run.open(again).weights
    assert weights.path == again / f"checkpoints/{scored}.ckpt"
    assert weights.sha256 == hash_of(run_dir, scored)
    assert weights.state == ("chosen" if scored == "best" else "other")
    weights.path.unlink()
    assert Run.open(again).weights.path is None


def test_an_edit_writes_once_what_it_is_told_and_forgets_what_was_read(tmp_path: Path) -> None:
    run = Run.open(plant_scored(tmp_path / "run", scored_checkpoint="ab"))
    before = json.loads((run.folder / "run.json").read_text())
    predictions = run.predictions
    with run.edit() as write:
        write(metrics={"datasets": {}})
    assert json.loads((run.folder / "run.json").read_text()) == before | {
        "metrics": {"datasets": {}}
    }
    assert run.card.metrics == {"datasets": {}}
    assert run.predictions is not predictions


def test_what_another_call_wrote_meanwhile_stays(tmp_path: Path) -> None:
    one = Run.open(plant_scored(tmp_path / "run", scored_checkpoint="ab"))
    with Run.open(one.folder).edit() as write:
        write(seed=5)
    with one.edit() as write:
        write(num_parameters=7)
    assert (one.card.seed, one.card.num_parameters) == (5, 7)


@pytest.mark.parametrize(
    ("facts", "message"),
    [({"kind": "ensemble"}, "is an ensemble"), ({}, r"it lacks \['data', 'model', 'seed'\]")],
)
def test_what_has_no_network_is_not_scored(
    tmp_path: Path, facts: dict[str, Any], message: str
) -> None:
    run = Run.open(plant_scored(tmp_path / "run", **facts))
    with pytest.raises(DataError, match=message):
        _ = run.best


def test_a_configuration_is_read_as_data(tmp_path: Path) -> None:
    folder = plant_scored(tmp_path / "run")
    assert Run(folder).config is None
    (folder / "config.yaml").write_text("seed: 1\nagain: ${seed}\n")
    assert Run(folder).config == {"seed": 1, "again": 1}
    for text in ("root: ${oc.env:HOME}", "!!python/object/apply:os.system ['touch x']"):
        (folder / "config.yaml").write_text(text)
        with pytest.raises(UnmaskError, match=r"config\.yaml cannot be used"):
            _ = Run(folder).config

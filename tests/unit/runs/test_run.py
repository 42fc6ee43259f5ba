from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from unmask.core.errors import DataError
from unmask.core.files import sha256_of_file, write_json
from unmask.evaluation.predictions import empty_unscored, write_predictions, write_unscored
from unmask.runs.run import find_runs, has_tables, read_curves, read_run


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
    with pytest.raises(DataError, match=r"no run directory .*gone"):
        read_run(tmp_path / "gone")


def test_a_missing_run_json_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no run\.json in .*`unmask evaluate run="):
        read_run(tmp_path)


def test_a_broken_run_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"run\.json is not readable JSON"):
        read_run(tmp_path)


def test_missing_keys_of_run_json_are_named(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"name": "a"})
    with pytest.raises(DataError, match=r"lacks \['source_dataset'\]"):
        read_run(tmp_path)


def test_a_threshold_from_the_test_set_is_refused(tmp_path: Path) -> None:
    write_json(
        tmp_path / "run.json", {"name": "a", "source_dataset": "d", "threshold_from": "test"}
    )
    with pytest.raises(DataError, match="takes the threshold from 'test'"):
        read_run(tmp_path)


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
        assert find_runs(f"{tmp_path}/{pattern}") == planted
    assert find_runs(f"{tmp_path}/outputs/train/*") == planted[1:]
    assert find_runs(f"{tmp_path}/outputs/train/x_sweep/1_b") == planted[3:]


def test_what_lies_inside_a_run_is_none_of_its_own(tmp_path: Path) -> None:
    [run, _] = plant_runs(tmp_path, "run", "run/wandb/copy")
    assert find_runs(f"{tmp_path}/*") == [run]


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
    run = read_run(plant_scored(tmp_path / "again", **facts))
    assert run.checkpoint == found
    # The epoch and the AUC that validation chose by are those of best.ckpt alone.
    assert {"best_epoch", "val_video_auc"} & set(run.facts) == (
        {"best_epoch", "val_video_auc"} if found == "chosen" else set()
    )


def test_a_choice_that_cannot_be_checked_is_not_claimed(tmp_path: Path) -> None:
    run_dir = plant_scored(tmp_path / "run", scored_checkpoint="ab")
    (run_dir / "checkpoints/best.ckpt").unlink()
    assert read_run(run_dir).checkpoint == "unknown"


def test_tables_that_were_being_replaced_are_not_read(tmp_path: Path) -> None:
    run_dir = plant_scored(tmp_path / "run", scored_checkpoint=None)
    with pytest.raises(DataError, match=r"were being replaced .* `unmask evaluate run=.*run`"):
        read_run(run_dir)
    assert not has_tables(run_dir)
    assert has_tables(plant_scored(tmp_path / "whole", scored_checkpoint="ab"))

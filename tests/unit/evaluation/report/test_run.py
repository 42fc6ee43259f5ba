from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.core.files import write_json
from unmask.evaluation.report.run import read_curves, read_run


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

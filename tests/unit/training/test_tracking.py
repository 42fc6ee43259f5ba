"""What Weights & Biases is given, and that it cannot end a run."""

import base64
import json
import logging
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wandb.proto import wandb_internal_pb2

from unmask.core.files import write_json
from unmask.training import tracking as module
from unmask.training.loggers import TolerantWandbLogger, close_loggers
from unmask.training.tracking import Tracking, log_results

SVG = '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
CHART = f"data:image/svg+xml;base64,{base64.b64encode(SVG.encode()).decode()}"
CARD = {
    "name": "a run", "source_dataset": "toy", "seed": 0, "scored_checkpoint": "ab",
    "manifest_hashes": {"toy": "c0ffee"}, "split_hashes": {"toy": {"test": "beef"}},
    "metrics": {"datasets": {"toy": {"test": {
        "count": 4, "auc": {"value": 0.75, "low": 0.5, "high": 1.0},
    }}}},
}  # fmt: skip


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    folder = tmp_path / "a run"
    folder.mkdir()
    write_json(folder / "run.json", CARD)
    (folder / "predictions.parquet").write_bytes(b"rows")
    (folder / "report.html").write_text("a page")
    return folder


class FakeRun:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.used: list[Any] = []
        self.made: list[Any] = []
        self.logged: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}

    def _log_artifact(self, artifact: Any, *, use_after_commit: bool, **_: Any) -> None:
        assert use_after_commit
        self.used.append(artifact)

    def log_artifact(self, artifact: Any) -> None:
        self.made.append(artifact)

    def log(self, values: dict[str, Any]) -> None:
        self.logged |= values


def test_a_run_uses_its_manifests_and_makes_its_predictions(run_dir: Path) -> None:
    run = FakeRun()
    log_results(run, run_dir)
    [manifest], [predictions] = run.used, run.made
    assert (manifest.type, manifest.name) == ("dataset", "manifest-toy")
    assert manifest.metadata == {
        "dataset": "toy", "manifest_hash": "c0ffee", "split_hashes": {"test": "beef"},
    }  # fmt: skip
    assert (predictions.type, predictions.name) == ("predictions", "predictions-a_run")
    assert predictions.metadata["manifest_hashes"] == {"toy": "c0ffee"}
    assert set(predictions.manifest.entries) == {"predictions.parquet", "run.json"}


def test_runs_on_one_manifest_use_one_artifact(run_dir: Path) -> None:
    runs = [FakeRun(), FakeRun(), FakeRun()]
    for run, digest in zip(runs, ("c0ffee", "c0ffee", "decaf"), strict=True):
        write_json(run_dir / "run.json", CARD | {"manifest_hashes": {"toy": digest}})
        log_results(run, run_dir)
    first, second, other = (run.used[0].digest for run in runs)
    assert first == second != other


def test_metrics_and_figures_are_logged(run_dir: Path) -> None:
    run = FakeRun()
    log_results(run, run_dir, [CHART])
    assert run.summary == {"toy/test/auc": 0.75}
    assert run.logged["metrics"].data == [["toy", "test", "auc", 0.75, 0.5, 1.0]]
    assert set(run.logged) == {"metrics", "report", "figures/01"}


def test_a_run_that_stopped_before_its_tests_logs_what_is_there(tmp_path: Path) -> None:
    write_json(
        tmp_path / "run.json",
        {"name": "run", "source_dataset": "toy", "manifest_hashes": {"toy": "ab"}},
    )
    run = FakeRun()
    log_results(run, tmp_path)
    assert (len(run.used), run.made, run.logged) == (1, [], {})


@pytest.mark.slow
def test_offline_everything_waits_in_the_run_folder_for_its_upload(run_dir: Path) -> None:
    tracking = Tracking()
    tracking.loggers = [TolerantWandbLogger(str(run_dir), mode="offline")]
    tracking.loggers[0].log_hyperparams({"seed": 0})
    tracking.loggers[0].log_metrics({"val/video_auc": 0.5}, step=1)
    tracking.log_results(run_dir, [CHART])
    tracking.close()
    [log] = run_dir.glob("wandb/offline-run-*/run-*.wandb")
    records = whole_log(log)
    artifacts = {r.artifact.name: r.artifact for r in records if r.HasField("artifact")}
    used, made = artifacts["manifest-toy"], artifacts["predictions-a_run"]
    assert (used.type, used.use_after_commit) == ("dataset", True)
    assert json.loads(used.metadata)["manifest_hash"] == "c0ffee"
    assert (made.type, made.use_after_commit) == ("predictions", False)
    assert {entry.path for entry in made.manifest.contents} == {"predictions.parquet", "run.json"}
    logged = {item.key or item.nested_key[0] for r in records for item in r.history.item}
    assert logged >= {"val/video_auc", "metrics", "report", "figures/01"}
    configured = {item.key for r in records for item in r.config.update}
    assert "seed" in configured


def whole_log(path: Path) -> list[wandb_internal_pb2.Record]:
    """Read a log once its last record is there: the service writes it after the run has ended."""
    while True:
        records = list(records_of(path))
        if any(record.HasField("exit") for record in records):
            return records
        time.sleep(0.1)


def records_of(path: Path) -> Iterator[wandb_internal_pb2.Record]:
    """Read a log of wandb: LevelDB's format of blocks of 32 KiB behind a header of 7 bytes."""
    content, block = path.read_bytes(), 2**15
    position, parts = 7, b""
    while position + 7 <= len(content):
        left = block - position % block
        if left < 7:
            position += left
            continue
        length, kind = struct.unpack("<HB", content[position + 4 : position + 7])
        parts += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield wandb_internal_pb2.Record.FromString(parts)
            parts = b""


def test_a_failure_is_said_once_and_ends_nothing(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("wandb.init", fail)
    tracking = Tracking()
    logger = TolerantWandbLogger(str(run_dir), mode="offline")
    tracking.loggers = [logger]
    with caplog.at_level(logging.WARNING, logger="unmask"):
        logger.log_hyperparams({"seed": 0})
        for step in range(3):
            logger.log_metrics({"val/loss": 1.0}, step=step)
        tracking.log_results(run_dir)
        tracking.close()
    assert [record.getMessage() for record in caplog.records] == [
        "Weights & Biases failed, so nothing more is logged to it; the run goes on. "
        "(OSError: no space left)"
    ]


def test_results_that_cannot_be_logged_end_nothing(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    finished: list[bool] = []

    class Experiment:
        def finish(self) -> None:
            finished.append(True)
            raise ConnectionError("gone")

    def fail(*_: Any) -> None:
        raise RuntimeError("the service died")

    logger = TolerantWandbLogger(str(run_dir), mode="offline")
    logger._experiment = Experiment()
    monkeypatch.setattr(module, "log_results", fail)
    tracking = Tracking()
    tracking.loggers = [logger]
    with caplog.at_level(logging.WARNING, logger="unmask"):
        tracking.log_results(run_dir)
        tracking.close()
        tracking.close()
    assert (len(caplog.records), finished) == (1, [True])
    assert "RuntimeError: the service died" in caplog.text


def test_a_logger_that_never_logged_is_closed_without_starting(run_dir: Path) -> None:
    logger = TolerantWandbLogger(str(run_dir), mode="offline")
    close_loggers([logger])
    assert not (run_dir / "wandb").exists()

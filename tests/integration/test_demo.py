"""The demo, as the README promises it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def demo(folder: Path, number: int) -> Path:
    run_dir = folder / f"run{number}"
    command = [sys.executable, "-m", "unmask.cli.main", "train", f"hydra.run.dir={run_dir}"]
    environment = os.environ | {"WANDB_MODE": "offline"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert str(run_dir / "report.html") in done.stdout
    return run_dir


@pytest.mark.slow
def test_the_demo_detects_and_repeats_to_the_last_bit(tmp_path: Path) -> None:
    first, second = demo(tmp_path, 1), demo(tmp_path, 2)
    content = (first / "metrics.json").read_bytes()
    assert (second / "metrics.json").read_bytes() == content
    sets = json.loads(content)["datasets"]
    home = sets["synthetic_ffpp"]["test"]["video"]["auc"]
    away = sets["synthetic_celebdf"]["test"]["video"]["auc"]
    assert home["value"] >= 0.9
    assert away["low"] < away["value"] < away["high"]
    report = (first / "report.md").read_text()
    assert "synthetic_celebdf" in report
    assert [*first.glob("wandb/offline-run-*/run-*.wandb")]

"""`unmask verify` and `unmask evaluate` on a finished run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.cli.main import main
from unmask.core.files import write_json

QUICK = ["loader.num_workers=0", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"]
Verify = Callable[..., int]


@pytest.fixture
def run_copy(trained_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_run, tmp_path / "run"))


@pytest.fixture
def verify(paths: list[str], tmp_path: Path) -> Verify:
    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as stop:
            main(["verify", *QUICK, *paths, f"hydra.run.dir={tmp_path}/verify", *words])
        assert isinstance(stop.value.code, int)
        return stop.value.code

    return run


def test_a_run_records_what_is_needed_to_repeat_and_to_judge_it(trained_run: Path) -> None:
    card = json.loads((trained_run / "run.json").read_text())
    assert set(card["split_hashes"]["synthetic_ffpp"]) == {"train", "val", "test"}
    assert len(card["config_hash"]) == 64
    assert card["flops_per_clip"] > 0
    assert card["frames_per_clip"] == 2
    assert card["scoring"]["clips_per_second"] > 0
    metrics = json.loads((trained_run / "metrics.json").read_text())
    test = metrics["datasets"]["synthetic_ffpp"]["test"]["video"]
    recorded = card["metrics"]["datasets"]["synthetic_ffpp"]["test"]
    assert recorded["auc"] == {key: test["auc"][key] for key in ("value", "low", "high")}
    assert recorded["count"] == test["count"]


def test_a_run_is_confirmed_by_its_folder_or_its_card(
    run_copy: Path, verify: Verify, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert verify(f"run={run_copy}") == 0
    said = capsys.readouterr().out
    assert "Confirmed" in said
    assert "synthetic_ffpp, test" in said
    assert verify(f"run={run_copy}/run.json", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["confirmed"] is True
    assert all(one["is_equal"] for one in content["metrics"])
    assert json.loads((tmp_path / "verify/verify.json").read_text()) == content


def test_a_claim_that_does_not_hold_gets_exit_code_1(
    run_copy: Path, verify: Verify, capsys: pytest.CaptureFixture[str]
) -> None:
    card = json.loads((run_copy / "run.json").read_text())
    card["metrics"]["datasets"]["synthetic_ffpp"]["test"]["log_loss"] |= {
        "value": 0.0001, "low": 0.0, "high": 0.001,
    }  # fmt: skip
    write_json(run_copy / "run.json", card)
    assert verify(f"run={run_copy}") == 1
    said = capsys.readouterr().out
    assert "Not confirmed" in said
    assert "outside" in said


def test_what_is_no_run_gets_exit_code_2(
    verify: Verify, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert verify(f"run={tmp_path}/nowhere") == 2
    assert "There is no run at" in capsys.readouterr().err


def test_evaluate_says_what_it_scored_and_what_was_scored_already(
    run_copy: Path, paths: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {name: (run_copy / name).read_bytes() for name in ("metrics.json", "run.json")}
    tables = [path.read_bytes() for path in sorted(run_copy.glob("*.parquet"))]
    assert len(tables) == 4
    words = ["evaluate", f"run={run_copy}", "eval=in_domain", "eval.num_resamples=20", *QUICK]
    capsys.readouterr()
    main([*words, *paths])
    said = capsys.readouterr().out
    assert "synthetic_ffpp, val: 20 clips, already scored" in said
    assert [path.read_bytes() for path in sorted(run_copy.glob("*.parquet"))] == tables
    assert {name: (run_copy / name).read_bytes() for name in before} == before
    shutil.rmtree(run_copy / "scores")
    main([*words, *paths])
    assert "synthetic_ffpp, val: 20 clips scored in" in capsys.readouterr().out
    assert [path.read_bytes() for path in sorted(run_copy.glob("*.parquet"))] == tables

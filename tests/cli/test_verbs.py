"""The verbs, as a user calls them."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
import torch

from unmask.cli.main import VERBS, main
from unmask.evaluation.predictions import read_predictions
from unmask.training.checkpoint import read_detector

Train = Callable[..., Path]


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"unmask {verb}" in shown for verb in VERBS)


def test_help_of_train_lists_the_groups_with_their_choices(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with suppress(SystemExit):
        main(["train", "--help"])
    shown = capsys.readouterr().out
    assert "model: clip_mean, convnext_mean, densenet121_mean," in shown
    assert "model/tuning: frozen, full, last_16_blocks," in shown
    assert "model/head: attention, gru, lstm, max, mean," in shown
    assert "experiment: demo, demo_matrix, system_a_effb0_lstm," in shown


def test_a_run_leaves_what_a_sceptic_needs(trained_run: Path) -> None:
    present = {path.name for path in trained_run.iterdir()}
    assert present >= {
        "checkpoints", "config.yaml", "metrics.csv", "metrics.json", "predictions.parquet",
        "report.html", "report.md", "run.json", "unscored.parquet",
    }  # fmt: skip
    card = json.loads((trained_run / "run.json").read_text())
    assert card["source_dataset"] == "synthetic_ffpp"
    assert card["num_parameters"] == sum(
        p.numel() for p in read_detector(trained_run / card["best_checkpoint"]).parameters()
    )
    assert card["num_trainable"] == card["num_parameters"]
    assert set(card["manifest_hashes"]) == {"synthetic_ffpp"}


def test_predictions_hold_validation_and_test_and_never_training(trained_run: Path) -> None:
    predictions = read_predictions(trained_run / "predictions.parquet")
    assert predictions.groupby("split")["video_id"].nunique().to_dict() == {"val": 10, "test": 10}


def test_the_same_seed_gives_the_same_metrics(
    trained_run: Path, other_run: Path, train_tiny_in_one_process: Train
) -> None:
    expected = (trained_run / "metrics.json").read_bytes()
    assert (train_tiny_in_one_process() / "metrics.json").read_bytes() == expected
    assert (other_run / "metrics.json").read_bytes() != expected


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_metrics(
    trained_run: Path, train_tiny_in_one_process: Train
) -> None:
    half = train_tiny_in_one_process("trainer.max_epochs=1", "test=false")
    rest = train_tiny_in_one_process(f"resume={half}/checkpoints/last.ckpt")
    assert (rest / "metrics.json").read_bytes() == (trained_run / "metrics.json").read_bytes()


def test_evaluate_adds_a_data_set_and_leaves_the_rest_as_it_was(
    trained_run: Path, paths: list[str], workplace: Path
) -> None:
    run_dir = workplace / "outputs/train/copy"
    shutil.copytree(trained_run, run_dir)
    before = read_predictions(run_dir / "predictions.parquet")
    other = "eval.datasets.synthetic_celebdf"
    main([
        "evaluate", f"run={run_dir}", "eval=synthetic_cross", "loader.num_workers=0",
        "eval.num_resamples=20", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false",
        f"{other}.make.settings.num_test_pairs=1", f"{other}.make.settings.num_youtube=1",
        f"+{other}.make.settings.picture._target_=unmask.demo.Picture",
        f"+{other}.make.settings.picture.num_frames=3",
        *paths,
    ])  # fmt: skip
    after = read_predictions(run_dir / "predictions.parquet")
    own = after[after["dataset"] == "synthetic_ffpp"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, before)
    assert set(after["dataset"]) == {"synthetic_ffpp", "synthetic_celebdf"}
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert set(metrics["datasets"]) == {"synthetic_ffpp", "synthetic_celebdf"}


@pytest.mark.slow
def test_report_of_several_runs_compares_them(
    trained_run: Path, other_run: Path, paths: list[str], workplace: Path
) -> None:
    main([
        "report", f"runs={trained_run.parent}/run*", "eval.num_resamples=20", *paths,
        f"hydra.run.dir={workplace}/outputs/report/all",
    ])  # fmt: skip
    overview = (workplace / "outputs/report/all/overview.md").read_text()
    assert "synthetic_ffpp" in overview


@pytest.mark.slow
def test_every_run_below_outputs_is_reported_those_of_sweeps_too(
    trained_run: Path, paths: list[str], tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    for place in ("train/alone", "train/x_sweep/0_job"):
        shutil.copytree(trained_run, outputs / place)
        card = json.loads((outputs / place / "run.json").read_text())
        (outputs / place / "run.json").write_text(json.dumps(card | {"name": Path(place).name}))
    main([
        "report", f"runs={outputs}/*", "eval.num_resamples=20", *paths,
        f"hydra.run.dir={tmp_path}/report",
    ])  # fmt: skip
    numbers = pd.read_csv(tmp_path / "report/overview.csv")
    assert set(numbers["run"]) == {"alone", "0_job"}


def test_report_of_one_run_writes_its_overview_too(
    trained_run: Path, paths: list[str], tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(trained_run, run_dir)
    (run_dir / "report.html").unlink()
    main([
        "report", f"runs={run_dir}", "eval.num_resamples=20", *paths,
        f"hydra.run.dir={tmp_path}/report",
    ])  # fmt: skip
    assert (run_dir / "report.html").is_file()
    assert "Published by others" in (tmp_path / "report/overview.md").read_text()
    assert "toprule" in (tmp_path / "report/overview.tex").read_text()
    assert len(pd.read_csv(tmp_path / "report/overview.csv"))


EVALUATE = ["loader.num_workers=0", "eval.num_resamples=20", "trainer.accelerator=cpu",
            "trainer.enable_progress_bar=false"]  # fmt: skip


@pytest.mark.slow
def test_only_the_checkpoint_that_validation_chose_is_called_so(
    train_tiny_in_one_process: Train, paths: list[str]
) -> None:
    run_dir = train_tiny_in_one_process("seed=3", "trainer.max_epochs=1")
    # Stands for an epoch that validation did not choose.
    last = run_dir / "checkpoints/last.ckpt"
    content = torch.load(last, weights_only=True)
    weights = content["state_dict"]
    content["state_dict"] = {
        name: one * 1.5 if one.is_floating_point() else one for name, one in weights.items()
    }
    last.unlink()
    torch.save(content, last)

    def report_of(*words: str) -> str:
        main(["evaluate", f"run={run_dir}", *EVALUATE, *paths, *words])
        return (run_dir / "report.md").read_text()

    assert "(checkpoint not chosen on validation)" in report_of(f"checkpoint={last}")
    # The released model now is of these weights, and stays known as such.
    assert "(checkpoint not chosen" in report_of(f"checkpoint={run_dir}/model.ckpt")
    assert "(checkpoint not chosen" not in report_of()
    assert "(checkpoint not chosen" not in report_of(f"checkpoint={run_dir}/model.ckpt")


def test_bare_train_is_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    from unmask.cli import calls as module

    called: list[list[str]] = []
    monkeypatch.setattr(module, "run_verb", lambda *call, **_: called.append(call[-1]))
    module.train(["trainer.max_epochs=1"])
    module.train(["model=effb0_lstm"])
    assert called == [["experiment=demo", "trainer.max_epochs=1"], ["model=effb0_lstm"]]


@pytest.mark.slow
def test_a_sweep_makes_a_run_for_each_choice(
    train_tiny_in_one_process: Train, workplace: Path
) -> None:
    sweep = workplace / "outputs/sweep"
    train_tiny_in_one_process("-m", "seed=1,2", f"hydra.sweep.dir={sweep}", "test=false")
    cards = [json.loads(path.read_text()) for path in sorted(sweep.glob("*/run.json"))]
    assert [card["seed"] for card in cards] == [1, 2]
    assert {path.parent.name for path in sweep.glob("*/run.json")} == {
        "0_plain_cnn_mean_synthetic_ffpp_s1",
        "1_plain_cnn_mean_synthetic_ffpp_s2",
    }

"""Lightning's and Hydra's own words work as they are typed."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from unmask.cli.main import main

CHECKS = ["trainer.fast_dev_run=true", "trainer.limit_train_batches=2", "trainer.overfit_batches=1"]
MORE_CHECKS = [
    pytest.param(word, marks=pytest.mark.slow)
    for word in ("trainer.limit_val_batches=1", "debug=fdr", "debug=overfit", "debug=limit")
]


@pytest.mark.parametrize("word", [*CHECKS, *MORE_CHECKS])
def test_a_check_ends_well_and_leaves_no_run(
    word: str, train_tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word, "callbacks=[checkpoint,early_stopping,learning_rate]"]
    run_dir = train_tiny(*words, "trainer.max_epochs=3")
    said = " ".join(capsys.readouterr().out.split())
    assert "The check ended well. With `trainer." in said
    assert "no run is kept and nothing is scored" in said
    left = {path.name for path in run_dir.rglob("*") if path.is_file()}
    assert not left & {"run.json", "best.ckpt", "last.ckpt", "predictions.parquet", "model.ckpt"}
    assert ("metrics.csv" in left) == ("fast_dev_run" not in word and "fdr" not in word)


@pytest.mark.slow
def test_the_same_batch_is_learned_by_heart(train_tiny: Callable[..., Path]) -> None:
    run_dir = train_tiny(
        "debug=overfit", "trainer.max_epochs=60", "optimizer.lr=0.01", "trainer.overfit_batches=1"
    )
    losses = pd.read_csv(run_dir / "metrics.csv")["train/loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0] / 2


@pytest.mark.slow
def test_a_run_without_any_logger_is_trained_scored_and_reported(
    train_tiny: Callable[..., Path],
) -> None:
    run_dir = train_tiny("logger=[]", "callbacks=[checkpoint,early_stopping,learning_rate]")
    assert (run_dir / "metrics.json").is_file()
    assert not (run_dir / "metrics.csv").exists()


@pytest.mark.parametrize(
    "word",
    ["logger=tensorboard", pytest.param("logger=[csv,tensorboard]", marks=pytest.mark.slow)],
)
def test_tensorboard_leaves_event_files(word: str, train_tiny: Callable[..., Path]) -> None:
    run_dir = train_tiny(word, "test=false")
    assert list((run_dir / "tensorboard").glob("events.out.tfevents.*"))
    assert (run_dir / "metrics.csv").exists() == ("csv" in word)


@pytest.mark.slow
def test_mlflow_leaves_a_store_below_the_outputs(
    train_tiny: Callable[..., Path], workplace: Path
) -> None:
    train_tiny("logger=mlflow", "test=false")
    metrics = workplace.glob("outputs/mlruns/*/*/metrics/val/video_auc")
    assert list(metrics)


@pytest.mark.slow
def test_the_profiler_leaves_its_table(train_tiny: Callable[..., Path]) -> None:
    run_dir = train_tiny("debug=profiler")
    assert "run_training_epoch" in (run_dir / "fit-profile.txt").read_text()
    assert (run_dir / "run.json").is_file()


@pytest.mark.slow
def test_a_training_that_ends_before_it_is_validated_is_said(
    train_tiny: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        train_tiny("trainer.max_steps=1")
    assert stop.value.code == 2
    assert "ended before its first validation" in " ".join(capsys.readouterr().err.split())


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("optimizer.lr=-1", "`optimizer` cannot be built: Invalid learning rate: -1"),
        ("trainer.strategy=unheard_of", "`trainer` cannot be built: You selected an invalid"),
        ("+trainer.enable_checkpointing=false", "`trainer` cannot be built: Trainer was"),
    ],
)
def test_what_refuses_its_arguments_does_so_before_the_crops(
    word: str, said: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = f"paths.data_dir={workplace}/unprepared"
    outputs = f"paths.outputs_dir={workplace}/unprepared-outputs"
    with pytest.raises(SystemExit) as stop:
        main(["train", data, outputs, "trainer.accelerator=cpu", "logger=[csv]", word])
    assert stop.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (workplace / "unprepared").exists()


def test_scoring_leaves_no_clip_out(
    trained_run: Path, paths: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", f"run={trained_run}", *paths, "trainer.limit_predict_batches=1"])
    assert stop.value.code == 2
    assert "`trainer.limit_predict_batches=1` would leave clips" in capsys.readouterr().err

"""Several devices, by the commands that a person types; the devices are two processes of a CPU."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from unmask.cli.main import main
from unmask.evaluation.predictions import PREDICTIONS_KEY, read_predictions

# A test starts up to three trainings, each of two processes; a busy machine takes minutes.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BIN, ROOT = Path(sys.executable).parent, Path(__file__).parents[2]
# A network without batch normalisation, whose statistics are those of each device.
WORDS = [
    "data=synthetic_ffpp", "data.make.settings.num_train_pairs=2",
    "data.make.settings.num_val_pairs=1", "data.make.settings.num_test_pairs=1",
    "+data.make.settings.picture._target_=unmask.demo.Picture",
    "+data.make.settings.picture.num_frames=3", "prepare.sampling.num_frames=2",
    "clips.num_frames=2", "model=vit_mean", "model.backbone.name=test_vit",
    "model.backbone.image_size=32", "model.backbone.pretrained=false", "optimizer.lr=1e-3",
    "trainer.accelerator=cpu", "trainer.max_epochs=2", "trainer.enable_progress_bar=false",
    "eval.num_resamples=20", "loader.num_workers=0", "logger=[csv]", "callbacks=[checkpoint]",
    "rerun=true",
]  # fmt: skip
TWO = ["trainer.devices=2", "loader.batch_size=4"]
COMMANDS = {
    "unmask train": [f"{BIN}/unmask", "train", "trainer.strategy=ddp"],
    "python train.py": [sys.executable, f"{ROOT}/train.py", "trainer.strategy=ddp"],
    "torchrun": [
        f"{BIN}/torchrun", "--nproc_per_node", "2", f"{ROOT}/train.py", "trainer.strategy=ddp",
    ],
    "ddp_spawn": [f"{BIN}/unmask", "train", "trainer.strategy=ddp_spawn"],
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for data and outputs."""
    return tmp_path_factory.mktemp("devices")


@pytest.fixture(scope="module")
def alone(place: Path) -> Path:
    """Return the run of one process with the batch that two have together."""
    [folder] = run_in(place, "alone", [f"{BIN}/unmask", "train", "loader.batch_size=8"])
    return folder


@pytest.fixture(scope="module")
def shared(place: Path, alone: Path) -> Path:
    """Return a run of two processes."""
    [folder] = run_in(place, "shared", [*COMMANDS["unmask train"], *TWO])
    return folder


def words_of(place: Path, name: str) -> list[str]:
    return [*WORDS, f"paths.data_dir={place}/data", f"paths.outputs_dir={place}/{name}"]


def run_in(place: Path, name: str, command: list[str]) -> list[Path]:
    """Run a command to its end and return the run folders that it has made."""
    done = subprocess.run(
        [*command, *words_of(place, name)], capture_output=True, text=True, check=False, cwd=place
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Trained vit_mean") == 1
    return sorted((place / name / "train").iterdir())


def losses_of(run: Path) -> np.ndarray:
    curves = pd.read_csv(run / "metrics.csv").groupby("epoch").first()
    losses: np.ndarray = curves[["train/loss", "val/loss"]].to_numpy()
    return losses


def scores_of(run: Path) -> pd.Series:
    table = read_predictions(run / "predictions.parquet")
    assert not table.duplicated(PREDICTIONS_KEY).any()
    return table.set_index(PREDICTIONS_KEY)["score"].sort_index()


def scored_again(run: Path, name: str, *words: str) -> pd.Series:
    """Score a run's own weights once more, in another call, and return the scores."""
    copy = run.parent / name
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "scores")
    (copy / "predictions.parquet").unlink()
    place = run.parents[2]
    main(["evaluate", f"run={copy}", "trainer.accelerator=cpu", "eval.num_resamples=20",
          "loader.num_workers=0", f"paths.data_dir={place}/data",
          f"paths.outputs_dir={place}/again", *words])  # fmt: skip
    scores = scores_of(copy)
    shutil.rmtree(copy)
    return scores


@pytest.mark.parametrize("name", COMMANDS)
def test_two_processes_give_what_one_gives(name: str, place: Path, alone: Path) -> None:
    [run] = run_in(place, name.replace(" ", "-"), [*COMMANDS[name], *TWO])
    np.testing.assert_allclose(losses_of(run), losses_of(alone), atol=1e-5)
    # Every clip once, and of the same weights the same scores.
    scores = scores_of(run)
    assert scores.index.equals(scores_of(alone).index)
    pd.testing.assert_series_equal(scores, scored_again(run, "one"), atol=1e-6, rtol=0)
    # What rank zero writes, once each, and a log of the other rank where it is a call of its own.
    files = {path.name for path in run.iterdir() if not path.name.startswith(".")}
    ours = {path.name for path in alone.iterdir() if not path.name.startswith(".")}
    assert files - {"train_rank1.log"} == ours
    assert len(pd.read_csv(run / "metrics.csv")) == len(pd.read_csv(alone / "metrics.csv"))


def test_two_processes_evaluate_a_run_of_one(alone: Path) -> None:
    scores = scored_again(alone, "two", "trainer.strategy=ddp", "trainer.devices=2")
    pd.testing.assert_series_equal(scores, scores_of(alone), atol=1e-6, rtol=0)


def test_a_resumed_run_of_two_processes_equals_an_uninterrupted_one(
    place: Path, shared: Path
) -> None:
    command = [*COMMANDS["unmask train"], *TWO, "test=false"]
    # The later word counts, so that this one comes behind those of all runs.
    half = [*words_of(place, "half"), "trainer.max_epochs=1"]
    subprocess.run([*command, *half], check=True, capture_output=True, cwd=place)
    [first] = (place / "half/train").iterdir()
    last = Path("checkpoints/last.ckpt")
    [rest] = run_in(place, "rest", [*command, f"resume={first / last}"])
    whole, again = (
        torch.load(run / last, weights_only=True)["state_dict"] for run in (shared, rest)
    )
    assert all(torch.equal(whole[key], again[key]) for key in whole)


def test_a_number_of_processes_that_nobody_asked_for_is_refused(place: Path) -> None:
    command = [*COMMANDS["torchrun"], "trainer.devices=1", *words_of(place, "refused")]
    command.remove("trainer.strategy=ddp")
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place)
    assert done.returncode != 0
    said = " ".join(done.stderr.split())
    assert "torchrun has started 2 processes, but trainer.devices" in said
    assert "Add trainer.strategy=ddp trainer.devices=2" in said


@pytest.fixture(params=["unmask train", "torchrun"])
def long_run(
    request: pytest.FixtureRequest, place: Path, alone: Path
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Yield a run that is in its epochs, and its folder."""
    name = f"long-{request.param.split()[0]}"
    words = [*COMMANDS[request.param], *TWO, *words_of(place, name), "trainer.max_epochs=10000"]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=place
    )
    while not list((place / name).glob("train/*/checkpoints/last.ckpt")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    [folder] = (place / name / "train").iterdir()
    yield process, folder
    process.kill()
    process.wait()


def ranks_of(folder: Path) -> dict[int, int]:
    """Return the process of each rank of a run, which each has its folder in its environment."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            lines = path.read_bytes().decode(errors="replace").split("\0")
            words = (path.parent / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # of another user, or ended meanwhile
        facts = dict(line.split("=", 1) for line in lines if "=" in line)
        if str(folder.parents[1]) in words and "LOCAL_RANK" in facts:
            found[int(facts["LOCAL_RANK"])] = int(path.parent.name)
    return found


def test_a_rank_that_dies_ends_the_run_with_a_sentence(
    long_run: tuple[subprocess.Popen[str], Path],
) -> None:
    process, folder = long_run
    os.kill(ranks_of(folder)[1], signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    said = " ".join(errors.split())
    assert "unmask: The run" in said
    assert "is over, because" in said
    assert ranks_of(folder) == {}

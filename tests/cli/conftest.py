"""A run of the whole path on a few synthetic people, shared by the tests of the command line."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from unmask.cli.main import main

# Few and short videos, few frames, a few steps: seconds instead of minutes.
TINY_PEOPLE = [
    "data.make.settings.num_train_pairs=2",
    "data.make.settings.num_val_pairs=1",
    "data.make.settings.num_test_pairs=1",
    "+data.make.settings.picture._target_=unmask.demo.Picture",
    "+data.make.settings.picture.num_frames=3",
]
TINY_RUN = [
    "experiment=demo", "eval=in_domain", "eval.num_resamples=20", "prepare.sampling.num_frames=2",
    "model.backbone.filters=[4,8]", "model.backbone.image_size=32", "trainer.max_epochs=2",
    # Each test has a run of its own, though it may equal another's.
    "rerun=true",
]  # fmt: skip
# Not what a user gets, but quick: one process, which neither tracks nor draws. test_defaults.py
# shows that the results are the same.
IN_ONE_PROCESS = [
    "loader.num_workers=0", "logger=[csv]", "callbacks=[checkpoint,early_stopping]",
    "trainer.enable_progress_bar=false",
]  # fmt: skip


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that data and outputs of these tests share."""
    return tmp_path_factory.mktemp("workplace")


@pytest.fixture(scope="session")
def paths(workplace: Path) -> list[str]:
    """Return the overrides that keep data and outputs out of the working directory."""
    return [f"paths.data_dir={workplace}/data", f"paths.outputs_dir={workplace}/outputs"]


@pytest.fixture(scope="session")
def tiny_words_in_one_process() -> list[str]:
    """Return what makes a training tiny, without loader processes, trackers and progress bar."""
    return [*TINY_RUN, *TINY_PEOPLE, *IN_ONE_PROCESS]


@pytest.fixture(scope="session")
def train_tiny(paths: list[str], workplace: Path) -> Callable[..., Path]:
    """Return a function that trains at a tiny size, as a user does in all else."""

    def train(*overrides: str) -> Path:
        before = set(workplace.glob("outputs/train/*"))
        run_dir = workplace / f"outputs/train/run{len(before)}"
        main(["train", *TINY_RUN, *TINY_PEOPLE, *paths, f"hydra.run.dir={run_dir}", *overrides])
        return run_dir

    return train


@pytest.fixture(scope="session")
def train_tiny_in_one_process(train_tiny: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that trains without loader processes, trackers and progress bar."""
    return partial(train_tiny, *IN_ONE_PROCESS)


@pytest.fixture(scope="session")
def trained_run(train_tiny_in_one_process: Callable[..., Path]) -> Path:
    """Return the folder of a finished run."""
    return train_tiny_in_one_process()


@pytest.fixture(scope="session")
def other_run(train_tiny_in_one_process: Callable[..., Path]) -> Path:
    """Return the folder of a finished run that differs from `trained_run` by its seed."""
    return train_tiny_in_one_process("seed=1")

"""A run of the whole path on a few synthetic people, shared by the tests of the command line."""

from collections.abc import Callable
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
    "loader.num_workers=0", "logger=[csv]", "callbacks=[checkpoint,early_stopping]",
    "trainer.enable_progress_bar=false",
    # Each test has a run of its own, though it may equal another's.
    "rerun=true",
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
def tiny_words() -> list[str]:
    """Return what makes a training tiny."""
    return [*TINY_RUN, *TINY_PEOPLE]


@pytest.fixture(scope="session")
def train_tiny(paths: list[str], workplace: Path) -> Callable[..., Path]:
    """Return a function that runs `unmask train` and returns the run's folder."""

    def train(*overrides: str) -> Path:
        before = set(workplace.glob("outputs/train/*"))
        run_dir = workplace / f"outputs/train/run{len(before)}"
        main(["train", *TINY_RUN, *TINY_PEOPLE, *paths, f"hydra.run.dir={run_dir}", *overrides])
        return run_dir

    return train


@pytest.fixture(scope="session")
def trained_run(train_tiny: Callable[..., Path]) -> Path:
    """Return the folder of a finished run."""
    return train_tiny()


@pytest.fixture(scope="session")
def other_run(train_tiny: Callable[..., Path]) -> Path:
    """Return the folder of a finished run that differs from `trained_run` by its seed."""
    return train_tiny("seed=1")

"""Calls that start at the same time do not share a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, read_write

from unmask.cli.main import main
from unmask.cli.sweeps import FolderWatch
from unmask.config.location import conf_dir
from unmask.runs.claim import RUN_FOLDER_VARIABLE


@pytest.fixture(autouse=True)
def no_trace() -> Iterator[None]:
    """Leave neither the variable nor Hydra's global state behind."""
    os.environ.pop(RUN_FOLDER_VARIABLE, None)
    yield
    os.environ.pop(RUN_FOLDER_VARIABLE, None)
    HydraConfig.instance().cfg = None
    FolderWatch.folder = None


def config_of(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("train", overrides=list(overrides), return_hydra_config=True)
    with read_write(config.hydra):
        config.hydra.overrides.hydra = []  # as where the name comes from a file
    return config


def test_two_trainings_of_one_second_get_two_folders(tmp_path: Path) -> None:
    claimed = []
    for rate in (1e-3, 1e-5):
        config = config_of(f"hydra.run.dir={tmp_path}/12-00-00", f"optimizer.lr={rate}")
        FolderWatch().on_run_start(config)
        del os.environ[RUN_FOLDER_VARIABLE]  # as in a process of its own
        claimed.append(Path(config.hydra.run.dir).name)
    assert claimed == ["12-00-00", "12-00-00_1"]


def test_two_sweeps_of_one_second_get_two_folders(tmp_path: Path) -> None:
    claimed = []
    for _ in range(2):
        config = config_of(f'hydra.sweep.dir="{tmp_path}/it\'s $5"')
        FolderWatch().on_multirun_start(config)
        [word] = config.hydra.overrides.hydra
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            job = compose("train", overrides=[word], return_hydra_config=True)
        assert job.hydra.sweep.dir == config.hydra.sweep.dir
        claimed.append(Path(job.hydra.sweep.dir).name)
    assert claimed == ["it's $5", "it's $5_1"]


@pytest.mark.parametrize("words", [["hydra.run.dir"], ["-m", "seed=1,2", "hydra.sweep.dir"]])
def test_a_named_folder_with_something_in_it_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    (tmp_path / "same").mkdir()
    (tmp_path / "same/config.yaml").write_text("optimizer: {lr: 0.001}")
    with pytest.raises(SystemExit) as stop:
        main(["train", "experiment=demo", *words[:-1], f"{words[-1]}={tmp_path}/same"])
    assert stop.value.code == 2
    assert "same is not empty: another run is in it" in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in (tmp_path / "same").iterdir()] == ["config.yaml"]


def test_a_refused_call_leaves_what_it_has_not_claimed(tmp_path: Path) -> None:
    """A verb that leaves no run may be given any folder, so nothing in it is deleted."""
    (tmp_path / "config.yaml").write_text("a person's own\n")
    with pytest.raises(SystemExit):
        main(["report", f"runs={tmp_path}/nothing", f"hydra.run.dir={tmp_path}"])
    assert (tmp_path / "config.yaml").read_text() == "a person's own\n"

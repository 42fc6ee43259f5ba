"""A run's folder is data: reading its configuration imports and resolves nothing of its choice."""

import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from unmask.config.location import conf_dir
from unmask.core.errors import ConfigError
from unmask.verbs.run_config import read_train_config


@pytest.fixture(scope="module")
def content() -> Any:
    """Return the configuration of a training as its run keeps it."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("train", overrides=["experiment=demo", "callbacks=[checkpoint]"])
    return OmegaConf.to_container(config, resolve=True)


def read(folder: Path, content: Any, place: str = "", value: Any = None) -> Any:
    config = OmegaConf.create(content)
    if place:
        OmegaConf.update(config, place, value, force_add=True, merge=False)
    OmegaConf.save(config, folder / "config.yaml")
    return read_train_config(folder)


def test_what_a_training_has_left_is_read(tmp_path: Path, content: Any) -> None:
    assert read(tmp_path, content).seed == 0


def test_a_run_of_the_first_version_is_read_under_todays_names(
    tmp_path: Path, content: Any
) -> None:
    old = deepcopy(content)
    old["trainer"] = {
        "_target_": "unmask.training.trainer.make_trainer", "_partial_": True,
        "max_epochs": 3, "channels_last": False,
    }  # fmt: skip
    old["logger"] = {
        kind: {"_target_": f"unmask.training.loggers.make_{kind}_logger", "_partial_": True}
        for kind in ("csv", "wandb")
    }
    for node in (old["data"]["make"], old["data"]["make"]["settings"]):
        node["_target_"] = node["_target_"].replace("unmask.demo", "unmask.data" + ".synthetic")
    run = read(tmp_path, old)
    assert run.data.make["_target_"] == "unmask.demo.make_ffpp"
    assert run.trainer["_target_"] == "lightning.Trainer"


@pytest.mark.parametrize(
    "place",
    [
        "model", "model.head", "model.backbone.dropout", "loss", "optimizer", "scheduler",
        "trainer", "callbacks.mine", "logger.mine", "sampler", "clips", "clips.cap",
        "prepare.reader", "prepare.cropper", "data.source", "data.split", "data.make",
        "data.make.settings.picture", "data.augmentation", "data.augmentation.transforms.mine",
        "eval.datasets.mine", "eval.datasets.synthetic_celebdf.source", "paths.data_dir", "seed",
    ],
)  # fmt: skip
def test_a_planted_target_is_refused_wherever_it_stands(
    tmp_path: Path, content: Any, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted.py").write_text("raise SystemExit('ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"config.yaml cannot be used: .*names 'planted\.Thing'"):
        read(tmp_path, content, place, {"_target_": "planted.Thing", "_partial_": True})
    assert "planted" not in sys.modules


def test_an_interpolation_is_neither_resolved_nor_printed(
    tmp_path: Path, content: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    with pytest.raises(ConfigError, match=r"`data.name` holds an interpolation") as caught:
        read(tmp_path, content, "data.name", "${oc.env:SECRET}")
    assert "hunter2" not in str(caught.value)

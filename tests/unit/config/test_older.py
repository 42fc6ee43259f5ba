"""Configurations of earlier versions are read as those of this one."""

from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from unmask.config.location import conf_dir
from unmask.config.older import modernised

# As every run kept it until the trainer was Lightning's own.
OLD_TRAINER = {
    "_target_": "unmask.training.trainer.make_trainer", "_partial_": True, "accelerator": "cpu",
    "devices": 1, "precision": "auto", "max_epochs": 10, "gradient_clip_val": 1.0,
    "accumulate_grad_batches": 1, "deterministic": "warn", "enable_progress_bar": True,
    "channels_last": False, "compile_backbone": False,
}  # fmt: skip
OLD = {
    "trainer": OLD_TRAINER,
    "callbacks": {"learning_rate": {"_target_": "lightning.pytorch.callbacks.LearningRateMonitor"}},
    "logger": {
        "csv": {"_target_": "unmask.training.loggers.make_csv_logger", "_partial_": True},
        "wandb": {
            "_target_": "unmask.training.loggers.make_wandb_logger", "_partial_": True,
            "project": "unmask", "entity": None, "group": None, "tags": None, "mode": "auto",
        },
    },
}  # fmt: skip


def composed(*overrides: str) -> Any:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return OmegaConf.to_container(compose("train", overrides=list(overrides)), resolve=True)


def test_an_earlier_trainer_and_its_loggers_are_those_that_the_same_words_give_now() -> None:
    now = composed("trainer=cpu", "trainer.max_epochs=10")
    found = modernised(OLD)
    assert found["trainer"] == now["trainer"]
    assert found["logger"] == now["logger"]
    assert found["callbacks"] == OLD["callbacks"]


def test_what_was_a_switch_of_the_trainer_is_a_callback() -> None:
    found = modernised({"trainer": OLD_TRAINER | {"channels_last": True, "compile_backbone": True}})
    now = composed("callbacks=[channels_last,compile]")
    assert found["callbacks"] == now["callbacks"]


def test_a_configuration_of_this_version_stays() -> None:
    now = composed()
    assert modernised(now) == now

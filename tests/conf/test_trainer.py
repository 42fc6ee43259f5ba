"""The trainer's file has every argument of Lightning's trainer, as Lightning has it."""

import inspect

import lightning as L  # noqa: N812 - the library's own convention
import yaml

from unmask.config.location import conf_dir
from unmask.config.slots import SLOTS
from unmask.training.trainer_settings import checking_words, for_scoring, settled, without_checks

# A run chooses its epoch, so that it cannot do without checkpoints; the others are not ours to set.
LEFT_OUT = {"enable_checkpointing", "barebones", "enable_autolog_hparams", "model_registry"}
# What is ours, each with its reason beside it in the file.
OURS = {
    "devices", "precision", "max_epochs", "gradient_clip_val", "deterministic",
    "num_sanity_val_steps", "log_every_n_steps", "enable_progress_bar", "enable_model_summary",
}  # fmt: skip

FILE = yaml.safe_load((conf_dir() / "trainer" / "auto.yaml").read_text())
ARGUMENTS = inspect.signature(L.Trainer).parameters


def test_every_argument_is_there() -> None:
    keys = set(FILE) - {"_target_", "_partial_"}
    assert keys == set(ARGUMENTS) - LEFT_OUT - set(SLOTS["trainer"].keywords)


def test_what_is_not_ours_is_lightnings_default() -> None:
    found = {name: FILE[name] for name in set(FILE) & set(ARGUMENTS) - OURS}
    assert found == {name: ARGUMENTS[name].default for name in found}


def test_auto_is_settled_for_the_machine() -> None:
    assert settled({"accelerator": "cpu", "precision": "auto"})["precision"] == "32-true"
    assert settled({"accelerator": "gpu", "precision": "auto"})["precision"] == "16-mixed"
    assert settled({"accelerator": "gpu", "precision": "bf16-mixed"})["precision"] == "bf16-mixed"


def test_one_batch_is_a_check_and_all_of_them_are_not() -> None:
    assert checking_words(FILE) == []
    assert checking_words({"limit_val_batches": 1}) == ["trainer.limit_val_batches=1"]
    assert checking_words({"limit_val_batches": 1.0}) == []
    assert checking_words({"overfit_batches": 0.5}) == ["trainer.overfit_batches=0.5"]


def test_scoring_takes_the_device_and_not_the_length_of_training() -> None:
    check = FILE | {"fast_dev_run": True, "profiler": "simple", "devices": 2, "strategy": "ddp"}
    found = for_scoring(without_checks(check))
    assert (found["devices"], found["strategy"]) == (2, "ddp")
    assert not {"profiler", "fast_dev_run", "max_epochs"} & set(found)

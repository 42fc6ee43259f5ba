"""Configurations of earlier versions, in the words of this one."""

from typing import Any

_TRAINER = "unmask.training.trainer.make_trainer"
# What that function set without being asked, and what it left as Lightning has it.
_TRAINER_SET = {
    "strategy": "auto", "num_nodes": 1, "min_epochs": None, "max_steps": -1, "min_steps": None,
    "max_time": None, "gradient_clip_algorithm": None, "benchmark": None, "fast_dev_run": False,
    "overfit_batches": 0.0, "limit_train_batches": None, "limit_val_batches": None,
    "limit_test_batches": None, "limit_predict_batches": None, "detect_anomaly": False,
    "profiler": None, "num_sanity_val_steps": 0, "val_check_interval": None,
    "check_val_every_n_epoch": 1, "log_every_n_steps": 1, "enable_model_summary": False,
    "inference_mode": True, "use_distributed_sampler": True, "sync_batchnorm": False,
    "reload_dataloaders_every_n_epochs": 0, "plugins": None,
}  # fmt: skip
_SPEED = {
    "channels_last": ("channels_last", "unmask.training.callbacks.speed.ChannelsLast"),
    "compile_backbone": ("compile", "unmask.training.callbacks.speed.CompileBackbone"),
}
_LOGGERS = {
    "unmask.training.loggers.make_csv_logger": {
        "_target_": "lightning.pytorch.loggers.CSVLogger", "name": "", "version": "",
    },
    "unmask.training.loggers.make_wandb_logger": {
        "_target_": "unmask.training.loggers.TolerantWandbLogger",
    },
}  # fmt: skip
# Key of a command line -> what to write now.
MOVED = {f"trainer.{old}": f"'callbacks=[...,{new}]'" for old, (new, _) in _SPEED.items()}


def modernised(content: dict[str, Any]) -> dict[str, Any]:
    """Rewrite what an earlier version called otherwise; anything else stays as it is.

    Args:
        content: The configuration of a training, as its run keeps it.

    Example:
        >>> old = {"trainer": {"_target_": "unmask.training.trainer.make_trainer", "max_epochs": 3}}
        >>> modernised(old)["trainer"]["_target_"]
        'lightning.Trainer'
    """
    content = dict(content)
    trainer = content.get("trainer")
    if isinstance(trainer, dict) and trainer.get("_target_") == _TRAINER:
        content["trainer"] = trainer_of(trainer)
        content["callbacks"] = dict(content.get("callbacks") or {}) | {
            name: {"_target_": target} for old, (name, target) in _SPEED.items() if trainer.get(old)
        }
    loggers = content.get("logger")
    if isinstance(loggers, dict):
        content["logger"] = {name: _logger_of(node) for name, node in loggers.items()}
    return content


def trainer_of(node: dict[str, Any]) -> dict[str, Any]:
    """Return the ``trainer`` node of an earlier version as Lightning's own."""
    kept = {name: value for name, value in node.items() if name not in _SPEED}
    return kept | _TRAINER_SET | {"_target_": "lightning.Trainer"}


def _logger_of(node: Any) -> Any:  # noqa: ANN401 - any part of a configuration
    if not isinstance(node, dict):
        return node
    return node | _LOGGERS.get(str(node.get("_target_")), {})

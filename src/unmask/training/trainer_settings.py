"""What the settings of Lightning's trainer leave open, and what they make of a call."""

from typing import Any, Final

from unmask.core.errors import ConfigError

Settings = dict[str, Any]

# A call with one of these is a look at the code, whose numbers mean nothing: what it is by default.
_CHECKS: Final = {
    "fast_dev_run": (False, 0),
    "overfit_batches": (0,),
    "limit_train_batches": (None, 1.0),
    "limit_val_batches": (None, 1.0),
    "limit_test_batches": (None, 1.0),
    "limit_predict_batches": (None, 1.0),
    "barebones": (False,),
}
# Scoring runs on the same device as training, and every clip through the network once.
_FOR_SCORING: Final = frozenset(
    {"_target_", "_partial_", "accelerator", "devices", "strategy", "num_nodes", "precision",
     "plugins", "deterministic", "benchmark", "inference_mode", "use_distributed_sampler",
     "enable_progress_bar", "enable_model_summary"}
)  # fmt: skip


def settled(settings: Settings) -> Settings:
    """Replace ``auto`` by the device and the precision that it stands for on this machine.

    Args:
        settings: The ``trainer`` node. ``accelerator: auto`` is a CUDA GPU when there is one, else
            the CPU; ``precision: auto`` is mixed precision on a GPU (float16 with gradient scaling,
            as system A trained) and float32 on a CPU.
    """
    accelerator = settings.get("accelerator", "auto")
    if accelerator == "auto":
        import torch  # the command line asks this module before it needs torch

        accelerator = "gpu" if torch.cuda.is_available() else "cpu"
    precision = settings.get("precision")
    if precision == "auto":
        precision = "16-mixed" if accelerator in ("gpu", "cuda") else "32-true"
    return settings | {"accelerator": accelerator, "precision": precision}


def checking_words(settings: Settings) -> list[str]:
    """Return the settings that make a training a check, as words of a command line.

    Example:
        >>> checking_words({"fast_dev_run": True, "limit_val_batches": 1.0, "max_epochs": 3})
        ['trainer.fast_dev_run=true']
    """
    found = {
        name: settings[name]
        for name, usual in _CHECKS.items()
        if name in settings and settings[name] not in usual
    }
    # 1 is one batch and 1.0 are all of them, though they are equal.
    for name in _CHECKS:
        if name.startswith("limit_") and type(settings.get(name)) is int:
            found[name] = settings[name]
    return [f"trainer.{name}={str(value).lower()}" for name, value in found.items()]


def without_checks(settings: Settings) -> Settings:
    """Leave out what makes a training a check."""
    return {name: value for name, value in settings.items() if name not in _CHECKS}


def for_scoring(settings: Settings) -> Settings:
    """Leave of a trainer's settings what scoring needs, with ``auto`` settled.

    Args:
        settings: The ``trainer`` node.

    Raises:
        ConfigError: If they would leave clips out.
    """
    words = checking_words(settings)
    if words:
        raise ConfigError(
            f"`{words[0]}` would leave clips without a score; it is for `unmask train` alone."
        )
    return {name: value for name, value in settled(settings).items() if name in _FOR_SCORING}

"""What comes with the extras ``sweeps`` and ``loggers``, and what to say without them."""

import re
from importlib.util import find_spec

# Choice of hydra/launcher, hydra/sweeper or hydra/sweeper/sampler -> the package that brings it.
_PACKAGES = {
    "joblib": "hydra-joblib-launcher",
    "submitit_local": "hydra-submitit-launcher",
    "submitit_slurm": "hydra-submitit-launcher",
    "optuna": "hydra-optuna-sweeper",
    "tpe": "hydra-optuna-sweeper",
}
# Logger -> modules of which it needs one.
_MODULES = {
    "lightning.pytorch.loggers.TensorBoardLogger": ("tensorboard", "tensorboardX"),
    "lightning.pytorch.loggers.MLFlowLogger": ("mlflow",),
}
_NOT_FOUND = re.compile(r"Could not find '(?P<group>hydra/[\w/]+)/(?P<choice>\w+)'")


def missing_plugin(group: str, choice: str) -> str | None:
    """Return which extra a launcher or sweeper needs, None for anything else.

    Args:
        group: ``"hydra/launcher"``, ``"hydra/sweeper"`` or another one.
        choice: A file that the group does not have.

    Example:
        >>> missing_plugin("hydra/launcher", "joblib")
        "`hydra/launcher=joblib` needs hydra-joblib-launcher: pip install 'unmask[sweeps]'."
        >>> missing_plugin("model", "joblib") is None
        True
    """
    if not group.startswith("hydra/") or choice not in _PACKAGES:
        return None
    return f"`{group}={choice}` needs {_PACKAGES[choice]}: pip install 'unmask[sweeps]'."


def missing_plugin_in(message: str) -> str | None:
    """Find such a choice in Hydra's words about a configuration that it cannot compose.

    Example:
        >>> missing_plugin_in("In 'hparams_search/x': Could not find 'hydra/sweeper/optuna'")
        "`hydra/sweeper=optuna` needs hydra-optuna-sweeper: pip install 'unmask[sweeps]'."
    """
    found = _NOT_FOUND.search(message)
    return missing_plugin(found["group"], found["choice"]) if found else None


def missing_package(target: str) -> str | None:
    """Return which package a logger of Lightning's needs and does not find.

    Example:
        >>> missing_package("lightning.pytorch.loggers.CSVLogger") is None
        True
    """
    modules = _MODULES.get(target, ())
    if not modules or any(find_spec(module) for module in modules):
        return None
    name = target.rpartition(".")[2]
    return f"{name} needs {modules[0]}, which is not installed: pip install 'unmask[loggers]'."

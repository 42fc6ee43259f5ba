"""Launchers and sweepers that come with the extra ``sweeps``, and what to say without it."""

import re

# Choice of hydra/launcher, hydra/sweeper or hydra/sweeper/sampler -> the package that brings it.
_PACKAGES = {
    "joblib": "hydra-joblib-launcher",
    "submitit_local": "hydra-submitit-launcher",
    "submitit_slurm": "hydra-submitit-launcher",
    "optuna": "hydra-optuna-sweeper",
    "tpe": "hydra-optuna-sweeper",
}
_NOT_FOUND = re.compile(r"Could not find '(?P<group>hydra/[\w/]+)/(?P<choice>\w+)'")


def missing_plugin(group: str, choice: str) -> str | None:
    """Say which extra a launcher or sweeper needs, None for anything else.

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

"""The file of a search's study, which a later call goes on with."""

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unmask.config.decides import deciding, leaves
from unmask.core.errors import ConfigError
from unmask.core.files import sha256_of_json, write_json

_SQLITE = "sqlite:///"


def prepare_study(config: DictConfig) -> None:
    """Make the folder of a search's SQLite file, and refuse to mix searches of different things.

    Args:
        config: What the sweep composes to, before the values that it varies.

    Raises:
        ConfigError: If the study was begun with other settings than these.
    """
    sweeper = config.hydra.sweeper
    storage = OmegaConf.select(sweeper, "storage")
    if not isinstance(storage, str) or not storage.startswith(_SQLITE):
        return
    file = Path(storage.removeprefix(_SQLITE))
    file.parent.mkdir(parents=True, exist_ok=True)
    settings = {
        name: value
        for name, value in _settings(OmegaConf.to_container(config, resolve=False)).items()
        if name not in (sweeper.params or {})
    }
    beside = file.with_name(f"{file.stem}.{sweeper.study_name}.settings.json")
    if not file.is_file() or not beside.is_file():
        write_json(beside, settings, default=str)
        return
    found = _settings(json.loads(beside.read_text()))
    if sha256_of_json(found) != sha256_of_json(settings):
        names = sorted(
            name
            for name in found.keys() | settings.keys()
            if str(found.get(name)) != str(settings.get(name))
        )
        raise ConfigError(
            f"The study '{sweeper.study_name}' in {file} was begun with other settings "
            f"({', '.join(names[:3])}), so its trials cannot be compared with these. "
            "Give this search a name of its own: hydra.sweeper.study_name=<name>."
        )


def _settings(config: Any) -> dict[str, Any]:  # noqa: ANN401 - a configuration
    """Return by dotted name what decides a trial's validation AUC, also where its data lie."""
    return leaves(deciding(config, "weights", places=True))

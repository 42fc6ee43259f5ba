"""The configuration that a run was trained with, from its folder."""

from pathlib import Path

from unmask.config.schema import TrainConfig
from unmask.config.validate import typed_run
from unmask.core.errors import ConfigError, DataError
from unmask.core.files import sha256_of_file
from unmask.runs.files import CONFIG_FILE
from unmask.runs.run import Run


def read_train_config(run_dir: Path, *, config_hash: str | None = None) -> TrainConfig:
    """Read the configuration that a run was trained with.

    Args:
        config_hash: SHA-256 that the file must have; None takes any.

    Raises:
        ConfigError: If it does not fit this version, or names anything but what shipped
            configurations name at its place, which is then not imported.
        DataError: If there is none.
    """
    path = run_dir / CONFIG_FILE
    if not path.is_file():
        raise DataError(f"{run_dir} holds no {CONFIG_FILE}, which `unmask train` writes.")
    if config_hash is not None and sha256_of_file(path) != config_hash:
        raise ConfigError(
            f"{path} is not the one that the run was trained with, as run.json records it; "
            "bring the file back, or train again."
        )
    trained: TrainConfig = typed_run(Run(run_dir).config or {})
    return trained

"""Where the configuration files lie."""

from pathlib import Path

import unmask
from unmask.core.errors import ConfigError


def conf_dir() -> Path:
    """Return the folder of configuration files, of an installed wheel or of a clone.

    Raises:
        ConfigError: If neither has one, which means that the installation is damaged.
    """
    package = Path(unmask.__file__).resolve().parent
    for candidate in (package / "conf", package.parent.parent / "conf"):
        if (candidate / "train.yaml").is_file():
            return candidate
    raise ConfigError(
        f"The installation at {package} lacks its configuration; install unmask again."
    )

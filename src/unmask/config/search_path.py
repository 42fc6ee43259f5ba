"""Folders of somebody's own in which configuration files are looked for, beside ours.

Hydra reads them from ``--config-dir`` and ``hydra.searchpath=[...]`` itself when it runs a job. The
check of a command line, which comes before, needs them too, to know which choices there are.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin


class OwnFolders(SearchPathPlugin):
    """Adds folders to Hydra's search path.

    Attributes:
        folders: ``file://`` or ``pkg://`` and a place; empty but while a command line is checked.
    """

    folders: ClassVar[list[str]] = []

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the folders behind ours, so that a file of theirs replaces none."""
        for folder in self.folders:
            search_path.append("command-line", folder)


def own_folders(arguments: Sequence[str], config_dir: str | None) -> list[str]:
    """Return the folders that a command line names.

    Args:
        arguments: Overrides, of which ``hydra.searchpath=[...]`` counts.
        config_dir: What ``--config-dir`` says.

    Example:
        >>> own_folders(["seed=1", "hydra.searchpath=[pkg://mine.conf]"], None)
        ['pkg://mine.conf']
    """
    folders = [] if config_dir is None else [f"file://{Path(config_dir).resolve()}"]
    parser = OverridesParser.create()
    for argument in arguments:
        if "hydra.searchpath" not in argument:
            continue
        try:
            value = parser.parse_override(argument).value()
        except HydraException:
            continue  # answered with the other problems
        folders += [str(folder) for folder in value] if isinstance(value, list) else []
    return folders


@contextmanager
def searched(folders: list[str]) -> Iterator[None]:
    """Look in some folders too while a command line is checked."""
    Plugins.instance().register(OwnFolders)
    OwnFolders.folders = folders
    try:
        yield
    finally:
        OwnFolders.folders = []

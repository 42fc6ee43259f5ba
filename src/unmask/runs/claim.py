"""A folder of results belongs to one call alone."""

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

from unmask.core.errors import ConfigError
from unmask.runs.files import CONFIG_FILE, HYDRA_DIR, LOCK_FILE, LOG_FILE

# Names the folder to the further processes of one distributed run.
RUN_FOLDER_VARIABLE: Final = "UNMASK_RUN_FOLDER"


def claim_run_folder(wanted: Path, *, is_exact: bool = False) -> Path:
    """Claim a run's folder, or return the one that the run's first process has claimed.

    A process of a distributed run other than the first takes the folder that the environment
    variable ``UNMASK_RUN_FOLDER`` names, so that all processes agree.

    Args:
        wanted: As in :func:`claim_folder`.
        is_exact: As in :func:`claim_folder`.

    Raises:
        ConfigError: As :func:`claim_folder`.
    """
    told = os.environ.get(RUN_FOLDER_VARIABLE)
    rank = os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or "0"
    if told and rank != "0":
        return Path(told)
    return (
        claim_folder(Path(told), is_exact=True) if told else claim_folder(wanted, is_exact=is_exact)
    )


def claim_folder(wanted: Path, *, is_exact: bool = False) -> Path:
    """Make a folder, or take an empty one, that no other call will be given.

    When several calls want one name at the same time, the first gets it and the others get
    ``<name>_1``, ``<name>_2``, and so on.

    Args:
        is_exact: A person has named this very folder, so that no other will do.

    Returns:
        The folder that was claimed.

    Raises:
        ConfigError: If ``is_exact`` and something is in the folder.
    """
    for folder in _names(wanted):
        if _is_claimed_now(folder):
            return folder
        if is_exact:
            raise ConfigError(
                f"The folder {wanted} is not empty: another run is in it, or is being written to "
                "it now. Name another folder, or none, so that a new one is made."
            )
    raise AssertionError("names never end")


def give_back(folder: Path) -> None:
    """Empty a folder that a call has claimed and made nothing in, so that the next may have it.

    Args:
        folder: What :func:`claim_folder` returned; one that holds anything else stays as it is.
    """
    left = sorted(folder.iterdir())
    if {path.name for path in left} <= {LOCK_FILE, LOG_FILE, CONFIG_FILE, HYDRA_DIR}:
        for path in left:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _names(wanted: Path) -> Iterator[Path]:
    yield wanted
    for number in count(1):
        yield wanted.with_name(f"{wanted.name}_{number}")


def _is_claimed_now(folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        return False
    try:  # whoever makes the lock, which later writers hold, owns the folder
        (folder / LOCK_FILE).open("x").close()
    except FileExistsError:
        return False  # another call was faster
    return True

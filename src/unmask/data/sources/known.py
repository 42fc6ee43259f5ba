"""Which data set a folder holds: every source is asked how well the folder fits it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from unmask.core.errors import DataError
from unmask.data.sources import (
    celebdf,
    deepfakebench,
    dfd,
    dfdc,
    dfdcp,
    faces140k,
    ffpp,
    ffpp_flat,
    folder,
    fsfm,
    gend,
    openforensics,
    uadfv,
)
from unmask.data.sources.source import Recognised, list_folders

RECOGNISERS: Final[tuple[Callable[[Path], Recognised | None], ...]] = (
    ffpp.recognise,
    ffpp_flat.recognise,
    dfd.recognise,
    celebdf.recognise,
    dfdc.recognise,
    dfdc.recognise_test,
    dfdcp.recognise,
    openforensics.recognise,
    faces140k.recognise,
    deepfakebench.recognise,
    gend.recognise,
    uadfv.recognise,
    fsfm.recognise,
    folder.recognise,
)
# From here on, a fit is a data set's own layout and not one that any folder could have.
SURE_FIT: Final = 0.9
MAX_FOLDERS: Final = 64


def recognise(root: Path, *, depth: int = 2) -> list[Recognised]:
    """Return the data sets that lie in a folder, or in the folders below it.

    Args:
        depth: How many levels below to look where the folder itself is no data set.

    Returns:
        Every data set whose own layout is there, else the one that fits best; empty where none
        fits.

    Raises:
        DataError: If folders contradict each other, e.g. two spellings of one name.
    """
    if not _can_hold_a_set(root):
        return []
    found = [match for ask in RECOGNISERS if (match := ask(root)) is not None]
    sure = [match for match in found if match.fit >= SURE_FIT]
    if sure or depth == 0:
        return sure or sorted(found, key=lambda match: -match.fit)[:1]
    below = list_folders(root)[:MAX_FOLDERS]
    inner = [match for folder in below for match in _below(folder, depth - 1)]
    # A set below says more than the folder's own vague shape, unless both are vague.
    sure = [match for match in inner if match.fit >= SURE_FIT]
    return sure or sorted(found, key=lambda match: -match.fit)[:1] or inner


def _can_hold_a_set(folder: Path) -> bool:
    """Tell apart what holds nothing but media, because asking every source takes long there."""
    with os.scandir(folder) as entries:
        return any(e.name.lower().endswith((".json", ".csv")) or e.is_dir() for e in entries)


def _below(folder: Path, depth: int) -> list[Recognised]:
    try:
        return recognise(folder, depth=depth)
    except (DataError, OSError):
        # A folder that cannot be judged must not hide the data sets beside it.
        return []

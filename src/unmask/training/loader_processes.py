"""How many processes read clips."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from unmask.core.cores import available_cores
from unmask.core.errors import ConfigError

Workers = int | Literal["auto"]

# More rarely read faster than one network computes, and each holds batches in memory.
MOST_PROCESSES: Final = 8
# Processes hand their batches over here; containers often give it 64 MiB.
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - only its free space is asked for

_log = logging.getLogger(__name__)


def loader_processes(wanted: Workers, batch_bytes: Callable[[], int]) -> int:
    """Return how many processes read clips; it changes no number.

    Args:
        wanted: ``loader.num_workers``: a number, or ``"auto"`` for one per core that this process
            may use, up to :data:`MOST_PROCESSES`, as far as ``/dev/shm`` holds their batches.
        batch_bytes: Measures a batch; only called where processes are wanted.

    Raises:
        ConfigError: If ``/dev/shm`` cannot hold the batches of the number that is wanted: the
            processes would end or hang in the middle of an epoch.
    """
    if wanted == 0:
        return 0
    free, batch = _free_bytes(), batch_bytes()
    # Two batches wait at each process and one is in use.
    fitting = None if free is None else max((free // max(batch, 1) - 1) // 2, 0)
    if wanted == "auto":
        processes = min(available_cores(), MOST_PROCESSES)
        if fitting is not None and fitting < processes:
            _log.warning(
                "%s has room for the batches of %d loader processes, not of %d; %s.",
                SHARED_MEMORY, fitting, processes,
                f"{fitting} read" if fitting else "clips are read in the main process",
            )  # fmt: skip
            return fitting
        return processes
    if free is not None and fitting is not None and fitting < wanted:
        raise ConfigError(
            f"loader.num_workers={wanted} needs {_mib((2 * wanted + 1) * batch)} of shared memory "
            f"for its batches, but {SHARED_MEMORY} has {_mib(free)} left. Set "
            "loader.num_workers=0 or auto, or give the container more (docker run --shm-size=1g)."
        )
    return wanted


def _free_bytes() -> int | None:
    """Return the free space for handing batches over, None where it is not limited in that way."""
    try:
        state = os.statvfs(SHARED_MEMORY)
    except OSError:
        return None
    return state.f_bavail * state.f_frsize


def _mib(number: int) -> str:
    return f"{number / 2**20:,.1f} MiB"

"""How many processor cores there are to use."""

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cores() -> int:
    """Return how many cores this process may use, at least 1.

    Neither another process's affinity nor the cores of a machine of which a container has a part
    are counted.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    )
    return max(1, min(cores, _quota() or cores))


def _quota() -> int | None:
    """Return the cores that a control group grants, rounded up; None without a limit."""
    try:
        granted, period = _QUOTA.read_text().split()[:2]
        return math.ceil(int(granted) / int(period))
    except (OSError, ValueError):  # no control group, or the word "max"
        return None

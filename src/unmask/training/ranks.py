"""The processes of a run over several devices: who writes, and what all of them agree upon.

Each process, a *rank*, runs the same program on its share of every batch. Rank zero alone writes
files and speaks; the others wait for what it writes. In a run of one process every function here
does nothing, or what a single process would.

The command line asks this module before it needs torch, which is why functions import it.
"""

import os
import sys
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def rank() -> int:
    """Return the number of this process among those of its run; 0 where it is the only one."""
    if "RANK" in os.environ:  # torchrun's
        return int(os.environ["RANK"])
    return int(os.environ.get("LOCAL_RANK", "0"))


def is_rank_zero() -> bool:
    """Return whether this process is the one that writes and speaks."""
    return rank() == 0


def are_several() -> bool:
    """Return whether this process is connected with others of its run."""
    if "torch" not in sys.modules:
        return False
    import torch.distributed as dist

    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def wait_for_all() -> None:
    """Go on when every rank has come here."""
    if are_several():
        import torch.distributed as dist

        dist.barrier()


def on_rank_zero(work: Callable[[], Value]) -> Value | None:
    """Do something on rank zero while the others wait.

    Args:
        work: Writes files, which every rank can read afterwards.

    Returns:
        What ``work`` returns; None on the other ranks.
    """
    result = work() if is_rank_zero() else None
    wait_for_all()
    return result


def agreed(value: Value) -> Value:
    """Return what rank zero holds, on every rank.

    Args:
        value: Can be pickled; of other ranks it is ignored.
    """
    if not are_several():
        return value
    import torch.distributed as dist

    values = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]


def gathered(value: Value) -> list[Value]:
    """Return what each rank holds, in the order of the ranks; empty on all but rank zero.

    Args:
        value: Can be pickled.
    """
    if not are_several():
        return [value]
    import torch.distributed as dist

    values: list[Value | None] | None = [None] * dist.get_world_size() if is_rank_zero() else None
    dist.gather_object(value, values, dst=0)
    return [] if values is None else [one for one in values if one is not None]

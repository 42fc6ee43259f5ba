"""Where a network runs: on a GPU when there is one."""

from functools import cache

import torch


@cache
def resolved_device(device: str) -> str:
    """Turn ``"auto"`` into what this machine has, and return any other device as it is.

    Args:
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, …

    Example:
        >>> resolved_device("cpu")
        'cpu'
    """
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"

"""Where a network runs: on a GPU when there is one."""

from functools import cache

import torch

from unmask.core.errors import ConfigError


@cache
def resolved_device(device: str) -> str:
    """Turn ``"auto"`` into what this machine has, and return any other device as it is.

    Args:
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, …

    Raises:
        ConfigError: If there is no such device, or not on this machine.

    Example:
        >>> resolved_device("cpu")
        'cpu'
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter where torch has no CUDA at all
        raise ConfigError(
            f"device={device} cannot be used here; choose device=auto, device=cpu, or "
            "device=cuda where this machine has a GPU that PyTorch can use."
        ) from error
    return device

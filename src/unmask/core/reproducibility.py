"""What a run must record so that somebody else can repeat it."""

import hashlib
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RECORDED_PACKAGES = (
    "unmask", "torch", "torchvision", "lightning", "timm", "numpy", "pandas", "pyarrow",
    "scikit-learn", "scipy", "av", "decord", "opencv-python-headless", "pillow",
    "facenet-pytorch", "hydra-core",
)  # fmt: skip


def derive_seed(*parts: int | str) -> int:
    """Derive an independent 32-bit seed from a base seed and the names of what it is for.

    The result depends on the parts alone, not on the process, platform or ``PYTHONHASHSEED``.

    Args:
        parts: A base seed and any path of names or numbers, e.g. ``(seed, "epoch", 3)``.

    Returns:
        An integer in ``[0, 2**32)``.

    Example:
        >>> derive_seed(1, "epoch", 3) == derive_seed(1, "epoch", 3)
        True
        >>> derive_seed(1, "epoch", 3) == derive_seed(1, "epoch", 4)
        False
    """
    digest = hashlib.sha256("\x1f".join(f"{type(part).__name__}:{part}" for part in parts).encode())
    return int.from_bytes(digest.digest()[:4], "big")


def package_versions() -> dict[str, str]:
    """Return the version of Python and of each package that can change a number."""
    versions = {"python": platform.python_version()}
    for name in RECORDED_PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def thread_counts() -> dict[str, int | str | None]:
    """Return how many threads compute a number; sums in another order differ in the last bits.

    Returns:
        ``torch``: those of an operation, None where torch is not loaded. ``OMP_NUM_THREADS``: as
        the environment sets it, None where it does not. ``cores``: those that this process may use.
    """
    torch = sys.modules.get("torch")
    has_affinity = hasattr(os, "sched_getaffinity")
    return {
        "torch": None if torch is None else int(torch.get_num_threads()),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        "cores": len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count(),
    }


def git_state(folder: Path) -> dict[str, str | bool | None]:
    """Return the commit that ``folder`` is at and whether tracked files differ from it.

    Args:
        folder: Any folder; outside a git checkout both values are None.

    Returns:
        ``{"commit": <40 hex digits or None>, "dirty": <bool or None>}``.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    status = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if status is None else bool(status)}


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

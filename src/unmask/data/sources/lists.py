"""Which files a source reads labels, groups and splits from, and what was in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from unmask.core.files import sha256_of_file

# At the top of a data set's folder such a file counts although no source has read it: it can be a
# list that is looked for and was not there.
_SUFFIXES: Final = frozenset({".csv", ".json", ".tsv", ".txt"})

_noted: ContextVar[set[Path] | None] = ContextVar("noted", default=None)


@contextmanager
def noting_lists() -> Iterator[set[Path]]:
    """Yield a set that holds, when the block ends, each file that :func:`note_list` was told of."""
    token = _noted.set(set())
    try:
        noted = _noted.get()
        assert noted is not None
        yield noted
    finally:
        _noted.reset(token)


def note_list(path: Path) -> Path:
    """Note a file that decides labels, groups, splits or which videos there are; return it."""
    noted = _noted.get()
    if noted is not None:
        noted.add(path)
    return path


def hashes_of_lists(root: Path, noted: set[Path]) -> dict[str, str]:
    """Return the SHA-256 of each noted list, and of each list that could be one.

    Args:
        root: The data set's folder.
        noted: Files that were read.

    Returns:
        Hashes by the path below ``root``, or by the whole path of a file that lies elsewhere.
    """
    top = (path for path in root.iterdir() if path.suffix.lower() in _SUFFIXES)
    files = {path for path in (*noted, *top) if path.is_file()}
    return {_name(path, root): sha256_of_file(path) for path in sorted(files)}


def lists_changed(root: Path, recorded: dict[str, str]) -> bool:
    """Whether a list was changed, added or removed since its hash was recorded."""
    return hashes_of_lists(root, {root / name for name in recorded}) != recorded


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

"""Files that are either whole or absent, and hashes of their content."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unmask.core.errors import DataError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it when the block succeeds.

    A reader sees the old file or the new one, never a part; a killed writer leaves ``path``
    as it was.

    Args:
        path: The file to write; its folder is made when missing.

    Yields:
        A path with the same suffix, to be written inside the block.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any, *, default: Callable[[Any], Any] | None = None) -> None:  # noqa: ANN401 - JSON is untyped
    """Write JSON atomically with sorted keys, so that equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, default=default) + "\n")


def write_parquet(path: Path, table: pa.Table, *, checksums: bool = True) -> None:
    """Write a table atomically with fixed settings, so that equal tables give equal bytes.

    Args:
        checksums: Also write checksums, without which a damaged page is read as other numbers.
    """
    with atomic_path(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            write_statistics=False,
            write_page_checksum=checksums,
        )


def read_parquet(path: Path) -> pa.Table:
    """Read a table and check its pages.

    Raises:
        DataError: If the file is not Parquet, or damaged.
    """
    try:
        return pq.read_table(path, page_checksum_verification=True)
    except (pa.ArrowInvalid, OSError) as error:  # the latter where pages are damaged
        raise DataError(f"{path} is not a readable Parquet file: {error}.") from error


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_json(value: Any) -> str:  # noqa: ANN401 - JSON is untyped
    """Return the SHA-256 of a value's canonical JSON, for keys that depend on settings.

    Example:
        >>> sha256_of_json({"a": 1, "b": 2}) == sha256_of_json({"b": 2, "a": 1})
        True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()

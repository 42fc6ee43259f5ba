"""Locks of a store: one call writes all of it, or one for each of its shards."""

import fcntl
import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from unmask.core.errors import DataError
from unmask.core.locks import locked, take_lock
from unmask.prepare.shard import Shard

logger = logging.getLogger(__name__)

# A worker's lock, held until its process ends.
_held: list[Any] = []


@contextmanager
def only_writer(store_dir: Path, shard: Shard | None) -> Iterator[Path]:
    """Hold a store, or a shard of it, against other calls.

    Args:
        store_dir: The store, made when missing.
        shard: What is written; None for everything.

    Yields:
        A file that the workers of this call have to :func:`hold`, so that a later call waits for
        those that outlive a killed one by a moment.

    Raises:
        DataError: If another call writes the same, or the store cannot be written.
    """
    try:
        store_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"The store {store_dir} cannot be written: {error}.") from error
    with ExitStack() as stack:
        try:
            name = _take(stack, store_dir, shard)
        except BlockingIOError as error:
            what = f"shard {shard} of {store_dir}" if shard else f"{store_dir}"
            raise DataError(
                f"Another `unmask prepare` is writing {what}. Wait until it ends, or end it."
            ) from error
        workers = store_dir / f"{name}.workers"
        with store_locked(workers, fcntl.LOCK_EX):
            pass
        yield workers


@contextmanager
def in_turn(data_dir: Path) -> Iterator[None]:
    """Wait until no other call that does the same is making data in a folder.

    Args:
        data_dir: Where indexes, embedded videos and face crops lie; made when missing.

    Raises:
        DataError: If the folder cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"The folder {data_dir} cannot be written: {error}.") from error
    with store_locked(data_dir / ".turn", fcntl.LOCK_EX):
        yield


def _take(stack: ExitStack, store_dir: Path, shard: Shard | None) -> str:
    """Take the locks of a call and return the name of the one that is its own."""
    if shard is None:
        stack.enter_context(store_locked(store_dir / ".lock", fcntl.LOCK_EX | fcntl.LOCK_NB))
        return ".lock"
    stack.enter_context(store_locked(store_dir / ".lock", fcntl.LOCK_SH | fcntl.LOCK_NB))
    name = f".lock.{shard.number}_of_{shard.count}"
    stack.enter_context(store_locked(store_dir / name, fcntl.LOCK_EX | fcntl.LOCK_NB))
    # Own lock first, then a look at the others: of two that start at once, one sees the other.
    for path in sorted(store_dir.glob(".lock.*")):
        found = re.fullmatch(r"\.lock\.(\d+)_of_(\d+)", path.name)
        if found is None or int(found[2]) == shard.count:
            continue
        try:
            with store_locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
                pass
        except BlockingIOError as error:
            raise DataError(
                f"Another `unmask prepare` is writing shard {found[1]}/{found[2]} of {store_dir}, "
                f"which overlaps with shard {shard}. Use the same number of shards in all calls."
            ) from error
    return name


@contextmanager
def store_locked(path: Path, operation: int) -> Iterator[None]:
    """Hold the lock of a store's file, or go on with a warning where there are no locks.

    Args:
        path: The file, made when missing.
        operation: Operation of :func:`fcntl.flock`.

    Raises:
        BlockingIOError: If another holds it and ``operation`` does not wait.
        DataError: If the file cannot be opened.
    """
    with ExitStack() as stack:
        try:
            is_held = stack.enter_context(locked(path, operation))
        except BlockingIOError:
            raise
        except OSError as error:
            raise DataError(f"The store {path.parent} cannot be written: {error}.") from error
        if not is_held:
            _warn(path)
        yield


def hold(path: Path) -> None:
    """Share the lock of a file until this process ends."""
    file = path.open("a+")
    if not take_lock(file, fcntl.LOCK_SH):
        _warn(path)
    _held.append(file)


def _warn(path: Path) -> None:
    logger.warning("No locks on the file system of %s; start one call per shard.", path.parent)

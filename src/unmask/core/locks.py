"""Locks on files, against other calls on this host and on others that see the same file system.

A lock belongs to an open file, so the system frees it however a process ends.
"""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Some network file systems are mounted without locks.
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


@contextmanager
def locked(path: Path, operation: int = fcntl.LOCK_EX) -> Iterator[bool]:
    """Hold the lock of a file, waiting for others that hold it unless ``operation`` does not.

    Args:
        path: The file, made when missing; its content does not matter.
        operation: Operation of :func:`fcntl.flock`.

    Yields:
        Whether it is held: False where the file system has no locks.

    Raises:
        BlockingIOError: If another holds it and ``operation`` does not wait.
        OSError: If the file cannot be opened.
    """
    # For reading and writing: NFS wants the one for a shared and the other for an own lock.
    with path.open("a+") as file:
        yield take_lock(file, operation)


def take_lock(file: Any, operation: int) -> bool:  # noqa: ANN401 - an open file
    """Take the lock of an open file and say whether it is held; see :func:`locked`."""
    try:
        fcntl.flock(file, operation)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True

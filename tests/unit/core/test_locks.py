"""One lock for all who share a file."""

import errno
import fcntl
from pathlib import Path

import pytest

from unmask.core.locks import locked


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    with locked(tmp_path / "lock") as is_held:
        assert is_held
        with (
            pytest.raises(BlockingIOError),
            locked(tmp_path / "lock", fcntl.LOCK_EX | fcntl.LOCK_NB),
        ):
            pass
    with locked(tmp_path / "lock", fcntl.LOCK_EX | fcntl.LOCK_NB) as is_held:
        assert is_held


def test_several_share_a_lock(tmp_path: Path) -> None:
    shared = fcntl.LOCK_SH | fcntl.LOCK_NB
    with locked(tmp_path / "lock", shared) as one, locked(tmp_path / "lock", shared) as two:
        assert one
        assert two


def test_without_locks_nothing_is_held_and_the_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path / "lock") as is_held:
        assert not is_held


def test_another_fault_of_the_file_system_is_no_lack_of_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: object, operation: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="Input/output"), locked(tmp_path / "lock"):
        pass

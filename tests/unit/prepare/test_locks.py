import errno
import fcntl
import threading
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.prepare.locks import in_turn, only_writer, store_locked
from unmask.prepare.shard import Shard


def test_shards_of_one_store_do_not_disturb_each_other(tmp_path: Path) -> None:
    with only_writer(tmp_path, Shard(1, 2)), only_writer(tmp_path, Shard(2, 2)):
        pass
    with only_writer(tmp_path, None):
        pass


def test_one_shard_is_written_once(tmp_path: Path) -> None:
    with (
        only_writer(tmp_path, Shard(1, 2)),
        pytest.raises(DataError, match=f"is writing shard 1/2 of {tmp_path}. Wait until"),
        only_writer(tmp_path, Shard(1, 2)),
    ):
        pass


@pytest.mark.parametrize(("first", "second"), [(None, Shard(1, 2)), (Shard(1, 2), None)])
def test_the_whole_and_a_shard_exclude_each_other(
    tmp_path: Path, first: Shard | None, second: Shard | None
) -> None:
    with (
        only_writer(tmp_path, first),
        pytest.raises(DataError, match="Another `unmask prepare` is writing"),
        only_writer(tmp_path, second),
    ):
        pass


def test_overlapping_slices_are_refused(tmp_path: Path) -> None:
    with (
        only_writer(tmp_path, Shard(1, 2)),
        pytest.raises(DataError, match=r"writing shard 1/2 .* overlaps with shard 2/3"),
        only_writer(tmp_path, Shard(2, 3)),
    ):
        pass


def test_one_call_waits_until_the_other_has_made_its_data(tmp_path: Path) -> None:
    happened: list[str] = []
    inside = threading.Event()

    def other() -> None:
        inside.wait()
        with in_turn(tmp_path / "data"):
            happened.append("second")

    thread = threading.Thread(target=other)
    thread.start()
    with in_turn(tmp_path / "data"):
        inside.set()
        thread.join(0.2)
        assert thread.is_alive()
        happened.append("first")
    thread.join()
    assert happened == ["first", "second"]


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match="file/data cannot be written"),
        in_turn(tmp_path / "file/data"),
    ):
        pass


def test_a_file_system_without_locks_gives_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with store_locked(tmp_path / "lock", fcntl.LOCK_EX):
        pass
    assert f"No locks on the file system of {tmp_path}" in caplog.text


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    message = f"The store {tmp_path}/file/store cannot be written"
    with pytest.raises(DataError, match=message), only_writer(tmp_path / "file" / "store", None):
        pass

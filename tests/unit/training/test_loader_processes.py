"""How many processes read clips, also where shared memory is small."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from unmask.core.errors import ConfigError
from unmask.training import loader_processes as module
from unmask.training.loader_processes import Workers, loader_processes

BATCH = 18 * 2**20


def with_machine(monkeypatch: pytest.MonkeyPatch, *, cores: int, free: int | None) -> None:
    def state(_: Any) -> Any:
        if free is None:
            raise OSError
        return SimpleNamespace(f_bavail=free, f_frsize=1)

    monkeypatch.setattr(module, "available_cores", lambda: cores)
    monkeypatch.setattr(module.os, "statvfs", state)


@pytest.mark.parametrize(
    ("wanted", "cores", "free", "expected"),
    [
        ("auto", 2, 2**34, 2),
        ("auto", 64, 2**34, 8),
        ("auto", 4, None, 4),
        ("auto", 4, 64 * 2**20, 1),  # what Docker gives
        ("auto", 4, 64 * 2**10, 0),
        (3, 1, 2**34, 3),
        (0, 4, 0, 0),
    ],
)
def test_processes_fit_the_machine(
    wanted: Workers,
    cores: int,
    free: int | None,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with_machine(monkeypatch, cores=cores, free=free)
    with caplog.at_level(logging.WARNING):
        assert loader_processes(wanted, lambda: BATCH) == expected
    is_less = wanted == "auto" and expected < min(cores, 8)
    assert ("/dev/shm" in caplog.text) == is_less  # noqa: S108 - a word of the message


def test_a_number_that_shared_memory_cannot_hold_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_machine(monkeypatch, cores=2, free=64 * 2**10)
    message = r"num_workers=2 needs 90.0 MiB .* /dev/shm has 0.1 MiB left"
    with pytest.raises(ConfigError, match=message):
        loader_processes(2, lambda: BATCH)


def test_no_batch_is_read_to_find_that_none_is_wanted() -> None:
    def never() -> int:
        raise AssertionError

    assert loader_processes(0, never) == 0

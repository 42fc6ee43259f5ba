"""How many cores a process may use."""

from pathlib import Path

import pytest

from unmask.core import cores


@pytest.mark.parametrize(
    ("content", "granted"), [("150000 100000\n", 2), ("max 100000\n", 64), ("50000 100000\n", 1)]
)
def test_a_container_counts_its_own_part_of_the_machine(
    content: str, granted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(content)
    monkeypatch.setattr(cores, "_QUOTA", quota)
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: set(range(64)))
    assert cores.available_cores() == granted


def test_there_is_at_least_one_core() -> None:
    assert cores.available_cores() >= 1

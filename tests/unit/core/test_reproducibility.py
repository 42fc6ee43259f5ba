import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.reproducibility import (
    RECORDED_PACKAGES,
    derive_seed,
    git_state,
    package_versions,
    thread_counts,
)

parts = st.lists(st.one_of(st.integers(0, 9), st.sampled_from("ab1")), min_size=1, max_size=3)


@given(parts)
def test_a_seed_fits_32_bits(path: list[int | str]) -> None:
    assert 0 <= derive_seed(*path) < 2**32


@given(parts, parts)
def test_different_paths_give_different_seeds(one: list[int | str], other: list[int | str]) -> None:
    assert (derive_seed(*one) == derive_seed(*other)) == (one == other)


def test_a_seed_is_the_same_in_another_process() -> None:
    code = "from unmask.core.reproducibility import derive_seed; print(derive_seed(1, 'epoch', 3))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert int(done.stdout) == derive_seed(1, "epoch", 3)


def test_every_recorded_package_and_python_have_a_version() -> None:
    versions = package_versions()
    assert set(versions) == {"python", *RECORDED_PACKAGES}
    assert versions["python"] == ".".join(str(part) for part in sys.version_info[:3])


def test_a_package_that_is_missing_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[package_versions.__module__]
    monkeypatch.setattr(module, "RECORDED_PACKAGES", ("no-such-package",))
    assert package_versions()["no-such-package"] == "not installed"


def test_the_threads_that_compute_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = thread_counts()
    finally:
        torch.set_num_threads(before)
    assert found["torch"] == 2
    assert found["OMP_NUM_THREADS"] == "3"
    assert found["cores"] == len(os.sched_getaffinity(0))


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "a.txt").write_text("one")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "-m", "one")
    return tmp_path


def test_a_clean_checkout_is_named_by_its_commit(checkout: Path) -> None:
    assert git_state(checkout) == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}


def test_a_changed_file_makes_a_checkout_dirty_and_a_new_one_does_not(checkout: Path) -> None:
    (checkout / "b.txt").write_text("new")
    assert git_state(checkout)["dirty"] is False
    (checkout / "a.txt").write_text("two")
    assert git_state(checkout)["dirty"] is True


def test_outside_a_checkout_nothing_is_known(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {"commit": None, "dirty": None}
    assert git_state(tmp_path / "missing") == {"commit": None, "dirty": None}

"""A verb that needs no network does not wait for PyTorch; each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "lightning", "timm", "torchvision", "facenet_pytorch")
CODE = f"""
import sys
from unmask.cli.main import main

try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code, stop.code
print("imported:", *[name for name in {HEAVY} if name in sys.modules])
"""


@pytest.mark.one_in(5)
@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["index", "--help"], ["models"], ["report", "--help"]],
    ids=" ".join,
)
def test_no_network_library_is_imported(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "imported:"


def test_an_index_needs_no_network_library(tmp_path: Path) -> None:
    for folder in ("real", "fake/swap"):
        (tmp_path / "set" / folder).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "set" / folder / f"{folder[0]}{number}.mp4").write_bytes(b"")
    words = ["index", "data=folder", "data.root=set", "data.name=mine"]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "imported:", done.stdout

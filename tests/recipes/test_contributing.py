"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the repository."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text()
PROGRAMS = {
    "pytest": ["-m", "pytest", "-p", "no:cacheprovider", "--numprocesses", "0"],
    "unmask": ["-m", "unmask.cli.main"],
    "ruff": ["-m", "ruff"],
}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what it holds, and the path on the line above, if any."""

    language: str
    content: str
    path: str


def recipes() -> dict[str, list[Block]]:
    """Return the blocks of each recipe by its title."""
    section = TEXT.split("\n## Recipes\n")[1].split("\n## ")[0]
    parts = (part.partition("\n") for part in section.split("\n### ")[1:])
    return {title.partition(":")[0]: list(blocks_of(text)) for title, _, text in parts}


def blocks_of(text: str) -> Iterator[Block]:
    pattern = r"(?:^`(?P<path>[^`\n]+)`[^\n]*\n\n)?^```(?P<language>\w+)\n(?P<content>.*?)^```$"
    for found in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        yield Block(found["language"], found["content"], found["path"] or "")


def apply(change: str, root: Path) -> None:
    """Apply a change that names its file; each hunk's lines stand there once, without numbers."""
    first, _, rest = change.partition("\n")
    path = root / first.removeprefix("--- ")
    content = path.read_text()
    for hunk in rest.split("@@\n"):
        lines = hunk.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
        after = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
        assert content.count(before) == 1, f"{path} does not hold this once:\n{before}"
        content = content.replace(before, after)
    path.write_text(content)


def run(command: str, folder: Path) -> None:
    program, *words = shlex.split(command)
    done = subprocess.run(
        [sys.executable, *PROGRAMS[program], *words], cwd=folder, text=True, check=False,
        capture_output=True, env=os.environ | {"PYTHONPATH": f"{folder / 'src'}:{folder}"},
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a copy of every file of the repository that git does not ignore."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=REPOSITORY, capture_output=True, check=True).stdout
    folder = tmp_path / "unmask"
    for name in filter(None, os.fsdecode(names).split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((REPOSITORY / name).read_bytes())
    return folder


def test_there_is_a_recipe_for_each_part() -> None:
    assert list(recipes()) == [
        "A backbone", "A head", "A loss", "An augmentation", "A data set", "A metric",
        "A logger or a callback", "A package of your own", "A configuration",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("title", recipes())
def test_a_recipe_holds_as_it_is_written(title: str, clone: Path) -> None:
    blocks = recipes()[title]
    assert {block.language for block in blocks} >= {"sh"}
    written = []
    for block in blocks:
        if block.language == "diff":
            apply(block.content, clone)
        elif block.language != "sh":
            assert not (clone / block.path).exists()
            (clone / block.path).parent.mkdir(parents=True, exist_ok=True)
            (clone / block.path).write_text(block.content)
            written.append(block.path)
    run("ruff check .", clone)
    python = [path for path in written if path.endswith(".py")]
    if python:
        run(f"ruff format --check {shlex.join(python)}", clone)
    for block in blocks:
        commands = block.content.replace("\\\n", "").splitlines()
        for command in commands if block.language == "sh" else []:
            run(command, clone)

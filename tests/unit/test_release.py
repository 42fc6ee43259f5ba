"""What a release is made of: its notes, its tag, and the workflow that publishes it."""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import unmask

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".ci" / "release_notes.py"
CHANGELOG = """# Changelog

Words on the format.

## [Unreleased]

- Not yet.

## [1.2.0] - 2026-12-01

### Added

- A thing, `x=[1]`.

### Fixed

- Another.

## [1.10.0] - Unreleased

- Later.

## [1.1.0] - 2026-11-01
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_notes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_notes_are_one_section(script: ModuleType) -> None:
    notes = script.release_notes(CHANGELOG, "1.2.0", tag="v1.2.0")
    assert notes == "### Added\n\n- A thing, `x=[1]`.\n\n### Fixed\n\n- Another."


def test_a_version_is_not_the_beginning_of_another(script: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"no section \[1\.1\]; it has Unreleased, 1\.2\.0, 1\.10"):
        script.release_notes(CHANGELOG, "1.1")


@pytest.mark.parametrize("tag", ["1.2.0", "v1.2", "v1.2.0rc1", ""])
def test_another_tag_is_refused(script: ModuleType, tag: str) -> None:
    with pytest.raises(ValueError, match=rf"The tag is {tag}, .* its tag is v1\.2\.0"):
        script.release_notes(CHANGELOG, "1.2.0", tag=tag)


def test_an_undated_section_can_be_read_and_not_released(script: ModuleType) -> None:
    assert script.release_notes(CHANGELOG, "1.10.0") == "- Later."
    with pytest.raises(ValueError, match="'Unreleased': write the day"):
        script.release_notes(CHANGELOG, "1.10.0", tag="v1.10.0")


def test_an_empty_section_is_refused(script: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"\[1\.1\.0\] of CHANGELOG\.md is empty"):
        script.release_notes(CHANGELOG, "1.1.0", tag="v1.1.0")


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_this_version_has_notes() -> None:
    done = run_script()
    assert (done.returncode, done.stderr) == (0, "")
    assert "### Added" in done.stdout


def test_a_refusal_is_a_sentence() -> None:
    done = run_script("v99.0.0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("The tag is v99.0.0, but pyproject.toml has version ")


def test_the_package_has_the_version_of_its_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert unmask.__version__ == project["version"]


def test_pythons_that_are_named_are_those_that_are_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    start = "Programming Language :: Python :: 3."
    named = [line.removeprefix(start) for line in project["classifiers"] if line.startswith(start)]
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    rows = workflow["jobs"]["ci"]["strategy"]["matrix"]["python"]
    assert rows == [f"3.{minor}" for minor in named]
    assert project["requires-python"] == f">={rows[0]}"


def test_only_the_job_that_publishes_may_do_so() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    jobs = workflow["jobs"]
    assert workflow["permissions"] == {"contents": "read"}
    assert {name: job.get("permissions") for name, job in jobs.items()} == {
        "build": None, "publish": {"id-token": "write"}, "announce": {"contents": "write"},
    }  # fmt: skip
    assert (jobs["publish"]["needs"], jobs["announce"]["needs"]) == ("build", "publish")

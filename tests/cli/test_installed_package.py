"""A package of somebody else's, installed by pip: all of its parts, through the real commands."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "own_package"
CONF = "hydra.searchpath=[pkg://gloss.conf]"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Install the package where only this test's processes find it."""
    target, source = tmp_path / "site", tmp_path / "source"
    shutil.copytree(PACKAGE, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--disable-pip-version-check", "--target", str(target), str(source)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return target


def unmask(*words: str, site: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-m", "unmask", *words],
        cwd=folder, env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_its_parts_train_and_are_read_by_every_verb(
    installed: Path, trained_run: Path, workplace: Path, tmp_path: Path
) -> None:
    assert trained_run.is_dir()  # the people on film are those of its data
    films = workplace / "data/synthetic/ffpp"
    for label, pattern in (
        ("real", "original_sequences/**/*.mp4"),
        ("fake/swap", "manipulated_sequences/SwappedFace/**/*.mp4"),
    ):
        folder = tmp_path / "films" / label
        folder.mkdir(parents=True)
        for film in films.glob(pattern):
            shutil.copy(film, folder / f"{label[0]}_{film.name}")

    def run(*words: str, code: int = 0) -> str:
        done = unmask(*words, site=installed, folder=tmp_path)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("train", CONF, "experiment=gloss", "data.root=films", "hydra.run.dir=mine")
    card = json.loads((tmp_path / "mine/run.json").read_text())
    assert (card["model"], card["source_dataset"]) == ("plain_cnn_mean", "gloss")
    assert "train/loss" in (tmp_path / "mine/lines.txt").read_text()
    config = (tmp_path / "mine/config.yaml").read_text()
    for part in ("PatchBackbone", "LoudestFrameHead", "GlossSet", "Mirror", "LineLogger"):
        assert f"gloss.parts.{part}" in config
    assert "already scored" in run("evaluate", "run=mine", "eval=in_domain")
    assert "Confirmed" in run("verify", "run=mine")
    assert "Overview:" in run("report", "runs=mine")
    film = next((tmp_path / "films/real").glob("*.mp4"))
    assert "Evidence:" in run("predict", str(film), "checkpoint=mine")
    # Where the package is not installed, the model is data that names something unknown.
    refused = unmask("predict", str(film), "checkpoint=mine", site=tmp_path, folder=tmp_path)
    assert refused.returncode == 2
    assert "trusted_modules=[gloss]" in " ".join(refused.stderr.split())

"""The wheel, installed where no clone is."""

import re
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_an_installed_wheel_finds_its_configuration(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path]
    run(*build, REPOSITORY, cwd=tmp_path)
    [wheel] = tmp_path.glob("unmask-*.whl")
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel, cwd=tmp_path)
    # The dependencies, gigabytes of them, are borrowed; the clone that they stand beside is not,
    # because a folder added this way has its own .pth files ignored.
    [folder] = environment.glob("lib/python*/site-packages")
    (folder / "borrowed.pth").write_text("\n".join(site.getsitepackages()))

    location = run(python, "-c", "import unmask; print(unmask.__file__)", cwd=tmp_path)
    assert location.startswith(str(environment))
    shown = run(environment / "bin" / "unmask", "train", "--help", cwd=tmp_path)
    [models] = re.findall(r"^model: (.*)$", shown, flags=re.MULTILINE)
    assert {"densenet121_mean", "effb0_lstm", "swin_mean"} <= set(models.split(", "))
    composed = run(environment / "bin" / "unmask", "train", "--cfg", "job", cwd=tmp_path)
    assert "unmask.models.plain_cnn.PlainCNN" in composed

"""Hydra's own flags work for every verb, and folders of one's own join."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from unmask.cli.main import main
from unmask.config.validate import check_command_line
from unmask.core.errors import ConfigError

ROOT = Path(__file__).parents[2]


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int | None = None) -> str:
    """Call a verb in this process, and return what it prints."""
    try:
        main(list(words))
        found = None
    except SystemExit as stop:
        found = stop.code
    assert (found or None) == code
    return capsys.readouterr().out


@pytest.fixture
def own_folder(tmp_path: Path) -> Path:
    """Return a folder of somebody's own with an optimiser and a model."""
    files = {
        "optimizer/mine.yaml": "_target_: torch.optim.RMSprop\n_partial_: true\n",
        "model/mine.yaml": "defaults:\n  - plain_cnn_mean\n  - _self_\ngrayscale: true\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.one_in(3)
@pytest.mark.parametrize("verb", ["train", "prepare", "report"])
def test_hydras_flags_say_what_they_are_asked(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Hydra (" in said(capsys, verb, "--hydra-help")
    assert "Hydra 1." in said(capsys, verb, "--version")
    assert "Config search path" in said(capsys, verb, "--info", "searchpath")
    script = said(capsys, verb, "-sc", "install=bash")
    assert "hydra_bash_completion" in script
    assert "outputs_dir: here" in said(capsys, verb, "--cfg", "job", "paths.outputs_dir=here",
                                       *(["runs=x"] if verb == "report" else []))  # fmt: skip


def test_a_flag_may_stand_behind_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert "seed: 7" in said(capsys, "train", "experiment=demo", "seed=7", "--cfg", "job")


@pytest.mark.parametrize("how", ["--config-dir", "hydra.searchpath"])
def test_a_folder_of_ones_own_joins(
    how: str, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = (
        ["--config-dir", str(own_folder)]
        if how == "--config-dir"
        else [f"hydra.searchpath=[file://{own_folder}]"]
    )
    words = ["model=mine", "optimizer=mine"]
    shown = said(capsys, "train", *where, *words, "--cfg", "job")
    assert "torch.optim.RMSprop" in shown
    assert "grayscale: true" in shown
    said(capsys, "train", *where, "optimizer=mne", "--cfg", "job", code=2)
    # What one call has named, the next does not know.
    said(capsys, "train", *words, "--cfg", "job", code=2)


def test_a_choice_is_corrected_to_one_of_ones_own(own_folder: Path) -> None:
    where = f"hydra.searchpath=[file://{own_folder}]"
    with pytest.raises(ConfigError, match="has no 'mne'; did you mean 'mine'"):
        check_command_line("train", [where, "optimizer=mne"])


def test_words_are_completed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def offered(line: str) -> list[str]:
        monkeypatch.setenv("COMP_LINE", line)
        return said(capsys, "-sc", "query=bash").split()

    assert {"train", "prepare", "report"} <= set(offered("unmask "))
    assert "predict" in offered("unmask pre")
    assert "model=effb0_lstm" in offered("unmask train model=effb0")
    assert "optimizer.lr=" in offered("unmask train model=effb0_lstm optimizer.l")
    monkeypatch.delenv("COMP_LINE")
    assert "hydra_bash_completion" in said(capsys, "-sc", "install=bash")


def test_the_sweep_of_weights_and_biases_composes() -> None:
    sweep = yaml.safe_load((ROOT / "docs/sweeps/wandb.yaml").read_text())
    assert (ROOT / sweep["program"]).is_file()
    fixed = [word for word in sweep["command"] if "=" in word]
    for end in ("min", "max"):
        drawn = [f"{key}={one[end]}" for key, one in sweep["parameters"].items()]
        check_command_line("train", [*fixed, *drawn])
    # The words that the agent puts in.
    assert sweep["command"][:3] == ["${env}", "python", "${program}"]
    assert sweep["command"][-1] == "${args_no_hyphens}"
    assert sweep["metric"] == {"name": "val/video_auc", "goal": "maximize"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--hydra-help"], "Hydra ("),
        (["--version"], "Hydra 1."),
        (["-sc", "install=bash"], "hydra_bash_completion"),
        (["seed=7", "--cfg", "job"], "seed: 7"),
    ],
)
def test_the_script_of_a_clone_takes_them_too(words: list[str], expected: str) -> None:
    answer = subprocess.run(
        [sys.executable, "train.py", *words],
        cwd=ROOT,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert expected in answer.stdout

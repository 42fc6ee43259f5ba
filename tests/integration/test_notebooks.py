"""The notebooks: nothing but cells in git, and they read what the demo leaves."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NAMES = ["01_what_the_crops_look_like", "02_compare_runs", "03_where_it_fails"]
# The demo, of few people, frames and steps.
SMALLEST = [
    "experiment=demo", "eval=in_domain", "eval.num_resamples=20", "prepare.sampling.num_frames=2",
    "model.backbone.filters=[4,8]", "model.backbone.image_size=32", "trainer.max_epochs=2",
    "loader.num_workers=0", "logger=[csv]", "callbacks=[checkpoint]",
    "trainer.enable_progress_bar=false",
    "data.make.settings.num_train_pairs=2", "data.make.settings.num_val_pairs=1",
    "data.make.settings.num_test_pairs=2",
    "+data.make.settings.picture._target_=unmask.demo.Picture",
    "+data.make.settings.picture.num_frames=3",
]  # fmt: skip


def cells_of(path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text())["cells"]
    return cells


def code_of(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in cells_of(path) if cell["cell_type"] == "code"]


def test_the_notebooks_are_those_of_the_docs() -> None:
    assert [path.stem for path in NOTEBOOKS] == NAMES
    docs = (FOLDER.parent / "docs" / "notebooks.md").read_text()
    assert [name for name in NAMES if f"{name}.ipynb" not in docs] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_cell_has_output(path: Path) -> None:
    """A cell that fails this is cleared in Jupyter by Edit, Clear Outputs of All Cells."""
    shown = [
        (number, "".join(cell["source"])[:60])
        for number, cell in enumerate(cells_of(path))
        if cell.get("outputs") or cell.get("execution_count") is not None
    ]
    assert shown == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_short_and_the_first_says_which_runs(path: Path) -> None:
    code = code_of(path)
    assert 'RUNS = "../outputs/train/*"' in code[0]
    assert [cell for cell in code if len(cell.splitlines()) > 14] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_only_reads(path: Path) -> None:
    modules = re.findall(r"^(?:from|import) ([\w.]+)", "\n".join(code_of(path)), re.MULTILINE)
    ours = ("unmask.report", "unmask.evaluation", "unmask.data.store", "unmask.core")
    allowed = (*ours, "pandas", "pathlib", "os")
    others = [name for name in modules if not name.startswith((*allowed, "IPython"))]
    assert others == []


def execute(path: Path, runs: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a notebook in its folder and return all that its cells show, as text and HTML."""
    monkeypatch.setenv("UNMASK_RUNS", runs)
    # Equal to `jupyter execute`, apart from not writing.
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output.get("data", {}) for output in outputs]
    return "\n".join(data.get("text/html") or data.get("text/plain", "") for data in shown)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Train two runs that differ in their seed and return the pattern of their folders."""
    place = tmp_path_factory.mktemp("notebooks")
    for seed in (1, 2):
        command = [
            sys.executable, "-m", "unmask.cli.main", "train", *SMALLEST, f"seed={seed}",
            f"paths.data_dir={place}/data", f"paths.outputs_dir={place}/outputs",
            f"hydra.run.dir={place}/outputs/train/seed{seed}",
        ]  # fmt: skip
        environment = os.environ | {"WANDB_MODE": "offline"}
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
    return f"{place}/outputs/train/*"


@pytest.mark.slow
def test_the_crops_are_shown_by_method(runs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = execute(NOTEBOOKS[0], runs, monkeypatch)
    for method in ("youtube", "SwappedFace", "Reenactment", "GraphicsSwap", "TextureEdit"):
        assert f": {method}</h4>" in shown
    assert shown.count("data:image/jpeg") >= 20
    assert "no crop" not in shown
    assert shown.count("data:image/svg+xml") == 2  # face sizes, detector


@pytest.mark.slow
def test_two_runs_are_compared(runs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = execute(NOTEBOOKS[1], runs, monkeypatch)
    assert shown.count("data:image/svg+xml") == 3  # matrix, ROC, precision and recall
    assert "seed1, trained on synthetic_ffpp" in shown
    table = shown[shown.index("<table") :]
    assert {"p_holm", "seed1", "seed2"} <= set(re.findall(r"<t[dh]>([^<]+)<", table))


@pytest.mark.slow
def test_the_hardest_videos_and_the_errors_are_shown(
    runs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = execute(NOTEBOOKS[2], runs, monkeypatch)
    assert "hardest videos of seed2</h4>" in shown
    assert shown.count("data:image/jpeg") == 12
    assert shown.count("data:image/svg+xml") == 3  # method, size, compression
    assert "c23" in shown


@pytest.mark.slow
def test_without_runs_a_notebook_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CellExecutionError, match="`unmask train experiment=demo` makes one"):
        execute(NOTEBOOKS[1], f"{tmp_path}/*", monkeypatch)

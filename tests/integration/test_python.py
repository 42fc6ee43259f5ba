"""The scripts of docs/python.md, as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
SCRIPTS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
# Few and small videos of few people, for two epochs.
TINY = [
    "experiment=demo", "eval=in_domain", "eval.num_resamples=20", "logger=[csv]",
    "model.backbone.filters=[4,8]", "model.backbone.image_size=32", "trainer.max_epochs=2",
    "prepare.sampling.num_frames=2", "data.make.settings.num_train_pairs=2",
    "data.make.settings.num_val_pairs=1", "data.make.settings.num_test_pairs=2",
    "+data.make.settings.picture._target_=unmask.demo.Picture",
    "+data.make.settings.picture.num_frames=3",
]  # fmt: skip


@pytest.mark.slow
def test_the_scripts_of_the_page_run_as_they_stand(tmp_path: Path) -> None:
    first, second = (said_by(script, tmp_path) for script in SCRIPTS)
    assert "over the validation videos, epoch" in first
    assert "synthetic_ffpp" in first
    assert (tmp_path / "outputs" / "mine" / "report.html").is_file()
    assert "val/video_auc" in second
    assert "identity groups" in second


def said_by(script: str, folder: Path) -> str:
    """Run a script with words that make it small, in a folder of its own."""
    path = folder / "script.py"
    path.write_text(script)
    done = subprocess.run(
        [sys.executable, str(path), *TINY], cwd=folder, env=os.environ | {"WANDB_MODE": "disabled"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_every_block_is_a_script_that_loader_processes_may_import() -> None:
    assert len(SCRIPTS) == 2
    for script in SCRIPTS:
        compile(script, "script.py", "exec")
        assert 'if __name__ == "__main__":' in script

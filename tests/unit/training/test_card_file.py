"""A card is read without PyTorch, and from a hostile file nothing is run."""

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from unmask.core.errors import CheckpointError
from unmask.training.card_file import card_of, read_facts
from unmask.training.checkpoint import read_checkpoint

CARD = {"format": 1, "model": "toy", "metrics": [{"auc": {"value": 0.5}}], "is_synthetic": True}


def save(path: Path, **facts: object) -> Path:
    state = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict()
    state["half"] = torch.zeros(2, dtype=torch.bfloat16)
    torch.save({"unmask": {"format": 1, **facts}, "state_dict": state, "epoch": 3}, path)
    return path


def with_description(path: Path, description: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", description)
    return path


class Payload:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def test_facts_equal_those_that_pytorch_reads(tmp_path: Path) -> None:
    path = save(
        tmp_path / "model.ckpt",
        card=CARD,
        model={"_target_": "unmask.models.detector.Detector", "depth": [1, 2.5]},
    )
    assert read_facts(path) == read_checkpoint(path)["unmask"]
    assert card_of(read_facts(path), path) == CARD


def test_no_module_of_pytorch_is_imported(tmp_path: Path) -> None:
    path = save(tmp_path / "model.ckpt", card=CARD)
    code = (
        "import sys; from pathlib import Path; from unmask.training.card_file import read_facts;"
        "print(read_facts(Path(sys.argv[1]))['card']['model'], 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["toy", "False"]


def test_a_pickle_that_runs_code_runs_none(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    content = {"unmask": {"format": 1}, "state_dict": {}, "x": Payload(canary)}
    path = with_description(tmp_path / "model.ckpt", pickle.dumps(content))
    with pytest.raises(CheckpointError, match=r"names posix\.system"):
        read_facts(path)
    assert not canary.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("torch.hub", "load"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("collections", "OrderedDict.fromkeys"),
        ("pathlib", "Path.write_text"),
        ("torch.storage", "os.system"),
    ],
)
def test_a_name_beside_those_of_tensors_is_refused(module: str, name: str, tmp_path: Path) -> None:
    description = b"\x80\x04c" + f"{module}\n{name}\n".encode() + b"."
    path = with_description(tmp_path / "model.ckpt", description)
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        read_facts(path)


@pytest.mark.parametrize("content", [b"", b"not a zip archive", b"PK\x03\x04 torn"])
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.ckpt is not a readable checkpoint"):
        read_facts(path)


def test_another_format_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    torch.save({"unmask": {"format": 7}, "state_dict": {}}, path)
    with pytest.raises(CheckpointError, match="format 7, but this version reads 1"):
        read_facts(path)

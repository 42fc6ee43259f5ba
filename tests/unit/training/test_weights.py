"""Only a run's own weights may stand under its name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.core.errors import CheckpointError
from unmask.core.files import sha256_of_file
from unmask.runs.card import RunCard
from unmask.runs.run import Run
from unmask.training.checkpoint import Provenance
from unmask.training.release import weights_hash, write_release
from unmask.training.weights import hash_of_weights, require_own_weights

MODEL = {"_target_": "unmask.models.detector.Detector", "dropout": 0.1}
OWN = Provenance(model=MODEL, dataset="ffpp", manifest_hash="ab", seed=1, recipe={"lr": 0.1})
CARD = RunCard(
    name="run", model="m", data="d", source_dataset="ffpp", seed=1, num_parameters=1,
    num_trainable=1, best_checkpoint="checkpoints/best.ckpt", best_epoch=0, val_video_auc=0.5,
    manifest_hashes={"ffpp": "ab"}, leak_allowed=True,
)  # fmt: skip


def plant(path: Path, provenance: Provenance = OWN, weight: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"unmask": provenance.to_dict(), "state_dict": {"detector.w": torch.tensor(weight)}}
    torch.save(content, path)
    return path


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return plant(tmp_path / "run/checkpoints/best.ckpt").parents[1]


def require(path: Path, run_dir: Path) -> None:
    run = Run(run_dir)
    run.card = CARD
    require_own_weights(path, run, model=MODEL)


@pytest.mark.parametrize("keeps_best", [True, False])
def test_a_run_is_scored_with_any_weights_of_its_own(run_dir: Path, keeps_best: bool) -> None:
    best = run_dir / CARD.best_checkpoint
    last = plant(run_dir / "checkpoints/last.ckpt", weight=1.0)
    write_release(best, run_dir / "model.ckpt", {"checkpoint_sha256": sha256_of_file(best)})
    require(best, run_dir)
    if not keeps_best:
        best.unlink()
    require(last, run_dir)
    require(run_dir / "model.ckpt", run_dir)


@pytest.mark.parametrize("keeps_best", [True, False])
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"dataset": "celebdf_v2"}, "another dataset .celebdf_v2 there, ffpp here."),
        ({"manifest_hash": "cd"}, "another manifest_hash"),
        ({"seed": 2}, "another seed .2 there, 1 here."),
        ({"model": MODEL | {"dropout": 0.2}}, "another model .dropout=0.2 there, dropout=0.1"),
    ],
)
def test_weights_of_another_training_are_refused(
    run_dir: Path, tmp_path: Path, changes: dict[str, Any], named: str, keeps_best: bool
) -> None:
    if not keeps_best:
        (run_dir / CARD.best_checkpoint).unlink()
    foreign = plant(tmp_path / "other/checkpoints/best.ckpt", replace(OWN, **changes))
    with pytest.raises(CheckpointError, match=rf"other/.* is not of the run .*{named}"):
        require(foreign, run_dir)


def test_weights_of_another_recipe_are_refused(run_dir: Path, tmp_path: Path) -> None:
    foreign = plant(tmp_path / "other.ckpt", replace(OWN, recipe={"lr": 0.2}))
    with pytest.raises(CheckpointError, match=r"another lr \(0\.2 there, 0\.1 here\)"):
        require(foreign, run_dir)


def test_a_released_model_is_named_by_the_checkpoint_that_it_was_made_from(run_dir: Path) -> None:
    best, model = run_dir / CARD.best_checkpoint, run_dir / "model.ckpt"
    write_release(best, model, {"checkpoint_sha256": sha256_of_file(best)})
    assert sha256_of_file(model) != sha256_of_file(best)
    assert weights_hash(model) == weights_hash(best) == sha256_of_file(best)
    assert hash_of_weights(model, best) == hash_of_weights(best, best) == sha256_of_file(best)


def test_a_released_model_with_other_weights_is_not_the_best(run_dir: Path, tmp_path: Path) -> None:
    best, model = run_dir / CARD.best_checkpoint, run_dir / "model.ckpt"
    other = plant(tmp_path / "other.ckpt", weight=1.0)
    write_release(other, model, {"checkpoint_sha256": sha256_of_file(best)})
    assert hash_of_weights(model, best) == sha256_of_file(model)

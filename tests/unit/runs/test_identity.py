"""A finished run is recognised by what decides its result."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from unmask.core.reproducibility import package_versions
from unmask.data.store import FaceStore
from unmask.runs.card import RunCard, source_state
from unmask.runs.identity import (
    crops_identity,
    find_finished,
    not_trained_again,
    save_identity,
    unscored_sets,
)
from unmask.runs.run import Run

StoreMaker = Callable[..., FaceStore]
FACTS: dict[str, Any] = {"seed": 1, "model": {"dropout": 0.5}}


def make_run(folder: Path, facts: dict[str, Any] = FACTS, **card: Any) -> Path:
    facts_of_card: dict[str, Any] = {
        "name": folder.name, "model": "m", "data": "d", "source_dataset": "home", "seed": 1,
        "num_parameters": 1, "num_trainable": 1, "best_checkpoint": "best.ckpt", "best_epoch": 0,
        "val_video_auc": 0.5,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    Run.create(folder, RunCard(**facts_of_card | card))
    (folder / "best.ckpt").touch()
    save_identity(folder, facts)
    return folder


@pytest.mark.parametrize("place", ["train/run", "train/sweep/0_run"])
def test_a_run_is_found_by_its_facts_alone(tmp_path: Path, place: str) -> None:
    run = make_run(tmp_path / place)
    found = find_finished(tmp_path, {"model": {"dropout": 0.5}, "seed": 1})
    assert found is not None
    assert found.folder == run
    assert find_finished(tmp_path, FACTS | {"seed": 2}) is None
    assert find_finished(tmp_path, FACTS | {"model": {"dropout": 0.4}}) is None


@pytest.mark.parametrize("lost", ["run.json", "best.ckpt", "identity.json"])
def test_a_run_that_lacks_a_file_is_not_finished(tmp_path: Path, lost: str) -> None:
    (make_run(tmp_path / "train/run") / lost).unlink()
    assert find_finished(tmp_path, FACTS) is None


@pytest.mark.parametrize("damaged", ["run.json", "identity.json"])
def test_a_damaged_run_is_passed_over(tmp_path: Path, damaged: str) -> None:
    (make_run(tmp_path / "train/run") / damaged).write_text("{")
    assert find_finished(tmp_path, FACTS) is None


def test_of_two_the_latest_is_taken(tmp_path: Path) -> None:
    old, new = make_run(tmp_path / "train/old"), make_run(tmp_path / "train/new")
    os.utime(old / "identity.json", (1, 1))
    found = find_finished(tmp_path, FACTS)
    assert found is not None
    assert found.folder == new


def test_other_versions_and_another_commit_are_said(tmp_path: Path) -> None:
    versions = package_versions()
    make_run(tmp_path / "train/run", versions=versions | {"torch": "2.0"}, git={"commit": "f" * 40})
    found = find_finished(tmp_path, FACTS)
    assert found is not None
    said = not_trained_again(found)
    assert f"torch (was 2.0, now {versions['torch']})" in said
    assert f"commit (was fffffff, now {str(source_state()['commit'])[:7]})" in said
    assert "numpy (was" not in said
    assert "rerun=true" in said


def test_with_the_same_program_nothing_is_said_to_have_changed(tmp_path: Path) -> None:
    make_run(tmp_path / "train/run")
    found = find_finished(tmp_path, FACTS)
    assert found is not None
    assert "changed" not in not_trained_again(found)


def test_crops_are_known_by_videos_and_faces(tmp_path: Path, make_store: StoreMaker) -> None:
    assert crops_identity(tmp_path / "absent") is None
    one = crops_identity(make_store(name="toy").folder)
    assert one is not None
    assert crops_identity(make_store(name="toy").folder) == one
    other = crops_identity(make_store(name="toy", num_frames=2).folder)
    assert other is not None
    assert other["videos"] == one["videos"]
    assert other["faces"] != one["faces"]


def scored(folder: Path, own: FaceStore, others: list[FaceStore]) -> Run:
    """Return a run with scores of its own two splits and of the test split of others."""
    stores = [own, *others]
    pairs = [(own.dataset, "val"), *((store.dataset, "test") for store in stores)]
    make_run(
        folder,
        scored_checkpoint=hashlib.sha256().hexdigest(),  # of the empty file
        manifest_hashes={store.dataset: store.manifest_hash for store in stores},
        stores={store.dataset: str(store.folder.resolve()) for store in stores},
    )
    table = pd.DataFrame(pairs, columns=["dataset", "split"])
    table.to_parquet(folder / "predictions.parquet")
    found = find_finished(folder.parents[1], FACTS)
    assert found is not None
    return found


def test_only_sets_without_scores_of_these_crops_are_named(
    tmp_path: Path, make_store: StoreMaker
) -> None:
    own, known, new = (make_store(name=name) for name in ("own", "known", "new"))
    run = scored(tmp_path / "train/run", own, [known])
    folders = {"known": known.folder, "new": new.folder, "unmade": tmp_path / "unmade"}
    assert unscored_sets(run, [own.folder], folders) == ["new", "unmade"]
    assert unscored_sets(run, [own.folder], {"known": known.folder}) == []
    assert unscored_sets(run, [new.folder], {"known": known.folder}) is None
    content = json.loads((run.folder / "run.json").read_text())
    content["manifest_hashes"]["known"] = "of other videos"
    changed = Run(run.folder)
    changed.card = RunCard(**content)
    assert unscored_sets(changed, [own.folder], {"known": known.folder}) == ["known"]
    (run.folder / "best.ckpt").write_text("not what was scored")
    assert unscored_sets(run, [own.folder], {"known": known.folder}) is None


def test_a_run_without_predictions_lacks_its_own_too(
    tmp_path: Path, make_store: StoreMaker
) -> None:
    own = make_store(name="own")
    make_run(tmp_path / "train/run")
    run = find_finished(tmp_path, FACTS)
    assert run is not None
    assert unscored_sets(run, [own.folder], {}) is None

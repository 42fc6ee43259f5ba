"""A finished run is not trained again: what decides a run's result, and where it lies already."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from unmask.core.errors import DataError
from unmask.core.files import sha256_of_file, sha256_of_json, write_json
from unmask.core.reproducibility import package_versions
from unmask.data.manifest import manifest_hash
from unmask.runs.card import RunCard, source_state
from unmask.runs.files import IDENTITY_FILE, PREDICTIONS_FILE
from unmask.runs.run import Run

# A run of its own is two folders below the outputs, one of a sweep is three.
_WHERE = (f"*/*/{IDENTITY_FILE}", f"*/*/*/{IDENTITY_FILE}")


def not_trained_again(run: Run) -> str:
    """Return a sentence: where the finished run is, and what differed when it was trained."""
    finished = datetime.fromtimestamp((run.folder / IDENTITY_FILE).stat().st_mtime).astimezone()
    said = (
        f"Not trained again: {run.folder} is this very run, finished {finished:%Y-%m-%d %H:%M}; "
        "rerun=true trains it anew."
    )
    changed = _changes(run)
    return said + (f" Since then changed: {', '.join(changed)}." if changed else "")


def _changes(run: Run) -> list[str]:
    now = package_versions()
    changed = [
        f"{name} (was {version}, now {now.get(name)})"
        for name, version in sorted(run.card.versions.items())
        if now.get(name) != version
    ]
    there, here = run.card.git.get("commit"), source_state().get("commit")
    if run.card.git and there != here:
        changed.append(f"commit (was {str(there)[:7]}, now {str(here)[:7]})")
    return changed


def crops_identity(folder: Path) -> dict[str, str] | None:
    """Return the hashes of a store's videos and of its crops, None where it is not finished.

    Args:
        folder: Where ``unmask prepare`` writes.
    """
    faces = folder / "faces.parquet"
    if not faces.is_file():
        return None
    return {"videos": manifest_hash(folder / "videos.parquet"), "faces": sha256_of_file(faces)}


def save_identity(run_dir: Path, facts: dict[str, Any]) -> None:
    """Write ``identity.json`` beside ``run.json``, once the run is finished.

    Args:
        facts: Plain values that decide the run's result.
    """
    write_json(
        run_dir / IDENTITY_FILE, {"hash": sha256_of_json(facts), "facts": facts}, default=str
    )


def find_finished(outputs_dir: Path, facts: dict[str, Any]) -> Run | None:
    """Return the latest finished run with the same facts that still has its checkpoint.

    Args:
        outputs_dir: Where runs and sweeps lie.
        facts: As in :func:`save_identity`.
    """
    wanted = sha256_of_json(facts)
    found = [
        path
        for pattern in _WHERE
        for path in outputs_dir.glob(pattern)
        if _hash_in(path) == wanted and Run(path.parent).is_finished
    ]
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        run = Run(path.parent)
        try:
            if run.best.is_file():
                return run
        except DataError:
            continue  # written by a version with other fields, or damaged
    return None


def _hash_in(path: Path) -> str | None:
    try:
        content = json.loads(path.read_text())
    except json.JSONDecodeError:
        return None
    return content.get("hash") if isinstance(content, dict) else None


def unscored_sets(
    finished: Run, own: Iterable[Path], tested: Mapping[str, Path]
) -> list[str] | None:
    """Return which test sets a finished run has not been scored on.

    Args:
        own: Stores that it was trained on, whose validation and test splits are scored.
        tested: Stores of further test sets, by the name that the evaluation gives them.

    Returns:
        Names of further sets that have no scores, or scores of other crops; None where the run's
        own splits have none either, or the scores are of another checkpoint than the chosen one.
    """
    path = finished.folder / PREDICTIONS_FILE
    if not path.is_file() or finished.card.scored_checkpoint != sha256_of_file(finished.best):
        return None
    table = pd.read_parquet(path, columns=["dataset", "split"]).drop_duplicates()
    scored = set(table.itertuples(index=False, name=None))
    for folder in own:
        if not _splits_of(folder) <= scored:
            return None
    return [
        name for name, folder in tested.items() if not _is_scored(finished.card, folder, scored)
    ]


def _splits_of(folder: Path) -> set[tuple[str, str]]:
    videos = pd.read_parquet(folder / "videos.parquet", columns=["dataset", "split"])
    pairs = set(videos.drop_duplicates().itertuples(index=False, name=None))
    return {(dataset, split) for dataset, split in pairs if split in ("val", "test")}


def _is_scored(card: RunCard, folder: Path, scored: set[tuple[str, str]]) -> bool:
    if not (folder / "faces.parquet").is_file():
        return False
    [name, *_] = {dataset for dataset, _ in _splits_of(folder)} or {""}
    return (
        (name, "test") in scored
        and card.stores.get(name) == str(folder.resolve())
        and card.manifest_hashes.get(name) == manifest_hash(folder / "videos.parquet")
    )

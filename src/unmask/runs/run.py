"""What a report reads from a run directory."""

import json
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd
from pandas.errors import EmptyDataError, ParserError

from unmask.core.errors import DataError
from unmask.core.files import sha256_of_file
from unmask.evaluation.embeddings import read_embeddings
from unmask.evaluation.predictions import read_predictions, read_unscored
from unmask.report.compare.variants import Recipe, read_recipe
from unmask.runs.card import require_below

# Whether the scored weights are those that validation chose.
Checkpoint = Literal["chosen", "other", "unknown"]
# How far below a matched folder runs are looked for: in `outputs` a sweep's jobs lie three deep.
MOST_LEVELS: Final = 3
# What a run says of the checkpoint that validation chose, which may not be the one that was scored.
_OF_THE_CHOSEN: Final = ("best_epoch", "val_video_auc")


@dataclass(frozen=True)
class Run:
    """One trained and evaluated detector.

    Args:
        run_dir: Its folder.
        name: What it is called.
        source_dataset: The data set that it was trained on; several are joined by "+".
        source_datasets: The same as a list.
        leak_allowed: Whether it was trained or tested although splits share something.
        checkpoint: Whether validation chose the weights that were scored.
        threshold_split: The split of that data set that fixes the threshold.
        facts: The rest of ``run.json``: model, data, seed, versions and so on; what it says of the
            checkpoint that validation chose only where that one was scored.
        stores: Data set -> folder of its face crops.
        predictions: Checked predictions.
        unscored: Checked videos without a score.
        curves: Metrics by epoch, as :func:`read_curves` gives them; empty where there are none.
        embeddings: Features of each video, where the run has them.
        recipe: What it was trained with, where ``config.yaml`` says it.
    """

    run_dir: Path
    name: str
    source_dataset: str
    source_datasets: list[str]
    leak_allowed: bool
    checkpoint: Checkpoint
    threshold_split: str
    facts: dict[str, Any]
    stores: dict[str, Path]
    predictions: pd.DataFrame
    unscored: pd.DataFrame
    curves: pd.DataFrame
    embeddings: pd.DataFrame | None = None
    recipe: Recipe | None = None


def find_runs(pattern: str, *, levels: int = MOST_LEVELS) -> list[Path]:
    """List the finished runs that a pattern matches.

    A matched folder that is no run itself is taken for one that holds runs, as those of a sweep and
    ``outputs/train`` do.

    Args:
        pattern: Of folders, e.g. ``"outputs/*"``.
        levels: How far below a matched folder runs are looked for; 0 takes matched runs alone.

    Returns:
        Folders with ``run.json``, sorted, each once.
    """
    matched = sorted(Path(path) for path in glob(pattern))  # noqa: PTH207 - may be absolute
    return list(dict.fromkeys(run for path in matched for run in _runs_in(path, levels)))


def _runs_in(folder: Path, levels: int) -> list[Path]:
    if (folder / "run.json").is_file():
        return [folder]
    if levels == 0:
        return []
    return [run for path in sorted(folder.glob("*")) for run in _runs_in(path, levels - 1)]


def has_tables(run_dir: Path) -> bool:
    """Say whether a finished run has predictions that can be believed.

    Raises:
        DataError: If its ``run.json`` is unreadable or lacks a key.
    """
    has_file = (run_dir / "predictions.parquet").is_file()
    return has_file and not _is_broken_off(_read_facts(run_dir))


def _is_broken_off(facts: dict[str, Any]) -> bool:
    """Whether a call ended while it replaced the tables, so that they can be of two networks."""
    is_trained = "best_checkpoint" in facts
    return is_trained and "scored_checkpoint" in facts and facts["scored_checkpoint"] is None


def read_run(run_dir: Path) -> Run:
    """Read and check a run directory.

    Args:
        run_dir: Holds ``run.json``, ``predictions.parquet``, ``unscored.parquet`` and, where the
            run was trained there, ``metrics.csv`` and ``config.yaml``; ``embeddings.parquet`` where
            features were kept.

    Returns:
        The run.

    Raises:
        DataError: If a file is missing or unreadable, or ``run.json`` lacks a key.
        PredictionsError: If a table breaks its schema.
    """
    facts = _read_facts(run_dir)
    if _is_broken_off(facts) and (run_dir / "predictions.parquet").is_file():
        raise DataError(
            f"The tables of {run_dir} were being replaced when the call that did it ended, so "
            f"nobody knows what they hold; `unmask evaluate run={run_dir}` writes them anew."
        )
    checkpoint = _checkpoint_of(run_dir, facts)
    if checkpoint != "chosen":
        for name in _OF_THE_CHOSEN:
            facts.pop(name, None)
    threshold_split = facts.pop("threshold_from", None) or "val"
    if threshold_split not in ("train", "val"):
        raise DataError(
            f"{run_dir / 'run.json'} takes the threshold from {threshold_split!r}; "
            "it must come from the split 'val' or 'train' of the data set trained on."
        )
    stores = {dataset: Path(folder) for dataset, folder in facts.pop("stores", {}).items()}
    facts.pop("metrics", None)  # of an earlier report; this one measures anew
    source_dataset = str(facts.pop("source_dataset"))
    embeddings = run_dir / "embeddings.parquet"
    return Run(
        run_dir=run_dir,
        name=str(facts.pop("name")),
        source_dataset=source_dataset,
        source_datasets=facts.pop("source_datasets", None) or [source_dataset],
        leak_allowed=bool(facts.get("leak_allowed", False)),
        checkpoint=checkpoint,
        threshold_split=threshold_split,
        facts=facts,
        stores=stores,
        predictions=read_predictions(run_dir / "predictions.parquet"),
        unscored=read_unscored(run_dir / "unscored.parquet"),
        curves=read_curves(run_dir / "metrics.csv"),
        embeddings=read_embeddings(embeddings) if embeddings.is_file() else None,
        recipe=read_recipe(run_dir),
    )


def _checkpoint_of(run_dir: Path, facts: dict[str, Any]) -> Checkpoint:
    """Compare the weights behind the tables with those that validation chose."""
    if facts.get("members_not_chosen"):
        return "other"
    if facts.get("members_not_confirmed"):
        return "unknown"
    if "best_checkpoint" not in facts:
        return "chosen"  # an ensemble, or tables made elsewhere: nothing else was there to score
    scored, chosen = facts.get("scored_checkpoint"), facts.get("best_checkpoint_hash")
    best = require_below(run_dir, facts["best_checkpoint"])
    if chosen is None and best.is_file():
        chosen = sha256_of_file(best)  # of a version that did not record it
    if scored is None or chosen is None:
        return "unknown"
    return "chosen" if scored == chosen else "other"


def read_curves(path: Path) -> pd.DataFrame:
    """Read what the CSV logger wrote, one row per epoch.

    The logger leaves gaps, because training and validation log at different steps; the last value
    of each metric within an epoch counts, so that a resumed epoch replaces the broken one.

    Args:
        path: ``metrics.csv`` with a column ``epoch``; may be absent or empty.

    Returns:
        Metrics as columns, sorted, epochs as index; no rows where nothing was logged.

    Raises:
        DataError: If the file is no such table.
    """
    if not path.is_file():
        return pd.DataFrame()
    try:
        logged = pd.read_csv(path)
    except EmptyDataError:
        return pd.DataFrame()
    except (ParserError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a readable CSV file: {error}.") from error
    if "epoch" not in logged:
        raise DataError(f"{path} has no column 'epoch'; it has {list(logged.columns)}.")
    by_epoch: pd.DataFrame = (
        logged.dropna(subset="epoch").astype({"epoch": int}).groupby("epoch").last()
    )
    metrics = by_epoch.drop(columns="step", errors="ignore").select_dtypes("number")
    return metrics.dropna(axis="columns", how="all").sort_index(axis="columns")


def _read_facts(run_dir: Path) -> dict[str, Any]:
    path = run_dir / "run.json"
    if not run_dir.is_dir():
        raise DataError(f"There is no run directory {run_dir}; `unmask train` makes one.")
    if not path.is_file():
        raise DataError(
            f"There is no run.json in {run_dir}; `unmask evaluate run={run_dir}` writes it."
        )
    try:
        facts = json.loads(path.read_text())
    except ValueError as error:
        raise DataError(f"{path} is not readable JSON: {error}.") from error
    missing = sorted({"name", "source_dataset"} - set(facts if isinstance(facts, dict) else ()))
    if missing:
        raise DataError(f"{path} lacks {missing}; `unmask evaluate run={run_dir}` writes it anew.")
    content: dict[str, Any] = facts
    return content

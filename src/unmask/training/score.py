"""From a trained detector to the tables of predictions that every number is read from."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
import pandas as pd
import torch

from unmask.data.dataset import ClipLayout, FaceClips
from unmask.data.splits import require_both_classes
from unmask.data.store import FaceStore
from unmask.evaluation.embeddings import EMBEDDINGS, read_embeddings, write_embeddings
from unmask.evaluation.predictions import (
    read_predictions,
    read_unscored,
    write_predictions,
    write_unscored,
)
from unmask.models.complexity import count_flops
from unmask.models.detector import ClipDetector
from unmask.runs.files import EMBEDDINGS_FILE, PREDICTIONS_FILE, UNSCORED_FILE
from unmask.runs.run import Run
from unmask.training.launch import join
from unmask.training.loader_processes import Workers
from unmask.training.ranks import agreed, is_rank_zero
from unmask.training.scores import KeptScores, ScoreFile, deciding_facts
from unmask.training.scoring import ScoredClips, score_clips
from unmask.training.task import ScoringTask


@dataclass(frozen=True)
class ScoredSplit:
    """A split of a data set to be scored.

    Attributes:
        store: The prepared data set.
        split: ``"train"``, ``"val"`` or ``"test"``.
    """

    store: FaceStore
    split: str


@dataclass(frozen=True)
class Outcome:
    """What was done about one split.

    Attributes:
        num_clips: Clips with a score.
        seconds: That scoring took; None where it was already scored.
        changed: What is not as when it was last scored; empty where it never was.
    """

    dataset: str
    split: str
    num_clips: int
    seconds: float | None
    changed: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in a sentence."""
        what = f"{self.dataset}, {self.split}: {self.num_clips:,} clips"
        if self.seconds is None:
            return f"{what}, already scored"
        why = f", because of other {', '.join(self.changed)}" if self.changed else ""
        speed = self.num_clips / max(self.seconds, 1e-9)
        return f"{what} scored in {self.seconds:,.1f} s ({speed:,.1f} clips/s){why}"


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found and did.

    Attributes:
        predictions: All that ``predictions.parquet`` now holds.
        outcomes: One per split asked for.
        scoring: How fast clips were scored and on what; empty where nothing was scored.
    """

    predictions: pd.DataFrame
    outcomes: list[Outcome]
    scoring: dict[str, Any]


def evaluate(
    detector: ClipDetector,
    splits: list[ScoredSplit],
    *,
    layout: ClipLayout,
    trainer: L.Trainer,
    batch_size: int,
    num_workers: Workers,
    run_dir: Path,
    checkpoint_hash: str,
    embeddings: bool = True,
) -> Evaluation:
    """Score splits and write ``predictions.parquet``, ``unscored.parquet``, ``embeddings.parquet``.

    What the run has scored before with the same weights, crops and settings is not scored again;
    see :mod:`unmask.training.scores`. Each split is kept as soon as it is scored; the tables are
    replaced when all are. Rows of other splits stay, if they come from the same weights.

    Args:
        splits: What to score; each needs both classes.
        layout: How tracks are cut into clips, as in training.
        trainer: Says on which device and in which precision.
        checkpoint_hash: SHA-256 of the file of the network's weights.
        embeddings: Also write the mean features of each video, where frames have features.

    Returns:
        What was found and done; nothing on all processes but rank zero, which writes the tables.

    Raises:
        DataError: If a split has no usable face, one class only, or an unreadable crop.
    """
    for item in splits:
        require_both_classes(item.store.videos, item.split)
    join(trainer)
    task = ScoringTask(detector)
    score = partial(
        score_clips,
        task,
        trainer=trainer,
        batch_size=batch_size,
        num_workers=num_workers,
        embeddings=embeddings,
    )
    kept: list[KeptScores] = []
    outcomes: list[Outcome] = []
    for item in splits:
        clips = FaceClips(item.store, item.split, layout=layout, image_size=detector.image_size)
        facts = deciding_facts(detector, clips, checkpoint_hash=checkpoint_hash, trainer=trainer)
        file = ScoreFile(run_dir, item.store.dataset, item.split, facts)
        scores, seconds, changed = _kept_or_scored(
            file, partial(score, clips), wants_vectors=embeddings and task.has_features
        )
        if scores is not None:
            kept.append(scores)
        outcomes.append(Outcome(item.store.dataset, item.split, len(clips), seconds, changed))
    if not is_rank_zero():
        return Evaluation(pd.DataFrame(), [], {})
    predictions = _publish(run_dir, splits, kept, checkpoint_hash)
    return Evaluation(predictions, outcomes, _speed_of(outcomes, trainer, batch_size, num_workers))


def _kept_or_scored(
    file: ScoreFile, score: Callable[[], ScoredClips | None], *, wants_vectors: bool
) -> tuple[KeptScores | None, float | None, tuple[str, ...]]:
    """Return a split's scores, the seconds that they took now, and what has changed since then.

    There are scores on rank zero alone, which decides for all whether they are needed.
    """
    found = file.read() if is_rank_zero() else None
    if agreed(found is not None and not (wants_vectors and found.embeddings is None)):
        return found, None, ()
    changed = ("embeddings",) if found is not None else tuple(file.why_anew())
    scored = score()
    if scored is None:
        return None, None, ()
    return file.write(scored), scored.seconds, changed


def operations_per_clip(detector: ClipDetector, num_frames: int) -> int:
    """Count the operations of one clip by running one; see :func:`count_flops`.

    Args:
        detector: In evaluation mode, on the CPU.
    """
    with torch.no_grad():
        return count_flops(detector, num_frames)


def _publish(
    run_dir: Path, splits: list[ScoredSplit], kept: list[KeptScores], checkpoint_hash: str
) -> pd.DataFrame:
    """Write the run's tables anew from what was scored and what they hold of other splits."""
    run = Run(run_dir)
    tables = {
        PREDICTIONS_FILE: [one.predictions for one in kept],
        UNSCORED_FILE: [item.store.unscored(item.split) for item in splits],
        EMBEDDINGS_FILE: [one.embeddings for one in kept if one.embeddings is not None],
    }
    with run.edit() as write:
        if run.is_finished and run.card.scored_checkpoint == checkpoint_hash:
            for name, parts in tables.items():
                parts += _of_other_splits(run_dir / name, splits)
        elif run.is_finished:
            # A call that is killed between the tables leaves none that are believed.
            write(scored_checkpoint=None)
        predictions = pd.concat(tables[PREDICTIONS_FILE], ignore_index=True)
        _write_vectors(run_dir / EMBEDDINGS_FILE, tables[EMBEDDINGS_FILE])
        unscored = pd.concat(tables[UNSCORED_FILE], ignore_index=True)
        write_unscored(run_dir / UNSCORED_FILE, unscored)
        write_predictions(run_dir / PREDICTIONS_FILE, predictions)
        if run.is_finished:
            write(scored_checkpoint=checkpoint_hash)
    return predictions


def _of_other_splits(path: Path, splits: list[ScoredSplit]) -> list[pd.DataFrame]:
    """Return what a table holds of splits that are not asked for; nothing where there is none."""
    if not path.is_file():
        return []
    readers = {PREDICTIONS_FILE: read_predictions, UNSCORED_FILE: read_unscored}
    table = readers.get(path.name, read_embeddings)(path)
    asked = {(item.store.dataset, item.split) for item in splits}
    keys = zip(table["dataset"], table["split"], strict=True)
    return [table[[key not in asked for key in keys]]]


def _write_vectors(path: Path, tables: list[pd.DataFrame]) -> None:
    """Write what describes videos; without any, leave no file that is of other weights."""
    vectors = [table for table in tables if len(table)]
    if vectors:
        write_embeddings(path, pd.concat(vectors, ignore_index=True)[EMBEDDINGS.names])
    else:
        path.unlink(missing_ok=True)


def _speed_of(
    outcomes: list[Outcome], trainer: L.Trainer, batch_size: int, num_workers: Workers
) -> dict[str, Any]:
    """Describe how fast clips were read and scored together; empty where none were."""
    timed = [(one.num_clips, one.seconds) for one in outcomes if one.seconds is not None]
    if not timed:
        return {}
    num_clips, seconds = sum(count for count, _ in timed), sum(time for _, time in timed)
    device = trainer.strategy.root_device
    name = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    )
    return {
        "clips_per_second": num_clips / max(seconds, 1e-9),
        "num_clips": num_clips,
        "device": name,
        "precision": str(trainer.precision),
        "batch_size": batch_size,
        "num_workers": num_workers,
    }

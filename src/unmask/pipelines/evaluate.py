"""From a trained detector to the tables of predictions that every number is read from."""

from dataclasses import dataclass
from pathlib import Path

import lightning as L  # noqa: N812 - the library's own convention
import pandas as pd

from unmask.data.dataset import ClipLayout, FaceClips
from unmask.data.splits import require_both_classes
from unmask.data.store import FaceStore
from unmask.evaluation.predictions import (
    read_predictions,
    read_unscored,
    write_predictions,
    write_unscored,
)
from unmask.models.tall import AnyDetector
from unmask.training.scoring import score_clips
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


def evaluate(
    detector: AnyDetector,
    splits: list[ScoredSplit],
    *,
    layout: ClipLayout,
    trainer: L.Trainer,
    batch_size: int,
    num_workers: int,
    run_dir: Path,
    keep_others: bool = False,
) -> pd.DataFrame:
    """Score splits and write ``predictions.parquet`` and ``unscored.parquet``.

    Args:
        detector: A trained network.
        splits: What to score; each needs both classes.
        layout: How tracks are cut into clips, as in training.
        trainer: Says on which device and in which precision.
        batch_size: Clips per batch.
        num_workers: Loader processes.
        run_dir: Where the tables go.
        keep_others: Keep what the tables there say of other splits, made with the same weights.

    Returns:
        The predictions, one row per clip.

    Raises:
        DataError: If a split has no usable face, one class only, or an unreadable crop.
    """
    for item in splits:
        require_both_classes(item.store.videos, item.split)
    task = ScoringTask(detector)
    tables = [
        score_clips(
            task,
            FaceClips(item.store, item.split, layout=layout, image_size=detector.image_size),
            trainer=trainer,
            batch_size=batch_size,
            num_workers=num_workers,
        )
        for item in splits
    ]
    unscored_tables = [item.store.unscored(item.split) for item in splits]
    predictions_path = run_dir / "predictions.parquet"
    unscored_path = run_dir / "unscored.parquet"
    if keep_others and predictions_path.is_file():
        tables.append(_of_other_splits(read_predictions(predictions_path), splits))
        unscored_tables.append(_of_other_splits(read_unscored(unscored_path), splits))
    predictions = pd.concat(tables, ignore_index=True)
    write_predictions(predictions_path, predictions)
    write_unscored(unscored_path, pd.concat(unscored_tables, ignore_index=True))
    return predictions


def _of_other_splits(table: pd.DataFrame, splits: list[ScoredSplit]) -> pd.DataFrame:
    scored = {(item.store.dataset, item.split) for item in splits}
    keys = zip(table["dataset"], table["split"], strict=True)
    return table[[key not in scored for key in keys]]

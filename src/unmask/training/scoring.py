"""Scoring clips with a trained detector."""

import lightning as L  # noqa: N812 - the library's own convention
import pandas as pd
import torch

from unmask.data.dataset import FaceClips
from unmask.training.datamodule import make_loader
from unmask.training.task import ScoringTask


def score_clips(
    task: ScoringTask,
    clips: FaceClips,
    *,
    trainer: L.Trainer,
    batch_size: int,
    num_workers: int,
) -> pd.DataFrame:
    """Score every clip of a split.

    Args:
        task: The trained detector.
        clips: What to score.
        trainer: Says on which device and in which precision; with one device.
        batch_size: Clips per batch.
        num_workers: Loader processes.

    Returns:
        The prediction table's columns, one row per clip in the order of the clips.
    """
    loader = make_loader(clips, batch_size=batch_size, num_workers=num_workers)
    batches = trainer.predict(task, loader, return_predictions=True)
    assert batches is not None
    rows, scores = (torch.cat(column) for column in zip(*batches, strict=True))
    assert rows.tolist() == list(range(len(clips)))
    # The softmax of float32 can end a rounding error outside of [0, 1] once it is widened.
    table = clips.clips.assign(score=scores.double().clamp(0, 1).numpy())
    result: pd.DataFrame = table.drop(columns=["crop_paths", "original"])
    return result

"""Scoring clips with a trained detector."""

import time
from dataclasses import dataclass

import lightning as L  # noqa: N812 - the library's own convention
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from unmask.data.dataset import FaceClips
from unmask.evaluation.embeddings import embedding_rows
from unmask.evaluation.predictions import VIDEO_KEY
from unmask.training.datamodule import feeds_gpu, make_loader
from unmask.training.loader_processes import Workers
from unmask.training.task import ScoringTask


@dataclass(frozen=True)
class ScoredClips:
    """What a detector said of a split.

    Attributes:
        predictions: The prediction table's columns, one row per clip in the order of the clips.
        embeddings: As :data:`unmask.evaluation.embeddings.EMBEDDINGS`; None where they were not
            asked for or the network has none.
        seconds: Wall time of loading and scoring.
    """

    predictions: pd.DataFrame
    embeddings: pd.DataFrame | None
    seconds: float


def score_clips(
    task: ScoringTask,
    clips: FaceClips,
    *,
    trainer: L.Trainer,
    batch_size: int,
    num_workers: Workers,
    embeddings: bool = False,
) -> ScoredClips:
    """Score every clip of a split.

    Args:
        task: The trained detector.
        clips: What to score.
        trainer: Says on which device and in which precision; with one device.
        batch_size: Clips per batch.
        num_workers: Loader processes.
        embeddings: Also describe each video, from the same pass through the network.
    """
    loader = make_loader(
        clips, batch_size=batch_size, num_workers=num_workers, for_gpu=feeds_gpu(trainer)
    )
    means = VideoMeans(clips.clips) if embeddings and task.has_features else None
    task.take_features = None if means is None else means.add
    start = time.perf_counter()
    batches = trainer.predict(task, loader, return_predictions=True)
    seconds = time.perf_counter() - start
    assert batches is not None
    rows, scores = (torch.cat(column) for column in zip(*batches, strict=True))
    assert rows.tolist() == list(range(len(clips)))
    # The softmax of float32 can end a rounding error outside of [0, 1] once it is widened.
    table = clips.clips.assign(score=scores.double().clamp(0, 1).numpy())
    return ScoredClips(
        predictions=table.drop(columns=["crop_paths", "original"]),
        embeddings=None if means is None else means.table(),
        seconds=seconds,
    )


class VideoMeans:
    """Means of features over all frames of each video, gathered clip by clip.

    Args:
        clips: One row per clip with the columns of the prediction table but the score.
    """

    def __init__(self, clips: pd.DataFrame) -> None:
        self._clips = clips
        videos = clips.groupby(VIDEO_KEY, sort=False)
        self._video_of_row = torch.tensor(videos.ngroup().to_numpy(np.int64))
        self._num_frames = torch.tensor(videos["num_frames"].sum().to_numpy(np.float32))
        self._sums: Tensor | None = None

    def add(self, rows: Tensor, sums: Tensor) -> None:
        """Add clips.

        Args:
            rows: Where each clip stands in the table, ``(batch,)``.
            sums: Their features, summed over the frames, ``(batch, features)``, float32.
        """
        if self._sums is None:
            self._sums = sums.new_zeros(len(self._num_frames), sums.shape[1])
        self._sums.index_add_(0, self._video_of_row[rows], sums)

    def table(self) -> pd.DataFrame:
        """Return the means, one row per video."""
        assert self._sums is not None
        means = self._sums / self._num_frames[:, None]
        return embedding_rows(self._clips, means.numpy())

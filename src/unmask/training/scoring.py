"""Scoring clips with a trained detector."""

import time
from dataclasses import dataclass

import lightning as L  # noqa: N812 - the library's own convention
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from unmask.data.dataset import FaceClips
from unmask.data.requests import RequestsInOrder, Share
from unmask.evaluation.embeddings import embedding_rows
from unmask.evaluation.predictions import VIDEO_KEY
from unmask.training.datamodule import feeds_gpu, make_loader
from unmask.training.loader_processes import Workers
from unmask.training.ranks import gathered, is_rank_zero
from unmask.training.task import ScoringTask


@dataclass(frozen=True)
class ScoredClips:
    """A detector's scores of a split.

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
) -> ScoredClips | None:
    """Score every clip of a split, over several processes each its share.

    Args:
        task: The trained detector.
        trainer: Says on which devices and in which precision; not one that spawns processes.
        embeddings: Also describe each video, from the same pass through the network.

    Returns:
        The scores; None on all processes but rank zero.
    """
    share = Share(batch_size, trainer.global_rank, trainer.world_size)
    loader = make_loader(
        clips,
        batch_size=batch_size,
        num_workers=num_workers,
        sampler=RequestsInOrder(len(clips), share) if share.num_ranks > 1 else None,
        for_gpu=feeds_gpu(trainer),
    )
    means = VideoMeans(clips.clips) if embeddings and task.has_features else None
    sums = _Sums() if share.num_ranks > 1 and means is not None else None
    task.take_features = getattr(sums or means, "add", None)
    start = time.perf_counter()
    batches = trainer.predict(task, loader, return_predictions=True)
    assert batches is not None
    rows, scores = (torch.cat(column) for column in zip(*batches, strict=True))
    if share.num_ranks > 1:
        rows, scores, all_sums = _of_all_ranks(rows, scores, sums)
        if not is_rank_zero():
            return None
        if means is not None:
            means.add(rows, all_sums)
    seconds = time.perf_counter() - start
    assert rows.tolist() == list(range(len(clips)))
    # The softmax of float32 can end a rounding error outside of [0, 1] once it is widened.
    table = clips.clips.assign(score=scores.double().clamp(0, 1).numpy())
    return ScoredClips(
        predictions=table.drop(columns=["crop_paths", "original"]),
        embeddings=None if means is None else means.table(),
        seconds=seconds,
    )


class _Sums:
    """Features of the clips of one process, kept until those of all are joined."""

    def __init__(self) -> None:
        self._parts: list[Tensor] = []

    def add(self, rows: Tensor, sums: Tensor) -> None:  # noqa: ARG002 - as of VideoMeans
        """Add clips; see :meth:`VideoMeans.add`."""
        self._parts.append(sums)

    def joined(self) -> Tensor:
        """Return the features, ``(clips, features)``."""
        return torch.cat(self._parts)


def _of_all_ranks(
    rows: Tensor, scores: Tensor, sums: _Sums | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Join on rank zero what every rank scored, in the order of the rows, each row once.

    Returns:
        Rows and scores, ``(clips,)``, and features, ``(clips, features)``; nothing elsewhere.
    """
    own = (rows, scores, torch.empty(len(rows), 0) if sums is None else sums.joined())
    parts = gathered(own) or [own]
    all_rows, *columns = (torch.cat(column) for column in zip(*parts, strict=True))
    # A rank that would have had nothing to do in the last batch has scored clips of another.
    unique, first = np.unique(all_rows.numpy(), return_index=True)
    all_scores, all_sums = (column[first] for column in columns)
    return torch.from_numpy(unique), all_scores, all_sums


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

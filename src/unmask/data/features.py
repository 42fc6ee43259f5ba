"""Clips of features, which a frozen backbone computed once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from unmask.data.batch import Clip
from unmask.data.dataset import ClipRequest, FaceClips, read_crop


@dataclass(frozen=True)
class FeatureTable:
    """The features of a data set's crops.

    Attributes:
        values: ``(crops, features)``, float32; it may lie on disk.
        rows: Row of each crop by its path in the store.
    """

    values: NDArray[np.float32]
    rows: dict[str, int]

    @classmethod
    def open(cls, folder: Path) -> "FeatureTable":
        """Open what :func:`unmask.training.feature_cache.cached_features` left in a folder."""
        paths = pd.read_parquet(folder / "crops.parquet")["crop_path"]
        values = np.load(folder / "features.npy", mmap_mode="r")
        return cls(values, {path: row for row, path in enumerate(paths)})


class FeatureClips(Dataset[Clip]):
    """The clips of one split with features in the place of frames.

    A :class:`~unmask.data.batch.Clip`'s ``frames`` are then ``(frames, features)``, float32.

    Args:
        clips: The same clips with frames.
        table: The features of each of their crops.

    Attributes:
        clips: As of :class:`FaceClips`.
    """

    def __init__(self, clips: FaceClips, table: FeatureTable) -> None:
        self.clips = clips.clips
        self.labels = clips.labels
        self.table = table
        self._rows = [
            np.array([table.rows[path] for path in paths]) for paths in self.clips["crop_paths"]
        ]

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, request: int | ClipRequest) -> Clip:
        """Load a clip; there is nothing to augment."""
        row = request.row if isinstance(request, ClipRequest) else request
        frames = torch.from_numpy(self.table.values[self._rows[row]])
        return Clip(frames, self.labels[row], row)


class Crops(Dataset[Clip]):
    """Single crops, each as a clip of one frame.

    Args:
        paths: Paths of the crops, below the folder.
        image_size: Side in pixels that the backbone takes.
    """

    def __init__(self, folder: Path, paths: list[str], image_size: int) -> None:
        self.folder = folder
        self.paths = paths
        self.image_size = image_size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Clip:
        """Load a crop; its label is not asked for."""
        image = read_crop(self.folder / self.paths[row], self.image_size)
        frame: Tensor = torch.from_numpy(image).permute(2, 0, 1).contiguous()
        return Clip(frame[None], 0, row)

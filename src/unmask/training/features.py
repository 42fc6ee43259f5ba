"""Running a frozen backbone once over every crop."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
import numpy as np
from lightning.pytorch.callbacks import BasePredictionWriter
from numpy.lib.format import open_memmap
from torch import Tensor

from unmask.data.batch import ClipBatch
from unmask.models.detector import Detector


class EncodingTask(L.LightningModule):
    """Describe crops with a detector's backbone.

    Args:
        detector: Its backbone is frozen; its head is not asked.
    """

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def predict_step(self, batch: ClipBatch, batch_index: int) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - Lightning's signature
        """Return the crops' rows, ``(batch,)``, and features, ``(batch, features)``."""
        features = self.detector.encode(batch.frames, batch.is_frame)[:, 0]
        return batch.rows.cpu(), features.float().cpu()


class FeatureWriter(BasePredictionWriter):
    """Write features as they come, so that they need not fit into memory.

    Args:
        path: The ``.npy`` file to make.
        shape: Crops and features per crop.
    """

    def __init__(self, path: Path, shape: tuple[int, int]) -> None:
        super().__init__(write_interval="batch")
        self._values = open_memmap(path, mode="w+", dtype=np.float32, shape=shape)

    def write_on_batch_end(
        self,
        trainer: L.Trainer,  # noqa: ARG002 - Lightning's signature
        pl_module: L.LightningModule,  # noqa: ARG002
        prediction: Any,  # noqa: ANN401
        batch_indices: Sequence[int] | None,  # noqa: ARG002
        batch: ClipBatch,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int,  # noqa: ARG002
    ) -> None:
        """Put a batch in its place."""
        rows, features = prediction
        self._values[rows.numpy()] = features.numpy()

    def close(self) -> None:
        """Write to disk what is not there yet."""
        self._values.flush()

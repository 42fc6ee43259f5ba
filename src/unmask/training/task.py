"""The Lightning module that fits a detector."""

import math
from collections.abc import Callable
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from unmask.data.batch import ClipBatch
from unmask.data.dataset import BlendedClips, FaceClips
from unmask.evaluation.aggregate import video_scores
from unmask.evaluation.metrics import roc_auc
from unmask.models.detector import Detector, fake_scores
from unmask.models.tall import AnyDetector


class ScoringTask(L.LightningModule):
    """Score clips with a trained detector.

    Args:
        detector: The network.

    Attributes:
        take_features: Is given the clips' rows, ``(batch,)``, and what the backbone says of their
            frames, summed over each clip, ``(batch, features)``, float32, both on the CPU; None
            gives them to nobody. It comes from the pass that gives the scores.
    """

    def __init__(self, detector: AnyDetector) -> None:
        super().__init__()
        self.detector = detector
        self.take_features: Callable[[Tensor, Tensor], None] | None = None

    @property
    def has_features(self) -> bool:
        """Whether the network describes single frames before it scores a clip."""
        return isinstance(self.detector, Detector)

    def predict_step(self, batch: ClipBatch, batch_index: int) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - Lightning's signature
        """Return the clips' rows and their scores, ``(batch,)`` each, on the CPU."""
        rows = batch.rows.cpu()
        if self.take_features is None or not isinstance(self.detector, Detector):
            logits = self.detector(batch.frames, batch.is_frame)
        else:
            # The same two steps as the detector's own forward pass.
            features = self.detector.encode(batch.frames, batch.is_frame)
            logits = self.detector.head(features, batch.is_frame)
            # Zeros stand at padding. Half precision is left before adding up.
            self.take_features(rows, features.float().sum(dim=1).cpu())
        return rows, fake_scores(logits).cpu()


class DetectionTask(L.LightningModule):
    """Fit a detector on the training split and watch the validation split; never a test split.

    Logs ``train/loss`` and ``val/loss`` (mean over clips) and ``val/video_auc`` (ROC AUC over
    videos, a video's score being the mean over its clips).

    Args:
        detector: The network.
        loss: Maps logits ``(batch, 2)`` and labels ``(batch,)`` to a scalar.
        make_optimizer: Builds the optimiser from the trainable parameters.
        make_scheduler: Builds the learning-rate schedule, stepped once per epoch; None keeps the
            rate.
        provenance: What a checkpoint must carry to be rebuilt and believed; see
            :mod:`unmask.training.checkpoint`.
        reads_features: Batches hold what the frozen backbone says of each frame, and only the head
            is run.
    """

    def __init__(
        self,
        detector: AnyDetector,
        *,
        loss: nn.Module,
        make_optimizer: Callable[[list[nn.Parameter]], Optimizer],
        make_scheduler: Callable[[Optimizer], LRScheduler] | None,
        provenance: dict[str, Any],
        reads_features: bool = False,
    ) -> None:
        super().__init__()
        self.reads_features = reads_features
        self.detector = detector
        self.loss = loss
        self.make_optimizer = make_optimizer
        self.make_scheduler = make_scheduler
        self.provenance = provenance
        self._val_outputs: list[tuple[Tensor, Tensor]] = []

    def training_step(self, batch: ClipBatch, batch_index: int) -> Tensor:  # noqa: ARG002 - Lightning's signature
        """Return the loss of one batch."""
        loss: Tensor = self.loss(self._logits(batch), batch.labels)
        self.log(
            "train/loss", loss, on_step=False, on_epoch=True, prog_bar=True,
            batch_size=len(batch.labels), sync_dist=True,
        )  # fmt: skip
        return loss

    def validation_step(self, batch: ClipBatch, batch_index: int) -> None:  # noqa: ARG002 - Lightning's signature
        """Score one batch and keep the scores for the epoch's AUC."""
        logits = self._logits(batch)
        self.log(
            "val/loss", self.loss(logits, batch.labels), on_epoch=True, prog_bar=True,
            batch_size=len(batch.labels), sync_dist=True,
        )  # fmt: skip
        self._val_outputs.append((batch.rows, fake_scores(logits)))

    def _logits(self, batch: ClipBatch) -> Tensor:
        network = self.detector.get_submodule("head") if self.reads_features else self.detector
        logits: Tensor = network(batch.frames, batch.is_frame)
        return logits

    def on_validation_epoch_end(self) -> None:
        """Log the AUC over the validation videos."""
        rows, scores = (torch.cat(column) for column in zip(*self._val_outputs, strict=True))
        self._val_outputs.clear()
        if self.trainer.world_size > 1:
            rows, scores = (self._gathered(column) for column in (rows, scores))
        # Lightning's distributed sampler repeats clips to even out the processes: each counts once.
        unique_rows, first = np.unique(rows.cpu().numpy(), return_index=True)
        table = (
            self._val_clips().iloc[unique_rows].assign(score=scores.double().cpu().numpy()[first])
        )
        videos = video_scores(table)
        labels = videos["label"].to_numpy()
        # A validation that trainer.limit_val_batches cuts short can hold one class only.
        is_cut = len(unique_rows) < len(self._val_clips()) and len(set(labels)) == 1
        auc = math.nan if is_cut else roc_auc(labels, videos["score"].to_numpy())
        self.log("val/video_auc", auc, prog_bar=True, rank_zero_only=False, sync_dist=False)

    def _gathered(self, column: Tensor) -> Tensor:
        """Join what every process holds, ``(batch,)`` each."""
        joined = self.all_gather(column)
        assert isinstance(joined, Tensor)
        return joined.flatten()

    def _val_clips(self) -> Any:  # noqa: ANN401 - a pandas frame, whose stubs do not know assign's result
        loader: Any = self.trainer.val_dataloaders
        dataset = loader.dataset
        assert isinstance(dataset, FaceClips | BlendedClips)
        return dataset.clips

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's union of six types
        """Build the optimiser over what is trainable, and its schedule."""
        trainable = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = self.make_optimizer(trainable)
        if self.make_scheduler is None:
            return optimizer
        scheduler = self.make_scheduler(optimizer)
        # Only ReduceLROnPlateau looks at a metric: at the one that its mode fits.
        monitor = "val/video_auc" if getattr(scheduler, "mode", "min") == "max" else "val/loss"
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "epoch", "monitor": monitor},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what the weights alone do not say."""
        checkpoint["unmask"] = self.provenance

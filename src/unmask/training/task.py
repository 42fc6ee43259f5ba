"""The Lightning module that fits a detector."""

from collections.abc import Callable
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC
from torchmetrics.utilities.distributed import gather_all_tensors

from unmask.data.batch import NOT_COUNTED, ClipBatch
from unmask.data.dataset import BlendedClips, FaceClips
from unmask.evaluation.predictions import VIDEO_KEY
from unmask.models.detector import ClipDetector, FrameDetector, fake_scores
from unmask.training.metrics import VideoAUROC
from unmask.training.ranks import are_several


class ScoringTask(L.LightningModule):
    """Score clips with a trained detector.

    Attributes:
        take_features: Is given the clips' rows, ``(batch,)``, and the features of their frames,
            summed over each clip, ``(batch, features)``, float32, both on the CPU; None
            gives them to nobody. The features come from the pass that gives the scores.
    """

    def __init__(self, detector: ClipDetector) -> None:
        super().__init__()
        self.detector = detector
        self.take_features: Callable[[Tensor, Tensor], None] | None = None

    @property
    def has_features(self) -> bool:
        """Whether the network describes single frames before it scores a clip."""
        return isinstance(self.detector, FrameDetector)

    def predict_step(self, batch: ClipBatch, batch_index: int) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - Lightning's signature
        """Return the clips' rows and their scores, ``(batch,)`` each, on the CPU."""
        rows = batch.rows.cpu()
        if self.take_features is None or not isinstance(self.detector, FrameDetector):
            logits = self.detector(batch.frames, batch.is_frame)
        else:
            # The same two steps as the detector's own forward pass.
            features = self.detector.encode(batch.frames, batch.is_frame)
            logits = self.detector.classify(features, batch.is_frame)
            # Zeros stand at padding. Half precision is left before adding up.
            self.take_features(rows, features.float().sum(dim=1).cpu())
        return rows, fake_scores(logits).cpu()


class DetectionTask(L.LightningModule):
    """Fit a detector on the training split and watch the validation split; never a test split.

    Logs ``train/loss`` and ``val/loss`` (mean over clips); ``val/video_auc`` (ROC AUC over videos,
    a video's score being the mean over its clips); and over single clips ``val/clip_accuracy``, at
    the threshold 0.5, and ``val/clip_auc``.

    Over several processes a batch is theirs together: a loss that weighs the clips of a batch
    against each other gives what it gives in one process with as large a batch.

    Args:
        loss: Maps logits ``(batch, 2)`` and labels ``(batch,)`` to a scalar.
        make_optimizer: Builds the optimiser from the trainable parameters.
        make_scheduler: Builds the learning-rate schedule, stepped once per epoch; None keeps the
            rate.
        provenance: What a checkpoint must carry to be rebuilt and believed; see
            :mod:`unmask.training.checkpoint`.
        reads_features: Batches hold the frozen backbone's features, and only the head
            is run.
    """

    def __init__(
        self,
        detector: ClipDetector,
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
        self.val_metrics = nn.ModuleDict(
            {
                "video_auc": VideoAUROC(),
                "clip_accuracy": BinaryAccuracy(),
                "clip_auc": BinaryAUROC(),
            }
        )
        self._video_of_clip: Tensor | None = None

    def training_step(self, batch: ClipBatch, batch_index: int) -> Tensor:  # noqa: ARG002 - Lightning's signature
        """Return the loss of one batch."""
        loss = self._loss_of(self._logits(batch), batch)
        self.log(
            "train/loss", loss, on_step=False, on_epoch=True, prog_bar=True,
            batch_size=_num_counted(batch), sync_dist=True,
        )  # fmt: skip
        # Each process has the gradient of its own clips, and DDP takes the mean over processes.
        return loss * self.trainer.world_size if self.trainer.world_size > 1 else loss

    def validation_step(self, batch: ClipBatch, batch_index: int) -> None:  # noqa: ARG002 - Lightning's signature
        """Score one batch and keep the scores for the epoch's metrics."""
        logits = self._logits(batch)
        self.log(
            "val/loss", self._loss_of(logits, batch), on_epoch=True, prog_bar=True,
            batch_size=_num_counted(batch), sync_dist=True,
        )  # fmt: skip
        counts = batch.rows != NOT_COUNTED
        rows, labels = batch.rows[counts], batch.labels[counts]
        scores = fake_scores(logits)[counts]
        if len(rows) == 0:
            return
        self._metric("video_auc").update(scores, labels, self._videos_of(rows), rows)
        for name in ("clip_accuracy", "clip_auc"):
            self._metric(name).update(scores.clamp(0, 1), labels)

    def _logits(self, batch: ClipBatch) -> Tensor:
        if self.reads_features:
            assert isinstance(self.detector, FrameDetector)  # others have no features to keep
            return self.detector.classify(batch.frames, batch.is_frame)
        return self.detector(batch.frames, batch.is_frame)

    def _loss_of(self, logits: Tensor, batch: ClipBatch) -> Tensor:
        """Return the loss of a batch of all processes, of which this one has a share."""
        labels = batch.labels
        if are_several():
            counts = batch.rows != NOT_COUNTED
            parts = gather_all_tensors(logits.detach()[counts])
            parts[self.global_rank] = logits[counts]
            logits, labels = torch.cat(parts), torch.cat(gather_all_tensors(labels[counts]))
        loss: Tensor = self.loss(logits, labels)
        return loss

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's metrics, the same on every process."""
        video_auc = self._metric("video_auc").compute()
        self.log("val/video_auc", video_auc, prog_bar=True, sync_dist=True)
        self.log("val/clip_accuracy", self._metric("clip_accuracy").compute(), sync_dist=True)
        # With one class, where validation is cut short, torchmetrics would call the area 0.
        has_both_classes = not bool(video_auc.isnan())
        clip_auc = self._metric("clip_auc").compute() if has_both_classes else video_auc
        self.log("val/clip_auc", clip_auc, sync_dist=True)
        for name in self.val_metrics:
            self._metric(name).reset()

    def _metric(self, name: str) -> Any:  # noqa: ANN401 - torchmetrics' update takes anything
        return self.val_metrics[name]

    def _videos_of(self, rows: Tensor) -> Tensor:
        """Return a number of the video of each clip, ``(batch,)``."""
        if self._video_of_clip is None:
            loader: Any = self.trainer.val_dataloaders
            assert isinstance(loader.dataset, FaceClips | BlendedClips)
            numbers = loader.dataset.clips.groupby(VIDEO_KEY, sort=False).ngroup()
            self._video_of_clip = torch.tensor(numbers.to_numpy(np.int64), device=rows.device)
        return self._video_of_clip[rows]

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


def _num_counted(batch: ClipBatch) -> int:
    """Return how many clips this process adds to the batch of all processes."""
    return int((batch.rows != NOT_COUNTED).sum())

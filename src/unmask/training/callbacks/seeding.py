"""Randomness that a resumed run repeats."""

import lightning as L  # noqa: N812 - the library's own convention
import torch
from lightning.pytorch.callbacks import Callback

from unmask.core.reproducibility import derive_seed
from unmask.data.batch import ClipBatch


class BatchSeed(Callback):
    """Seed each step's random draws, e.g. dropout, from the run's seed, the epoch and the batch.

    A checkpoint does not hold the state of the random generators; with this it does not need to:
    a resumed run draws what an uninterrupted one would have drawn. Once per epoch would not do,
    because the loaders draw from the same generator at moments that differ between the two.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,  # noqa: ARG002 - Lightning's signature
        batch: ClipBatch,  # noqa: ARG002 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Seed PyTorch on every device, differently on each process."""
        place = (trainer.current_epoch, batch_idx, trainer.global_rank)
        torch.manual_seed(derive_seed(self.seed, "step", *place))

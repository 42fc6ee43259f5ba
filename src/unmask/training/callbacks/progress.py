"""What a person sees while a run trains."""

import logging

import lightning as L  # noqa: N812 - the library's own convention
from lightning.pytorch.callbacks import Callback

_log = logging.getLogger(__name__)


class EpochLines(Callback):
    """Log one line per epoch; beside the progress bar, which leaves nothing behind."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002 - Lightning's signature
        """Log the epoch's metrics, once for all processes."""
        if not trainer.is_global_zero:
            return
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        shown = ", ".join(f"{name} {value:.4f}" for name, value in sorted(metrics.items()))
        _log.info("epoch %d of %s: %s", trainer.current_epoch + 1, trainer.max_epochs, shown)

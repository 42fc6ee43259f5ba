"""Learning-rate schedules that take more than one of torch's."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

from unmask.core.errors import ConfigError


def make_warmup_cosine(
    optimizer: Optimizer,
    *,
    epochs: int,
    warmup_epochs: int = 2,
    start_factor: float = 0.1,
    eta_min: float = 0.0,
) -> SequentialLR:
    """Raise the learning rate linearly, then lower it along half a cosine.

    The first epoch runs at ``start_factor`` of the optimiser's rate, epoch ``warmup_epochs``
    (counted from 0) at the whole of it; ``eta_min`` would be that of the epoch behind the last.

    Args:
        optimizer: Its learning rates are the peak.
        epochs: All of them, the first ones included.
        warmup_epochs: Epochs below the peak, at least 1.
        start_factor: Where the first epoch starts, as a share of the peak, in (0, 1].
        eta_min: Where the cosine ends.

    Raises:
        ConfigError: If no epoch remains for the cosine, or there is none to warm up in.
    """
    if not 1 <= warmup_epochs < epochs:
        raise ConfigError(
            f"scheduler.warmup_epochs={warmup_epochs} must be at least 1 and below the run's "
            f"{epochs} epochs. Change it or trainer.max_epochs, or choose scheduler=cosine."
        )
    return SequentialLR(
        optimizer,
        [
            LinearLR(optimizer, start_factor=start_factor, total_iters=warmup_epochs),
            CosineAnnealingLR(optimizer, T_max=epochs - warmup_epochs, eta_min=eta_min),
        ],
        milestones=[warmup_epochs],
    )

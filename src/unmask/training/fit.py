"""One training run: from a store of face crops to the checkpoint that validation chose."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import Logger
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from unmask.core.errors import ConfigError
from unmask.models.detector import count_parameters
from unmask.models.losses import class_weights
from unmask.models.tall import AnyDetector
from unmask.runs.files import CHECKPOINTS_DIR
from unmask.training.callbacks.checkpointing import BestCheckpoint
from unmask.training.callbacks.seeding import BatchSeed
from unmask.training.checkpoint import Provenance, check_resumable, read_checkpoint
from unmask.training.curves import carry_curves
from unmask.training.datamodule import ClipDataModule
from unmask.training.launch import join
from unmask.training.ranks import on_rank_zero, wait_for_all
from unmask.training.task import DetectionTask
from unmask.training.tracking import Tracking


@dataclass(frozen=True)
class Recipe:
    """How a detector is fitted.

    Attributes:
        make_loss: Builds the loss from the classes' weights.
        make_optimizer: Builds the optimiser from the trainable parameters.
        make_scheduler: Builds the learning-rate schedule; None keeps the rate.
        make_trainer: Builds the trainer from ``run_dir``, ``callbacks`` and ``loggers``.
        callbacks: With one :class:`BestCheckpoint`, which chooses the epoch.
        make_loggers: Each builds a logger from ``run_dir``.
        seed: Of everything random.
    """

    make_loss: Callable[[Tensor], nn.Module]
    make_optimizer: Callable[[list[nn.Parameter]], Optimizer]
    make_scheduler: Callable[[Optimizer], LRScheduler] | None
    make_trainer: Callable[..., L.Trainer]
    callbacks: list[Callback]
    make_loggers: list[Callable[..., Logger]]
    seed: int


@dataclass(frozen=True)
class TrainSummary:
    """What a training run left.

    Attributes:
        best_checkpoint: Weights of the epoch that validation chose.
        best_epoch: That epoch, from 0.
        val_video_auc: Its ROC AUC over the validation videos.
        num_parameters: Of the network.
        num_trainable: Of those, how many were trained.
    """

    best_checkpoint: Path
    best_epoch: int
    val_video_auc: float
    num_parameters: int
    num_trainable: int


def build_seeded(make_detector: Callable[[], AnyDetector], seed: int) -> AnyDetector:
    """Build a network whose initial weights the seed alone decides.

    Args:
        make_detector: Builds the network.
        seed: The run's seed.

    Raises:
        ConfigError: If the network cannot be built.
        CheckpointError: If its first weights cannot be had.
    """
    L.seed_everything(seed, workers=True, verbose=False)
    return make_detector()


def train(
    detector: AnyDetector,
    data: ClipDataModule,
    recipe: Recipe,
    *,
    provenance: Provenance,
    run_dir: Path,
    config: dict[str, Any],
    resume: Path | None = None,
    tracking: Tracking | None = None,
) -> TrainSummary:
    """Fit a detector on the training split; the validation split chooses the epoch.

    Args:
        detector: The network, fitted in place.
        data: Training and validation clips.
        recipe: How to fit.
        provenance: What each checkpoint says of itself.
        run_dir: Where checkpoints and metrics go.
        config: The resolved configuration, for the loggers.
        resume: A ``last.ckpt`` to continue; the result equals that of an uninterrupted run.
        tracking: Takes over the loggers, for the caller to close; None closes them here.

    Raises:
        CheckpointError: If ``resume`` is damaged or of another model, data set, seed or recipe.
        ConfigError: If no callback chooses a checkpoint.
        DataError: If the data cannot be trained on.
    """
    checkpointing = _best_checkpoint(recipe.callbacks, run_dir)
    if resume is not None:
        checkpointing.continue_from(resume, check_resumable(resume, provenance))
    task = DetectionTask(
        detector,
        loss=recipe.make_loss(class_weights(data.sampled_labels)),
        make_optimizer=recipe.make_optimizer,
        make_scheduler=recipe.make_scheduler,
        provenance=provenance.to_dict(),
        reads_features=data.reads_features,
    )
    owner = Tracking() if tracking is None else tracking
    owner.loggers = loggers = _loggers(recipe, run_dir, config)
    callbacks = [*recipe.callbacks, BatchSeed(recipe.seed)]
    trainer = recipe.make_trainer(run_dir=run_dir, callbacks=callbacks, loggers=loggers)
    try:
        join(trainer)
        with _frozen_parts_on_purpose():
            trainer.fit(task, data, ckpt_path=resume, weights_only=True)
    finally:
        if tracking is None:
            owner.close()
    if resume is not None:
        on_rank_zero(partial(carry_curves, resume.parent.parent, run_dir))
    return _summary_of(checkpointing, detector)


def _summary_of(checkpointing: BestCheckpoint, detector: AnyDetector) -> TrainSummary:
    wait_for_all()
    best_checkpoint = Path(checkpointing.best_model_path)
    best = read_checkpoint(best_checkpoint)
    score = checkpointing.best_model_score
    if score is None:  # of processes that were spawned, Lightning hands back the path alone
        score = best["callbacks"][checkpointing.state_key]["best_model_score"]
    return TrainSummary(
        best_checkpoint=best_checkpoint,
        best_epoch=int(best["epoch"]),
        val_video_auc=float(score),
        num_parameters=count_parameters(detector),
        num_trainable=count_parameters(detector, trainable_only=True),
    )


def _loggers(recipe: Recipe, run_dir: Path, config: dict[str, Any]) -> list[Logger]:
    loggers = [make_logger(run_dir=run_dir) for make_logger in recipe.make_loggers]
    for logger in loggers:
        logger.log_hyperparams(config)
    return loggers


@contextmanager
def _frozen_parts_on_purpose() -> Iterator[None]:
    """Keep Lightning from warning of parts in evaluation mode: what is frozen stays in it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Found .* in eval mode at the start")
        yield


def _best_checkpoint(callbacks: list[Callback], run_dir: Path) -> BestCheckpoint:
    """Return the callback that chooses the epoch; send all checkpoints to the run's own folder."""
    for callback in callbacks:
        if isinstance(callback, ModelCheckpoint):
            callback.dirpath = str(run_dir / CHECKPOINTS_DIR)
    found = [callback for callback in callbacks if isinstance(callback, BestCheckpoint)]
    if len(found) != 1:
        raise ConfigError(
            "A run needs one callback that chooses its checkpoint, but callbacks names "
            f"{len(found)}; add `checkpoint` to callbacks=[...]."
        )
    return found[0]

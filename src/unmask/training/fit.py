"""One training run: from a store of face crops to the checkpoint that validation chose."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import lightning as L  # noqa: N812 - the library's own convention
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
)
from lightning.pytorch.loggers import Logger
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from unmask.core.errors import ConfigError
from unmask.models.detector import ClipDetector, count_parameters
from unmask.models.losses import class_weights
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

_NOT_VALIDATED: Final = (
    "Training ended before its first validation, so that no epoch could be chosen. Look at "
    "trainer.max_epochs, max_steps, max_time and check_val_every_n_epoch."
)


@dataclass(frozen=True)
class Recipe:
    """How a detector is fitted.

    Attributes:
        make_loss: Builds the loss from the classes' weights.
        make_optimizer: Builds the optimiser from the trainable parameters.
        make_scheduler: Builds the learning-rate schedule; None keeps the rate.
        make_trainer: Builds Lightning's trainer from ``default_root_dir``, ``callbacks`` and
            ``logger``.
        callbacks: With one :class:`BestCheckpoint`, which chooses the epoch.
        make_loggers: Each builds a logger from ``save_dir``, or is one.
        seed: Seed of everything random.
        checking: Words of the command line that make the training a check: it keeps no checkpoint.
    """

    make_loss: Callable[[Tensor], nn.Module]
    make_optimizer: Callable[[list[nn.Parameter]], Optimizer]
    make_scheduler: Callable[[Optimizer], LRScheduler] | None
    make_trainer: Callable[..., L.Trainer]
    callbacks: list[Callback]
    make_loggers: list[Callable[..., Logger] | Logger]
    seed: int
    checking: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TrainSummary:
    """What a training run left.

    Attributes:
        best_checkpoint: Weights of the epoch that validation chose.
        best_epoch: That epoch, from 0.
        val_video_auc: Its ROC AUC over the validation videos.
        num_trainable: The number of those that were trained.
    """

    best_checkpoint: Path
    best_epoch: int
    val_video_auc: float
    num_parameters: int
    num_trainable: int


def build_seeded(make_detector: Callable[[], ClipDetector], seed: int) -> ClipDetector:
    """Build a network whose initial weights the seed alone decides.

    Raises:
        ConfigError: If the network cannot be built.
        CheckpointError: If its first weights cannot be had.
    """
    L.seed_everything(seed, workers=True, verbose=False)
    return make_detector()


def train(
    detector: ClipDetector,
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
        provenance: Facts that each checkpoint carries.
        run_dir: Where checkpoints and metrics go.
        config: The resolved configuration, for the loggers.
        resume: A ``last.ckpt`` to continue; the result equals that of an uninterrupted run.
        tracking: Takes over the loggers, for the caller to close; None closes them here.

    Raises:
        CheckpointError: If ``resume`` is damaged or of another model, data set, seed or recipe.
        ConfigError: If no callback chooses a checkpoint, or training ended before validation.
        DataError: If the data cannot be trained on.
    """
    checkpointing = _best_checkpoint(recipe.callbacks, run_dir)
    if resume is not None:
        checkpointing.continue_from(resume, check_resumable(resume, provenance))
    task = _task(detector, data, recipe, provenance)
    owner = Tracking() if tracking is None else tracking
    owner.loggers = _loggers(recipe, run_dir, config)
    try:
        _fit(task, data, recipe, run_dir=run_dir, loggers=owner.loggers, resume=resume)
    finally:
        if tracking is None:
            owner.close()
    if resume is not None:
        on_rank_zero(partial(carry_curves, resume.parent.parent, run_dir))
    return _summary_of(checkpointing, detector)


def check(
    detector: ClipDetector,
    data: ClipDataModule,
    recipe: Recipe,
    *,
    provenance: Provenance,
    run_dir: Path,
    config: dict[str, Any],
    tracking: Tracking,
) -> None:
    """Run the loops of a recipe that is a look at the code: no checkpoint is kept or chosen.

    Args:
        detector: The network, fitted in place.
        data: Training and validation clips.
        recipe: How to fit, with ``checking``.
        provenance: As in :func:`train`.
        config: The resolved configuration, for the loggers.
        tracking: Takes over the loggers, for the caller to close.
    """
    is_silent = any("fast_dev_run" in word for word in recipe.checking)
    # Lightning would put silent loggers in the place of these.
    tracking.loggers = [] if is_silent else _loggers(recipe, run_dir, config)
    task = _task(detector, data, recipe, provenance)
    _fit(task, data, recipe, run_dir=run_dir, loggers=tracking.loggers, resume=None)


def _task(
    detector: ClipDetector, data: ClipDataModule, recipe: Recipe, provenance: Provenance
) -> DetectionTask:
    return DetectionTask(
        detector,
        loss=recipe.make_loss(class_weights(data.sampled_labels)),
        make_optimizer=recipe.make_optimizer,
        make_scheduler=recipe.make_scheduler,
        provenance=provenance.to_dict(),
        reads_features=data.reads_features,
    )


def _fit(
    task: DetectionTask,
    data: ClipDataModule,
    recipe: Recipe,
    *,
    run_dir: Path,
    loggers: list[Logger],
    resume: Path | None,
) -> None:
    trainer = recipe.make_trainer(
        default_root_dir=run_dir, callbacks=_callbacks(recipe, loggers), logger=loggers or False
    )
    join(trainer)
    with _what_is_on_purpose(), _refusals_of_lightning():
        trainer.fit(task, data, ckpt_path=resume, weights_only=True)


def rehearse(recipe: Recipe, run_dir: Path) -> None:
    """Build everything that training builds once it has crops, and throw it away.

    What refuses its arguments then does so at once, and not after hours of cutting faces.

    Raises:
        ConfigError: If one of them cannot be built, with its own sentence.
    """
    parameter = nn.Parameter(torch.zeros(1))
    with _refusals_of("loss"):
        recipe.make_loss(torch.ones(2))
    with _refusals_of("optimizer"):
        optimizer = recipe.make_optimizer([parameter])
    if recipe.make_scheduler is not None:
        with _refusals_of("scheduler"):
            recipe.make_scheduler(optimizer)
    with _refusals_of("logger"):
        loggers = _make_loggers(recipe, run_dir)
    with _refusals_of("trainer"):
        recipe.make_trainer(
            default_root_dir=run_dir, callbacks=_callbacks(recipe, loggers), logger=False
        )


@contextmanager
def _refusals_of(group: str) -> Iterator[None]:
    """Turn a third-party class's complaint about its arguments into a sentence."""
    try:
        yield
    except (ValueError, TypeError, RuntimeError, ImportError, MisconfigurationException) as error:
        raise ConfigError(f"`{group}` cannot be built: {str(error).strip()}") from error


@contextmanager
def _refusals_of_lightning() -> Iterator[None]:
    """Turn Lightning's complaint about settings that do not fit the data into a sentence."""
    try:
        yield
    except MisconfigurationException as error:
        raise ConfigError(f"`trainer` does not fit: {error}") from error
    except RuntimeError as error:
        if "conditioned on metric" not in str(error):
            raise
        raise ConfigError(f"{_NOT_VALIDATED} (callbacks.early_stopping: {error})") from error


def _summary_of(checkpointing: BestCheckpoint, detector: ClipDetector) -> TrainSummary:
    wait_for_all()
    if not checkpointing.best_model_path:
        raise ConfigError(_NOT_VALIDATED)
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


def _callbacks(recipe: Recipe, loggers: list[Logger]) -> list[Callback]:
    """Return the callbacks that have something to do in this call."""
    idle: tuple[type[Callback], ...] = () if loggers else (LearningRateMonitor,)
    if recipe.checking:
        idle += (ModelCheckpoint, EarlyStopping)
    callbacks = [one for one in recipe.callbacks if not isinstance(one, idle)]
    return [*callbacks, BatchSeed(recipe.seed)]


def _make_loggers(recipe: Recipe, run_dir: Path) -> list[Logger]:
    # A store of files needs no database and no server; newer versions of MLflow want to be told.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    return [
        make if isinstance(make, Logger) else make(save_dir=str(run_dir))
        for make in recipe.make_loggers
    ]


def _loggers(recipe: Recipe, run_dir: Path, config: dict[str, Any]) -> list[Logger]:
    loggers = _make_loggers(recipe, run_dir)
    for logger in loggers:
        logger.log_hyperparams(config)
    return loggers


@contextmanager
def _what_is_on_purpose() -> Iterator[None]:
    """Keep Lightning from warning of what is meant so."""
    with warnings.catch_warnings():
        # What is frozen stays in evaluation mode.
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

"""Lightning's trainer, with precision chosen for the device."""

from pathlib import Path
from typing import Any, Literal

import lightning as L  # noqa: N812 - the library's own convention
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger

from unmask.training.callbacks.speed import ChannelsLast, CompileBackbone

Precision = Literal["auto", "32-true", "16-mixed", "bf16-mixed"]


def make_trainer(
    *,
    run_dir: Path,
    callbacks: list[Callback],
    loggers: list[Logger],
    accelerator: Literal["auto", "cpu", "gpu"] = "auto",
    devices: int | Literal["auto"] = 1,
    strategy: str = "auto",
    precision: Precision = "auto",
    max_epochs: int = 20,
    gradient_clip_val: float | None = 1.0,
    accumulate_grad_batches: int = 1,
    deterministic: bool | Literal["warn"] = "warn",
    enable_progress_bar: bool = True,
    channels_last: bool = False,
    compile_backbone: bool = False,
) -> L.Trainer:
    """Build a trainer.

    Args:
        run_dir: Where the run keeps its files.
        callbacks: Checkpointing, early stopping, …
        loggers: Where metrics go.
        accelerator: ``"auto"`` takes a GPU when there is one.
        devices: Number of devices, or ``"auto"`` for all of them.
        strategy: How several devices share the work: ``"ddp"`` or ``"ddp_spawn"``.
        precision: ``"auto"`` is mixed precision on a GPU (float16 with gradient scaling, as
            system A trained) and float32 on a CPU.
        max_epochs: Most epochs to train.
        gradient_clip_val: Largest norm of the gradient; None leaves it as it is.
        accumulate_grad_batches: Batches per optimiser step.
        deterministic: Repeatable operations; ``"warn"`` goes on where one does not exist.
        enable_progress_bar: Show Lightning's progress bar where no callback shows another.
        channels_last: See :class:`~unmask.training.callbacks.speed.ChannelsLast`.
        compile_backbone: See :class:`~unmask.training.callbacks.speed.CompileBackbone`.
    """
    on_gpu = accelerator == "gpu" or (accelerator == "auto" and torch.cuda.is_available())
    if precision == "auto":
        precision = "16-mixed" if on_gpu else "32-true"
    speed: list[Callback] = [ChannelsLast()] if channels_last else []
    speed += [CompileBackbone()] if compile_backbone else []
    options: dict[str, Any] = {"precision": precision, "deterministic": deterministic}
    return L.Trainer(
        default_root_dir=run_dir,
        callbacks=[*callbacks, *speed],
        logger=loggers or False,
        accelerator="gpu" if on_gpu else "cpu",
        devices=devices,
        strategy=strategy,
        max_epochs=max_epochs,
        gradient_clip_val=gradient_clip_val,
        accumulate_grad_batches=accumulate_grad_batches,
        # A check of untrained networks on two batches would log an AUC of noise.
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        enable_model_summary=False,
        enable_progress_bar=enable_progress_bar,
        **options,
    )

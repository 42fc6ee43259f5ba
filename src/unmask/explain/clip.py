"""One clip and its detector during an explanation: the questions asked, and the state restored."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.core.labels import FAKE, REAL
from unmask.models.detector import ClipDetector, FrameDetector, PictureDetector

FloatArray = NDArray[np.float32]
Class = Literal["fake", "real"]


@dataclass(frozen=True)
class HeatMaps:
    """Where in a clip something is.

    Attributes:
        maps: ``(frames, height, width)`` in [0, 1], one scale for the whole clip, so that frames
            can be compared; 0 at padding, and 0 throughout where there is nothing to show.
        scale: What 1 stands for, in ``unit``; 0 where there is nothing to show.
        unit: What the maps count.
    """

    maps: FloatArray
    scale: float
    unit: str


def heat_maps(raw: Tensor, is_frame: Tensor, *, unit: str) -> HeatMaps:
    """Bring what was measured on the real frames to [0, 1].

    Args:
        raw: Not negative, ``(real frames, height, width)``.
        is_frame: False where a frame is padding, ``(1, frames)``.
        unit: What ``raw`` counts.
    """
    raw = raw.detach().float().cpu()
    scale = float(raw.max())
    maps = torch.zeros(is_frame.shape[1], *raw.shape[1:])
    if scale > 0:
        maps[: len(raw)] = (raw / scale).clamp(0, 1)
    return HeatMaps(maps.numpy(), scale, unit)


def check_clip(frames: Tensor, is_frame: Tensor) -> None:
    """Refuse anything but one clip with a real frame.

    Raises:
        ValueError: If there are several clips, or only padding.
    """
    if frames.ndim != 5 or len(frames) != 1:
        raise ValueError(
            "One clip is explained at a time: frames must be (1, frames, 3, height, width), got "
            f"{tuple(frames.shape)}."
        )
    if is_frame.shape != frames.shape[:2]:
        raise ValueError(
            f"is_frame must be {tuple(frames.shape[:2])} like frames, got {tuple(is_frame.shape)}."
        )
    if not is_frame.any():
        raise ValueError("The clip has no frame to explain: is_frame is False throughout.")


def evidence(logits: Tensor, towards: Class = "fake") -> Tensor:
    """Return what is explained: by how much one logit exceeds the other.

    The probability would not do: where a detector is sure, it no longer changes.

    Args:
        logits: ``(batch, 2)``.
        towards: The class whose logit is counted.

    Returns:
        ``(batch,)``, float32; above 0 where the detector says ``towards``.

    Example:
        >>> evidence(torch.tensor([[1.0, 3.0]]))
        tensor([2.])
    """
    if towards not in ("fake", "real"):
        raise ValueError(f"towards must be 'fake' or 'real', got {towards!r}.")
    difference = logits[:, FAKE].float() - logits[:, REAL].float()
    return difference if towards == "fake" else -difference


def require_pictures(detector: ClipDetector) -> PictureDetector:
    """Refuse a network without a backbone that sees pictures, of which maps could be shown.

    Raises:
        ConfigError: If it is one.
    """
    if not isinstance(detector, PictureDetector):
        raise ConfigError(
            f"A {type(detector).__name__} sees whole clips and no pictures, so it has no maps of "
            "them; choose method='occlusion'."
        )
    return detector


def logits_with_gradient(detector: ClipDetector, frames: Tensor, is_frame: Tensor) -> Tensor:
    """Score a clip so that gradients can pass the head.

    cuDNN's recurrent networks keep what a backward pass needs in training mode only; in evaluation
    mode, which is what is to be explained, the head must do without cuDNN.

    Args:
        detector: In evaluation mode.

    Returns:
        Logits, ``(batch, 2)``.
    """
    if not isinstance(detector, FrameDetector):
        return detector(frames, is_frame)
    features = detector.encode(frames, is_frame)
    is_recurrent = any(isinstance(module, nn.RNNBase) for module in detector.modules())
    without = torch.backends.cudnn.flags(enabled=False) if is_recurrent else nullcontext()
    with without:
        return detector.classify(features, is_frame)


@contextmanager
def explaining(detector: nn.Module | ClipDetector) -> Iterator[None]:
    """Keep a detector in evaluation mode, and put every flag back afterwards.

    Gradient checkpointing is off meanwhile, for it would run what is watched a second time.
    """
    modes = {module: module.training for module in detector.modules()}
    checkpointed: list[Any] = [m for m in modes if getattr(m, "grad_checkpointing", False)]
    detector.eval()
    for module in checkpointed:
        module.grad_checkpointing = False
    try:
        yield
    finally:
        for module in checkpointed:
            module.grad_checkpointing = True
        for module, mode in modes.items():
            module.training = mode

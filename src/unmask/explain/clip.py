"""One clip and its detector while it is explained: what is asked, and what is put back."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unmask.core.labels import FAKE, REAL
from unmask.models.detector import Detector
from unmask.models.tall import AnyDetector, TallDetector

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


def per_frame(detector: AnyDetector) -> Detector:
    """Return the part that sees images: of TALL, the detector of thumbnails."""
    return detector.thumbnails if isinstance(detector, TallDetector) else detector


def logits_with_gradient(detector: AnyDetector, frames: Tensor, is_frame: Tensor) -> Tensor:
    """Score a clip so that gradients can pass the head.

    cuDNN's recurrent networks keep what a backward pass needs in training mode only; in evaluation
    mode, which is what is to be explained, the head must do without cuDNN.

    Args:
        detector: In evaluation mode.
        frames: As for the detector.
        is_frame: As for the detector.

    Returns:
        Logits, ``(batch, 2)``.
    """
    if isinstance(detector, TallDetector):  # its head has no recurrence
        return cast(Tensor, detector(frames, is_frame))
    features = detector.encode(frames, is_frame)
    is_recurrent = any(isinstance(module, nn.RNNBase) for module in detector.head.modules())
    without = torch.backends.cudnn.flags(enabled=False) if is_recurrent else nullcontext()
    with without:
        return cast(Tensor, detector.head(features, is_frame))


def to_frames(detector: AnyDetector, maps: Tensor, num_frames: int) -> Tensor:
    """Turn maps of what the backbone sees into maps of the clip's frames.

    Args:
        detector: Whose backbone it is.
        maps: ``(images, height, width)``, of frames, or of one thumbnail.
        num_frames: Real frames of the clip.

    Returns:
        ``(num_frames, height, width)``. Tiles that repeat the last frame are added up, as what they
        contribute is.
    """
    if not isinstance(detector, TallDetector):
        return maps
    rows = detector.rows
    height, width = maps.shape[1] // rows, maps.shape[2] // rows
    tiles = maps.reshape(rows, height, rows, width).transpose(1, 2).reshape(-1, height, width)
    shown = torch.arange(len(tiles), device=maps.device).clamp(max=num_frames - 1)
    frames = maps.new_zeros(num_frames, height, width)
    return frames.index_add(0, shown, tiles)


@contextmanager
def explaining(detector: nn.Module) -> Iterator[None]:
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

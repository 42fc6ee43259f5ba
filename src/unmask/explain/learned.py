"""What a detector has learned to look at, and says itself: nothing is derived here."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unmask.explain.clip import FloatArray, check_clip, explaining, per_frame, to_frames
from unmask.explain.feature_maps import onto_image
from unmask.models.attention_block import AttentionBlock
from unmask.models.detector import Detector
from unmask.models.heads.attention import AttentionHead
from unmask.models.insert import displayed
from unmask.models.spatial_transformer import SpatialTransformer
from unmask.models.tall import AnyDetector, TallDetector


@dataclass(frozen=True)
class LearnedAttention:
    """What attention heads, attention blocks and spatial transformers show.

    Attributes:
        frame_weights: How much each frame counts in an attention head, ``(frames,)``, which add up
            to 1; 0 at padding. None for other heads.
        places: Of each attention block, by its name, how much each place counts,
            ``(frames, height, width)`` in [0, 1]; 0 at padding.
        windows: Of each spatial transformer, by its name, the quadrilateral that it cuts out of
            each frame: x and y in pixels of upper left, upper right, lower right and lower left
            corner, ``(frames, 4, 2)``; NaN at padding. Not of TALL, whose transformer warps
            thumbnails.
    """

    frame_weights: FloatArray | None
    places: dict[str, FloatArray]
    windows: dict[str, NDArray[np.float32]]


def learned_attention(detector: AnyDetector, frames: Tensor, is_frame: Tensor) -> LearnedAttention:
    """Collect what a detector shows of its own accord.

    Args:
        detector: Any; one without such parts shows nothing. Its modes are as before afterwards.
        frames: One clip, RGB, ``(1, frames, 3, height, width)``, uint8.
        is_frame: False where a frame is padding, ``(1, frames)``.

    Returns:
        What there is.

    Raises:
        ValueError: If there is not one clip.
    """
    check_clip(frames, is_frame)
    inserts: dict[str, Any] = dict(getattr(per_frame(detector).backbone, "inserts", {}))
    with torch.no_grad(), explaining(detector):
        shown = _shown(detector, frames, is_frame, inserts) if inserts else {}
        weights = _frame_weights(detector, frames, is_frame)
    places, windows = {}, {}
    for name, module in inserts.items():
        if isinstance(module, AttentionBlock):
            places[name] = _on_frames(detector, shown[f"{name}.map"], is_frame)
        elif isinstance(module, SpatialTransformer) and isinstance(detector, Detector):
            windows[name] = _windows(shown[f"{name}.theta"], is_frame, detector.backbone)
    return LearnedAttention(weights, places, windows)


def _shown(
    detector: AnyDetector, frames: Tensor, is_frame: Tensor, inserts: dict[str, Any]
) -> dict[str, Tensor]:
    """Return what inserted modules show of all frames, which may pass in pieces."""
    inner = per_frame(detector)
    at_once, inner.frames_at_once = inner.frames_at_once, None
    try:
        return displayed(lambda: detector(frames, is_frame), inserts)
    finally:
        inner.frames_at_once = at_once


def _frame_weights(detector: AnyDetector, frames: Tensor, is_frame: Tensor) -> FloatArray | None:
    if isinstance(detector, TallDetector) or not isinstance(detector.head, AttentionHead):
        return None
    weights = detector.head.weights(detector.encode(frames, is_frame), is_frame)
    return np.asarray(weights[0].float().cpu().numpy(), dtype=np.float32)


def _on_frames(detector: AnyDetector, maps: Tensor, is_frame: Tensor) -> FloatArray:
    """Stretch ``(images, 1, height, width)`` to the frames, ``(frames, height, width)``."""
    inner = per_frame(detector)
    wide = onto_image(inner.backbone, maps[:, 0].float(), [])
    count = int(is_frame.sum())
    real = to_frames(detector, wide, count)
    if isinstance(detector, TallDetector):
        real[-1] /= detector.max_frames - count + 1  # tiles of the last frame were added up
    all_frames = real.new_zeros(is_frame.shape[1], *real.shape[1:])
    all_frames[:count] = real
    return np.asarray(all_frames.cpu().numpy(), dtype=np.float32)


def _windows(theta: Tensor, is_frame: Tensor, backbone: Any) -> NDArray[np.float32]:  # noqa: ANN401 - any backbone
    left, right, above, below = getattr(backbone, "margins", (0, 0, 0, 0))
    size = theta.new_tensor(
        [backbone.image_size + left + right, backbone.image_size + above + below]
    )
    corners = theta.new_tensor([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]])
    # -1 and 1 are the outer edges of what the network sees, margins included.
    places = (corners @ theta.transpose(1, 2) + 1) / 2 * size - theta.new_tensor([left, above])
    windows = np.full((is_frame.shape[1], 4, 2), np.nan, dtype=np.float32)
    windows[: len(theta)] = places.float().cpu().numpy()
    return windows

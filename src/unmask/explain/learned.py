"""What a detector has learned to look at, by its own weights: nothing is derived here."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unmask.explain.clip import FloatArray, check_clip, explaining
from unmask.explain.feature_maps import onto_image
from unmask.models.attention_block import AttentionBlock
from unmask.models.detector import ClipDetector, FrameDetector, PictureDetector
from unmask.models.heads.attention import AttentionHead
from unmask.models.insert import displayed
from unmask.models.spatial_transformer import SpatialTransformer


@dataclass(frozen=True)
class LearnedAttention:
    """What attention heads, attention blocks and spatial transformers show.

    Attributes:
        frame_weights: How much each frame counts in an attention head, ``(frames,)``, which add up
            to 1; 0 at padding. None for other heads.
        places: Name of an attention block -> how much each place counts,
            ``(frames, height, width)`` in [0, 1]; 0 at padding.
        windows: Name of a spatial transformer -> the quadrilateral that is cut out of
            each frame: x and y in pixels of upper left, upper right, lower right and lower left
            corner, ``(frames, 4, 2)``; NaN at padding. Not of TALL, whose transformer warps
            thumbnails.
    """

    frame_weights: FloatArray | None
    places: dict[str, FloatArray]
    windows: dict[str, NDArray[np.float32]]


def learned_attention(detector: ClipDetector, frames: Tensor, is_frame: Tensor) -> LearnedAttention:
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
    pictures = detector if isinstance(detector, PictureDetector) else None
    backbone: Any = pictures.of_pictures.backbone if pictures else None
    inserts: dict[str, Any] = dict(getattr(backbone, "inserts", {}))
    with torch.no_grad(), explaining(detector):
        shown = _shown(pictures, frames, is_frame, inserts) if pictures and inserts else {}
        weights = _frame_weights(detector, frames, is_frame)
    places, windows = {}, {}
    for name, module in inserts.items():
        if isinstance(module, AttentionBlock) and pictures:
            places[name] = _on_frames(pictures, shown[f"{name}.map"], is_frame)
        elif isinstance(module, SpatialTransformer) and isinstance(detector, FrameDetector):
            windows[name] = _windows(shown[f"{name}.theta"], is_frame, backbone)
    return LearnedAttention(weights, places, windows)


def _shown(
    detector: PictureDetector, frames: Tensor, is_frame: Tensor, inserts: dict[str, Any]
) -> dict[str, Tensor]:
    """Return what inserted modules show of all frames, which may pass in pieces."""
    inner = detector.of_pictures
    at_once, inner.frames_at_once = inner.frames_at_once, None
    try:
        return displayed(lambda: detector(frames, is_frame), inserts)
    finally:
        inner.frames_at_once = at_once


def _frame_weights(detector: ClipDetector, frames: Tensor, is_frame: Tensor) -> FloatArray | None:
    head = getattr(detector, "head", None)
    if not isinstance(detector, FrameDetector) or not isinstance(head, AttentionHead):
        return None
    weights = head.weights(detector.encode(frames, is_frame), is_frame)
    return np.asarray(weights[0].float().cpu().numpy(), dtype=np.float32)


def _on_frames(detector: PictureDetector, maps: Tensor, is_frame: Tensor) -> FloatArray:
    """Stretch ``(images, 1, height, width)`` to the frames, ``(frames, height, width)``."""
    wide = onto_image(detector.of_pictures.backbone, maps[:, 0].float(), [])
    count = int(is_frame.sum())
    # A frame that stands in several tiles is shown by their mean.
    real = detector.to_frames(wide, count) / detector.to_frames(torch.ones_like(wide), count)
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

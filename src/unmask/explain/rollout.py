"""Attention rollout: which patches a vision transformer's read-out gathers from."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.explain.clip import (
    HeatMaps,
    check_clip,
    evidence,
    explaining,
    heat_maps,
    logits_with_gradient,
    require_pictures,
)
from unmask.explain.feature_maps import Site, cut_at, is_token_network, onto_image
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import ClipDetector, PictureDetector
from unmask.models.spatial_transformer import SpatialTransformer


def can_roll_out(detector: ClipDetector) -> bool:
    """Return whether attention rollout is defined for a detector's backbone.

    Every block must let each token look at every other, and tokens must keep their places.
    """
    if not isinstance(detector, PictureDetector):
        return False
    backbone = detector.of_pictures.backbone
    if not isinstance(backbone, TimmBackbone) or not is_token_network(backbone.network):
        return False
    warped = any(isinstance(module, SpatialTransformer) for module in backbone.modules())
    return bool(attentions_of(backbone.network)) and not warped


def attentions_of(network: Any) -> list[Any]:  # noqa: ANN401 - a timm network, whose attributes have no type
    """Return the attention of each block, or nothing where a block has none that can be watched."""
    found = [getattr(block, "attn", None) for block in network.blocks]
    needed = ("fused_attn", "attn_drop")
    return found if all(hasattr(one, name) for one in found for name in needed) else []


def attention_rollout(detector: ClipDetector, frames: Tensor, is_frame: Tensor) -> HeatMaps:
    """Follow attention from the read-out back to the patches.

    Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020: each block's matrix
    is the mean over its heads, half of it replaced by the identity for the residual connection, and
    the matrices are multiplied. Two additions: each frame's least value is subtracted, as what all
    patches get alike says nothing about places; and each frame is multiplied by how much it moves
    the clip's logits (gradient times features at the head's input, without the sign), as rollout
    itself knows neither the head nor the classes.

    Args:
        detector: One whose backbone is a vision transformer. Its modes are as before afterwards.
        frames: One clip, RGB, ``(1, frames, 3, height, width)``, uint8.
        is_frame: False where a frame is padding, ``(1, frames)``.

    Returns:
        The maps; 1 stands for ``scale`` times the difference of the two logits.

    Raises:
        ValueError: If there is not one clip.
        ConfigError: If rollout is not defined for the backbone.
    """
    check_clip(frames, is_frame)
    pictures = require_pictures(detector)
    inner = pictures.of_pictures
    backbone: Any = inner.backbone
    if not can_roll_out(detector):
        raise ConfigError(
            f"Attention rollout is not defined for {getattr(backbone, 'name', 'this backbone')}: "
            "it needs blocks in which every token looks at every other, and Swin's look within "
            "shifted windows. Choose method='grad_cam'."
        )
    with torch.inference_mode(False), torch.enable_grad(), explaining(detector):
        with watched(attentions_of(backbone.network)) as layers, \
             cut_at(Site(inner.head, "input")) as features:  # fmt: skip
            logits = logits_with_gradient(detector, frames, is_frame)
        (gradient,) = torch.autograd.grad(evidence(logits).sum(), features)
    with torch.no_grad():
        patches = _read_out(rolled_out([torch.cat(one) for one in layers]), backbone.network)
        share = (gradient.float() * features[0].float()).sum(dim=2).abs()[0, : len(patches)]
        maps = onto_image(backbone, _above_least(patches) * share[:, None, None], [])
        raw = pictures.to_frames(maps, int(is_frame.sum()))
    return heat_maps(raw, is_frame, unit="share of attention times difference of the logits")


def rolled_out(layers: Sequence[Tensor]) -> Tensor:
    """Multiply the attention of all blocks.

    Args:
        layers: Attention of each block, first block first, ``(images, heads, tokens, tokens)``;
            rows are who looks and add up to 1.

    Returns:
        ``(images, tokens, tokens)``; a row says how much of each token of the input is in a token
        of the output, and adds up to 1.

    Example:
        >>> half = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])
        >>> rolled_out([half, half])[0, 0]
        tensor([0.2500, 0.7500])
    """
    joined = torch.eye(layers[0].shape[-1], device=layers[0].device)
    for attention in layers:
        mixed = 0.5 * attention.float().mean(dim=1) + 0.5 * torch.eye(
            attention.shape[-1], device=attention.device
        )
        joined = mixed @ joined
    return joined


def _read_out(rollout: Tensor, network: Any) -> Tensor:  # noqa: ANN401 - a timm network, whose attributes have no type
    """Return what the features read of each patch, ``(images, rows, columns)``."""
    num_prefix = network.num_prefix_tokens
    is_token = network.global_pool == "token"
    reader = rollout[:, 0] if is_token else rollout[:, num_prefix:].mean(dim=1)
    height, width = network.patch_embed.grid_size
    return reader[:, num_prefix:].reshape(-1, height, width)


def _above_least(patches: Tensor) -> Tensor:
    """Subtract each frame's least value; what then remains of rounding is set to 0."""
    above = patches - patches.amin(dim=(1, 2), keepdim=True)
    rounding = 1e-5 * patches.amax(dim=(1, 2), keepdim=True)
    return above * (above > rounding)


@contextmanager
def watched(attentions: Sequence[Any]) -> Iterator[list[list[Tensor]]]:
    """Collect attention matrices, which fused kernels would never write down.

    Args:
        attentions: timm's attention modules.

    Yields:
        For each, what it computed in each pass, ``(images, heads, tokens, tokens)``.
    """
    seen: list[list[Tensor]] = [[] for _ in attentions]
    with ExitStack() as stack:
        for attention, kept in zip(attentions, seen, strict=True):
            stack.callback(setattr, attention, "fused_attn", attention.fused_attn)
            attention.fused_attn = False
            drop: nn.Module = attention.attn_drop
            hook = drop.register_forward_pre_hook(
                lambda _, inputs, kept=kept: kept.append(inputs[0].detach())
            )
            stack.callback(hook.remove)
        yield seen

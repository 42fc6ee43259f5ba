"""Grad-CAM: which places of the last feature map speak for a class, seen through the head."""

import torch
from torch import Tensor

from unmask.explain.clip import (
    Class,
    HeatMaps,
    check_clip,
    evidence,
    explaining,
    heat_maps,
    logits_with_gradient,
    require_pictures,
)
from unmask.explain.feature_maps import as_map, cut_at, feature_site, onto_image, warps_of
from unmask.models.detector import ClipDetector


def grad_cam(
    detector: ClipDetector, frames: Tensor, is_frame: Tensor, *, towards: Class = "fake"
) -> HeatMaps:
    """Weigh each frame's last feature map by what the detector makes of it.

    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", ICCV 2017: channels are weighed by the mean of their gradient over the places,
    added up, and what is negative is cut off. Here the gradient is that of the *clip's* logits, so
    it passes the temporal head, and a frame that the head ignores stays dark.

    Args:
        detector: Any whose backbone has feature maps. Its modes are as before afterwards, and no
            parameter gets a gradient.
        frames: One clip, RGB, ``(1, frames, 3, height, width)``, uint8.
        is_frame: False where a frame is padding, ``(1, frames)``.
        towards: The class that is spoken for.

    Returns:
        The maps; 1 stands for ``scale`` of the difference of the two logits per cell of the map.

    Raises:
        ValueError: If there is not one clip.
        ConfigError: If there is no backbone of pictures, or none whose feature maps are known.
    """
    check_clip(frames, is_frame)
    pictures = require_pictures(detector)
    backbone = pictures.of_pictures.backbone
    site = feature_site(backbone)
    with torch.inference_mode(False), torch.enable_grad(), explaining(detector):
        with cut_at(site) as leaves, warps_of(detector) as warps:
            logits = logits_with_gradient(detector, frames, is_frame)
        gradients = torch.autograd.grad(evidence(logits, towards).sum(), leaves)
    with torch.no_grad():
        cells = torch.cat(
            [_weighed(as_map(backbone, leaf), as_map(backbone, gradient))
             for leaf, gradient in zip(leaves, gradients, strict=True)]
        )  # fmt: skip
        maps = onto_image(backbone, cells, [torch.cat(thetas) for thetas in warps.values()])
        raw = pictures.to_frames(maps, int(is_frame.sum()))
    return heat_maps(raw, is_frame, unit="difference of the logits per cell")


def _weighed(features: Tensor, gradient: Tensor) -> Tensor:
    """Return ``(images, height, width)`` of features ``(images, channels, height, width)``."""
    weights = gradient.float().mean(dim=(2, 3), keepdim=True)
    return (weights * features.float()).sum(dim=1).relu()

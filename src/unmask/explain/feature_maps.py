"""Where a backbone's last feature map is, and how it is watched."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import ClipDetector
from unmask.models.insert import layout_of
from unmask.models.spatial_transformer import SpatialTransformer


@dataclass(frozen=True)
class Site:
    """A place in a network.

    Attributes:
        where: What enters the module, what leaves it, or what its ``forward_features`` returns.
    """

    owner: nn.Module
    where: Literal["input", "output", "forward_features"]


def is_token_network(network: Any) -> bool:  # noqa: ANN401 - a timm network, whose attributes have no type
    """Return whether a timm network passes one sequence of tokens through all blocks, like ViT."""
    return (
        hasattr(network, "blocks")
        and hasattr(network, "num_prefix_tokens")
        and hasattr(getattr(network, "patch_embed", None), "grid_size")
    )


def feature_site(backbone: Any) -> Site:  # noqa: ANN401 - any backbone
    """Choose the last map of features that still has places.

    * timm's networks say it themselves: what ``forward_features`` returns goes to the pooling. In
      tokens the class token alone may be read out there, so that patches would get no gradient;
      of those networks it is what enters the last block.
    * Networks of ours: what enters the last pooling in ``blocks``, as Grad-CAM's paper takes
      VGG's last convolution and not what its last pooling leaves; else what ``blocks`` returns.

    Raises:
        ConfigError: If the backbone is neither.
    """
    if isinstance(backbone, TimmBackbone):
        network: Any = backbone.network
        if is_token_network(network):
            return Site(network.blocks[-1], "input")
        return Site(network, "forward_features")
    blocks = getattr(backbone, "blocks", None)
    if not isinstance(blocks, nn.Module):
        raise ConfigError(
            f"Where the feature maps of {type(backbone).__name__} are is not known; choose "
            "method='occlusion', which works with any detector."
        )
    pools = [module for module in blocks.modules() if isinstance(module, nn.MaxPool2d)]
    return Site(pools[-1], "input") if pools else Site(blocks, "output")


@contextmanager
def cut_at(site: Site) -> Iterator[list[Tensor]]:
    """Cut the graph at a site: what passes becomes leaves, of which gradients can be asked.

    The layers below keep no activations for a backward pass, and may be frozen.

    Yields:
        The leaves, one for each time that the site is passed.
    """
    leaves: list[Tensor] = []

    def cut(value: Tensor) -> Tensor:
        leaf = value.detach().requires_grad_()
        leaves.append(leaf)
        return leaf.clone()  # a leaf must not be changed in place, and what follows may do that

    with ExitStack() as stack:
        owner: Any = site.owner
        if site.where == "input":
            handle = owner.register_forward_pre_hook(
                lambda _, inputs: (cut(inputs[0]), *inputs[1:])
            )
            stack.callback(handle.remove)
        elif site.where == "output":
            handle = owner.register_forward_hook(lambda _module, _inputs, output: cut(output))
            stack.callback(handle.remove)
        else:
            method = owner.forward_features
            # On the object, where it hides the class's method until it is deleted.
            owner.forward_features = lambda *args, **kwargs: cut(method(*args, **kwargs))
            stack.callback(delattr, owner, "forward_features")
        yield leaves


def as_map(backbone: Any, features: Tensor) -> Tensor:  # noqa: ANN401 - any backbone
    """Return features ``(images, channels, height, width)``, however the network lays them out.

    Raises:
        ConfigError: If they have no places.
    """
    network = backbone.network if isinstance(backbone, TimmBackbone) else None
    try:
        return layout_of(network, [features.shape], "forward_features").to_map(features)
    except ConfigError as error:
        raise ConfigError(
            f"The last features of {getattr(backbone, 'name', type(backbone).__name__)} are "
            f"{tuple(features.shape)}, which is not a map; choose method='occlusion', which works "
            "with any detector."
        ) from error


def onto_image(backbone: Any, maps: Tensor, thetas: list[Tensor]) -> Tensor:  # noqa: ANN401 - any backbone
    """Stretch maps to the image that entered the backbone.

    Args:
        maps: ``(images, height, width)``.
        thetas: What spatial transformers did on the way to the map, in their order; undone here.

    Returns:
        ``(images, image_size, image_size)``; without the margin that the network may see.
    """
    left, right, above, below = getattr(backbone, "margins", (0, 0, 0, 0))
    size = (backbone.image_size + above + below, backbone.image_size + left + right)
    wide = F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)
    for theta in reversed(thetas):
        wide = unwarped(wide, theta)
    return wide[:, 0, above : size[0] - below, left : size[1] - right]


def unwarped(maps: Tensor, theta: Tensor) -> Tensor:
    """Lay maps back to where a spatial transformer read them.

    Args:
        maps: ``(images, 1, height, width)``.
        theta: From a place in the result to the place that was read, ``(images, 2, 3)``.

    Returns:
        Maps of the same shape; 0 at places that were not read.
    """
    matrix, shift = theta[..., :2], theta[..., 2:]
    inverse = torch.linalg.pinv(matrix)  # a network may have collapsed the picture to a line
    back = torch.cat((inverse, -inverse @ shift), dim=2)
    grid = F.affine_grid(back, list(maps.shape), align_corners=False)
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@contextmanager
def warps_of(detector: nn.Module | ClipDetector) -> Iterator[dict[nn.Module, list[Tensor]]]:
    """Collect how spatial transformers warp, in the order in which they run.

    Yields:
        By module, ``theta`` ``(images, 2, 3)`` of each pass.
    """
    seen: dict[nn.Module, list[Tensor]] = {}

    def watch(module: Any, inputs: tuple[Tensor, ...], _output: Tensor) -> None:  # noqa: ANN401 - torch's signature
        with torch.no_grad():
            seen.setdefault(module, []).append(module.display(inputs[0])["theta"])

    with ExitStack() as stack:
        for module in detector.modules():
            if isinstance(module, SpatialTransformer):
                stack.callback(module.register_forward_hook(watch).remove)
        yield seen

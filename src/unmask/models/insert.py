"""Modules of ours between two stages of a network that is not ours.

The place is named as the network names it (``layer2``, ``blocks.3``). A forward hook passes what
the module there returns through ours, so the network's own names, and with them every file of its
weights, stay as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from unmask.core.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Insert:
    """What is inserted where.

    Attributes:
        after: Name of a module of the network, e.g. ``"layer2"``.
        make: Builds the module from the map's channels, height and width; in a config, its
            ``_partial_: true``.
    """

    after: str
    make: Callable[[int, int, int], nn.Module]


class Displayable(Protocol):
    """What an inserted module offers beside ``forward``, which keeps the map's shape."""

    def display(self, features: Tensor) -> dict[str, Tensor]:
        """Return what can be shown of features ``(images, channels, height, width)``."""
        ...


@dataclass(frozen=True)
class MapLayout:
    """How a network lays out its feature maps, and how they become channels first.

    Attributes:
        height: In cells.
        width: In cells.
        channels_last: The network computes ``(images, height, width, channels)``, as Swin does.
        num_prefix: Tokens before those of the image, where it computes tokens as ViT does; None
            where it computes maps.
    """

    channels: int
    height: int
    width: int
    channels_last: bool = False
    num_prefix: int | None = None

    def to_map(self, output: Tensor) -> Tensor:
        """Return ``(images, channels, height, width)``."""
        if self.num_prefix is not None:
            tokens = output[:, self.num_prefix :].transpose(1, 2)
            return tokens.reshape(len(output), self.channels, self.height, self.width)
        return output.permute(0, 3, 1, 2) if self.channels_last else output

    def from_map(self, features: Tensor, output: Tensor) -> Tensor:
        """Return a map in the network's own layout, with the prefix tokens of ``output``."""
        if self.num_prefix is not None:
            tokens = features.flatten(start_dim=2).transpose(1, 2)
            return torch.cat((output[:, : self.num_prefix], tokens), dim=1)
        return features.permute(0, 2, 3, 1) if self.channels_last else features


class _Passage:
    """A forward hook; an object rather than a closure, so that a copied network has its own."""

    def __init__(self, module: nn.Module, layout: MapLayout) -> None:
        self.module = module
        self.layout = layout

    def __call__(self, _module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:  # noqa: ANN401 - torch's signature
        return self.layout.from_map(self.module(self.layout.to_map(output)), output)


def find_site(network: nn.Module, after: str, name: str) -> nn.Module:
    """Return the module whose output an inserted one receives.

    Args:
        network: A timm network.
        after: Name of one of its modules.
        name: The architecture, for the message.

    Raises:
        ConfigError: If the network has no module of that name.
    """
    modules: dict[str, nn.Module] = dict(network.named_modules())
    if not after or after not in modules:
        info: Any = getattr(network, "feature_info", [])
        stages = [entry["module"] for entry in info if isinstance(entry, dict) and entry["module"]]
        raise ConfigError(
            f"'{name}' has no module '{after}' to insert after; its stages are "
            f"{', '.join(stages)}" + did_you_mean(after, list(modules))
        )
    site: nn.Module = modules[after]
    # Under gradient checkpointing timm runs the members of a stage and not the stage itself.
    while isinstance(site, nn.Sequential) and len(site):
        site = site[-1]
    return site


def layout_of(network: Any, outputs: list[torch.Size], after: str) -> MapLayout:  # noqa: ANN401 - a timm network, whose attributes have no type
    """Tell how a network lays out the map that is to be passed on.

    Args:
        network: A timm network.
        outputs: Shapes that the module at the site returned for one image, one per call.
        after: The module's name, for the message.

    Raises:
        ConfigError: If the module is not run exactly once per image, or returns no map.
    """
    if len(outputs) != 1:
        raise ConfigError(
            f"Nothing can be inserted after '{after}': the network runs it {len(outputs)} times."
        )
    shape = outputs[0]
    if len(shape) == 4 and str(getattr(network, "output_fmt", "NCHW")) == "NHWC":
        return MapLayout(shape[3], shape[1], shape[2], channels_last=True)
    if len(shape) == 4:
        return MapLayout(shape[1], shape[2], shape[3])
    if len(shape) == 3 and hasattr(network, "patch_embed"):
        height, width = network.patch_embed.grid_size
        num_prefix = int(getattr(network, "num_prefix_tokens", 0))
        if shape[1] == num_prefix + height * width:
            return MapLayout(shape[2], height, width, num_prefix=num_prefix)
    raise ConfigError(
        f"Nothing can be inserted after '{after}': it returns {tuple(shape)}, which is not a map."
    )


def pass_through(site: nn.Module, module: nn.Module, layout: MapLayout) -> None:
    """Pass what ``site`` returns through ``module`` from now on."""
    site.register_forward_hook(_Passage(module, layout))


def displayed(network: Callable[[], object], inserts: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Run a network and collect what its inserted modules can show.

    Args:
        network: Runs one forward pass.
        inserts: The inserted modules by name.

    Returns:
        What each shows, as ``<name>.<what>``.
    """
    shown: dict[str, Tensor] = {}

    def watch(name: str) -> Callable[..., None]:
        def hook(module: Any, inputs: tuple[Tensor, ...], _output: Tensor) -> None:  # noqa: ANN401 - a Displayable that is also a Module
            for what, tensor in module.display(inputs[0]).items():
                shown[f"{name}.{what}"] = tensor

        return hook

    handles = [module.register_forward_hook(watch(name)) for name, module in inserts.items()]
    try:
        network()
    finally:
        for handle in handles:
            handle.remove()
    return shown

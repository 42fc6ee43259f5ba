"""One image through a network without computing it: which shapes come out, and whether any do."""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from unmask.core.errors import ConfigError


def trial_run(
    network: nn.Module, image: tuple[int, int], watched: Mapping[str, nn.Module], name: str
) -> tuple[int, dict[str, list[torch.Size]]]:
    """Run one image through a network on the meta device, which tracks shapes only.

    Args:
        image: Channels and side of its square input.
        watched: Modules of the network whose outputs' shapes are wanted, by any name.
        name: The architecture, for the message.

    Returns:
        The number of features, and for each watched module the shapes that it returned, one for
        each time that it ran.

    Raises:
        ConfigError: If the network cannot take such images, or returns no vector for each.
    """
    seen: dict[str, list[torch.Size]] = {key: [] for key in watched}
    handles = [
        module.register_forward_hook(_recorder(seen[key])) for key, module in watched.items()
    ]
    channels, side = image
    was_training = network.training
    try:
        features = _run(network.eval(), torch.empty(1, channels, side, side), seen)
    except (AssertionError, RuntimeError, ValueError) as error:
        first_line = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise ConfigError(
            f"'{name}' cannot take images of {side} px: {first_line}. Choose another "
            "model.backbone.image_size."
        ) from error
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    if features.ndim != 2:
        raise ConfigError(
            f"'{name}' returns {tuple(features.shape)} for an image and not a vector of features."
        )
    return features.shape[1], seen


def _recorder(shapes: list[torch.Size]) -> Callable[[Any, Any, Tensor], None]:
    def record(_module: Any, _inputs: Any, output: Tensor) -> None:  # noqa: ANN401 - torch's signature
        shapes.append(getattr(output, "shape", torch.Size()))

    return record


@torch.no_grad()
def _run(network: nn.Module, image: Tensor, seen: dict[str, list[torch.Size]]) -> Tensor:
    state = {
        key: tensor.to("meta")
        for key, tensor in chain(network.named_parameters(), network.named_buffers())
    }
    try:
        features: Tensor = functional_call(network, state, (image.to("meta"),))
    except NotImplementedError:  # an operation that the meta device lacks: compute it, then
        for shapes in seen.values():
            shapes.clear()
        features = network(image.zero_())
    return features

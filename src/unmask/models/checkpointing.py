"""Gradient checkpointing that leaves batch normalisation's running statistics right.

Checkpointing runs a part of the network a second time in the backward pass. In training mode that
second run moves the running statistics once more (timm's ``set_grad_checkpointing`` does nothing
about it), so that evaluation would see other statistics than after a plain step.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from unmask.core.errors import ConfigError

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class StatisticsOnce:
    """Let batch normalisation learn statistics in the forward pass and not when it is repeated.

    Args:
        network: Its batch-norm layers get a hook each.
    """

    def __init__(self, network: nn.Module) -> None:
        self._in_forward = False
        self._kept: dict[nn.Module, tuple[float | None, Tensor | None]] = {}
        for module in network.modules():
            if isinstance(module, BATCH_NORMS):
                module.register_forward_pre_hook(self._hold)
                # Recomputation may stop in the middle of a layer, by an exception.
                module.register_forward_hook(self._release, always_call=True)

    @contextmanager
    def forward_pass(self) -> Iterator[None]:
        """Mark the pass that counts; a pass outside it is a repetition."""
        self._in_forward = True
        try:
            yield
        finally:
            self._in_forward = False

    def _hold(self, module: Any, _inputs: Any) -> None:  # noqa: ANN401 - torch's signature
        if self._in_forward or not module.training:
            return
        count = module.num_batches_tracked
        self._kept[module] = (module.momentum, None if count is None else count.clone())
        module.momentum = 0.0  # normalises by the batch, but keeps what is known of the past

    def _release(self, module: Any, _inputs: Any, _output: Any) -> None:  # noqa: ANN401 - torch's signature
        if module not in self._kept:
            return
        module.momentum, count = self._kept.pop(module)
        if count is not None:
            module.num_batches_tracked.copy_(count)


def checkpoint_gradients(network: Any, name: str) -> StatisticsOnce:  # noqa: ANN401 - a timm network, whose methods have no type
    """Switch timm's gradient checkpointing on.

    Args:
        network: A timm network.
        name: Its architecture, for the message.

    Raises:
        ConfigError: If the architecture has no gradient checkpointing.
    """
    try:
        network.set_grad_checkpointing(True)
    except (AssertionError, AttributeError, NotImplementedError) as error:
        raise ConfigError(
            f"'{name}' has no gradient checkpointing; set model.backbone.grad_checkpointing=false."
        ) from error
    return StatisticsOnce(network)

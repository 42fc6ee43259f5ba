"""What makes a backbone faster and leaves its weights as they are."""

import lightning as L  # noqa: N812 - the library's own convention
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn


class ChannelsLast(Callback):
    """Lay the backbone's weights out as (height, width, channels), which convolutions prefer.

    The layout changes the order of additions and with it the last bits of results.
    """

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:  # noqa: ARG002 - Lightning's signature
        """Change the layout before anything runs."""
        _backbone(pl_module).to(memory_format=torch.channels_last)


class CompileBackbone(Callback):
    """Compile the backbone with ``torch.compile``, in place, so that checkpoints stay the same."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:  # noqa: ARG002 - Lightning's signature
        """Let the first batch compile; a batch of another size may compile once more."""
        _backbone(pl_module).compile()


def _backbone(module: L.LightningModule) -> nn.Module:
    return module.get_submodule("detector.backbone")

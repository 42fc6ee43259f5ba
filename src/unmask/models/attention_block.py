"""Attention over places: a map of where a network looks, which can be shown."""

from typing import cast

import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

# sigmoid(2) = 0.88: pretrained stages behind it see nearly what they were trained on, and the
# sigmoid still has a slope.
_INITIAL_LOGIT = 2.0


class AttentionBlock(nn.Module):
    """Multiply feature maps by one sigmoid map over their places.

    System C multiplies the features with a sigmoid map of 32x32 and lays it over the face; it says
    no more. Two 1x1 convolutions that make the map, and where it starts, are our reading. Inserted
    after the first stage of ResNeXt50, which reduces by 4, 128 px faces give 32x32.

    Args:
        height: Height of the maps, in cells; a convolution does not need it.
        width: Width of the maps, in cells; a convolution does not need it.
        reduction: Between the two convolutions there are ``channels / reduction`` channels.
    """

    def __init__(self, channels: int, height: int, width: int, *, reduction: int = 8) -> None:  # noqa: ARG002 - one signature for all that is inserted
        super().__init__()
        hidden = max(channels // reduction, 1)
        to_logit = nn.Conv2d(hidden, 1, kernel_size=1)
        assert to_logit.bias is not None
        nn.init.constant_(to_logit.bias, _INITIAL_LOGIT)
        nn.init.normal_(to_logit.weight, std=0.01)
        self.to_map = nn.Sequential(
            nn.Conv2d(channels, hidden, kernel_size=1), nn.ReLU(), to_logit, nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """Weigh maps ``(images, channels, height, width)``; the shape stays."""
        return cast(Tensor, features * self.to_map(features))

    def display(self, features: Tensor) -> dict[str, Tensor]:
        """Return ``map``, ``(images, 1, height, width)`` in [0, 1]: how much each place counts."""
        return {"map": self.to_map(features)}


def upsample_map(attention: Tensor, image_size: int) -> Tensor:
    """Stretch attention maps to the image, to be laid over it.

    Args:
        attention: ``(images, 1, height, width)`` in [0, 1].
        image_size: Side of the image in pixels.

    Returns:
        ``(images, 1, image_size, image_size)`` in [0, 1].
    """
    return F.interpolate(attention, size=image_size, mode="bilinear", align_corners=False)

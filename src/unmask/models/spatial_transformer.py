"""A spatial transformer: a network that straightens its own feature maps."""

import math
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class SpatialTransformer(nn.Module):
    """Warp feature maps by an affine transformation that is predicted from them.

    Jaderberg et al., "Spatial Transformer Networks", 2015: a localisation network predicts six
    numbers, which place a sampling grid; features are read there bilinearly. Outside the map they
    continue those at its border. The last layer starts as the identity, so a network into which
    this is inserted starts as it was.

    Args:
        height: Height of the maps, in cells.
        width: Width of the maps, in cells.
        hidden_channels: Width of the localisation network.
    """

    def __init__(
        self, channels: int, height: int, width: int, *, hidden_channels: int = 32
    ) -> None:
        super().__init__()
        # Two strides of 2; flattened rather than pooled, for the place of things is what counts.
        cells = math.ceil(height / 4) * math.ceil(width / 4)
        self.localisation = nn.Sequential(
            nn.Conv2d(channels, hidden_channels, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden_channels, hidden_channels, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(hidden_channels * cells, hidden_channels),
            nn.ReLU(),
        )
        self.to_theta = nn.Linear(hidden_channels, len(IDENTITY))
        nn.init.zeros_(self.to_theta.weight)
        with torch.no_grad():
            self.to_theta.bias.copy_(torch.tensor(IDENTITY))

    def forward(self, features: Tensor) -> Tensor:
        """Warp maps ``(images, channels, height, width)``; the shape stays."""
        with torch.autocast(features.device.type, enabled=False):
            grid = self._grid(self._theta(features), features)
            # Half precision would round places on a map of 56 cells to about a twentieth of a cell.
            warped = F.grid_sample(
                features.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
            )
        return warped.to(features.dtype)

    def display(self, features: Tensor) -> dict[str, Tensor]:
        """Return how maps would be warped.

        Args:
            features: ``(images, channels, height, width)``.

        Returns:
            ``theta``, ``(images, 2, 3)``: the affine transformation from a place in the result to
            the place where it is read; and ``grid``, ``(images, height, width, 2)``: those places
            as x and y, where -1 and 1 are the map's outer edges.
        """
        with torch.autocast(features.device.type, enabled=False):
            theta = self._theta(features)
            return {"theta": theta, "grid": self._grid(theta, features)}

    def _theta(self, features: Tensor) -> Tensor:
        dtype = self.to_theta.weight.dtype
        six = self.to_theta(self.localisation(features.to(dtype)))
        return cast(Tensor, six.float().reshape(len(features), 2, 3))

    @staticmethod
    def _grid(theta: Tensor, features: Tensor) -> Tensor:
        return F.affine_grid(theta, list(features.shape), align_corners=False)

"""MesoNet's two small networks."""

import math
from typing import cast

import torch
from torch import Tensor, nn

_NUM_FEATURES = 16


class _MesoNet(nn.Module):
    """Four blocks of convolution, ReLU, batch normalisation and pooling, then 16 features."""

    mean = (0.0, 0.0, 0.0)  # the authors scale pixels to [0, 1] and do nothing else
    std = (1.0, 1.0, 1.0)

    def __init__(
        self, convolutions: list[tuple[nn.Module, int]], *, image_size: int, dropout: float
    ) -> None:
        super().__init__()
        self.image_size = image_size
        self.num_features = _NUM_FEATURES
        pools = (2, 2, 2, 4)
        self.blocks = nn.Sequential(
            *(
                _block(convolution, width, pool)
                for (convolution, width), pool in zip(convolutions, pools, strict=True)
            )
        )
        cells = math.ceil(image_size / math.prod(pools)) ** 2
        self.project = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(convolutions[-1][1] * cells, _NUM_FEATURES),
            nn.LeakyReLU(0.1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Describe each image.

        Args:
            images: RGB in [0, 1], ``(images, 3, image_size, image_size)``, floating point.

        Returns:
            Features, ``(images, 16)``.
        """
        return cast(Tensor, self.project(self.blocks(images)))

    def parameter_blocks(self) -> list[list[nn.Parameter]]:
        """Return the parameters of each block in order, the projection with the last."""
        blocks = [list(block.parameters()) for block in self.blocks]
        blocks[-1] += self.project.parameters()
        return blocks


class Meso4(_MesoNet):
    """Meso-4 of Afchar et al., "MesoNet: a Compact Facial Video Forgery Detection Network", 2018.

    Layer sizes are those of the paper and of the authors' code. With their single output the
    network has the published 27,977 parameters; a head with two logits has 17 more, 27,994. They
    trained a sigmoid with the squared error, we two logits with cross-entropy. At sides that 32
    does not divide, the last pooling windows lie at the right and lower edge.

    Args:
        image_size: Side of the square input in pixels.
        dropout: Probability of dropping a value before the projection to 16 features in training.
    """

    def __init__(self, *, image_size: int = 256, dropout: float = 0.5) -> None:
        convolutions: list[tuple[nn.Module, int]] = [
            (_conv(3, 8, 3), 8),
            (_conv(8, 8, 5), 8),
            (_conv(8, 16, 5), 16),
            (_conv(16, 16, 5), 16),
        ]
        super().__init__(convolutions, image_size=image_size, dropout=dropout)


class MesoInception4(_MesoNet):
    """MesoInception-4 of the same paper: Meso-4 whose first two blocks are inception modules.

    Two of each module's four branches have dilated convolutions (2 and 3). With a single output
    the network has the published 28,615 parameters; a head with two logits has 17 more, 28,632.

    Args:
        image_size: Side of the square input in pixels.
        dropout: Probability of dropping a value before the projection to 16 features in training.
    """

    def __init__(self, *, image_size: int = 256, dropout: float = 0.5) -> None:
        first, second = _Inception(3, (1, 4, 4, 2)), _Inception(11, (2, 4, 4, 2))
        convolutions: list[tuple[nn.Module, int]] = [
            (first, first.width),
            (second, second.width),
            (_conv(second.width, 16, 5), 16),
            (_conv(16, 16, 5), 16),
        ]
        super().__init__(convolutions, image_size=image_size, dropout=dropout)


class _Inception(nn.Module):
    """Four branches side by side: 1x1, and 1x1 then 3x3 with dilation 1, 2 and 3."""

    def __init__(self, width: int, filters: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.width = sum(filters)
        self.branches = nn.ModuleList([_conv(width, filters[0], 1)])
        for dilation, count in enumerate(filters[1:], start=1):
            reduce, dilated = _conv(width, count, 1), _conv(count, count, 3, dilation)
            self.branches.append(nn.Sequential(reduce, nn.ReLU(), dilated))

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([branch(images) for branch in self.branches], dim=1)


def _conv(width: int, next_width: int, kernel_size: int, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(width, next_width, kernel_size, padding="same", dilation=dilation)


def _block(convolution: nn.Module, width: int, pool: int) -> nn.Sequential:
    return nn.Sequential(
        convolution,
        nn.ReLU(),
        # Keras's defaults, with which the authors trained; its momentum 0.99 is our 0.01.
        nn.BatchNorm2d(width, eps=1e-3, momentum=0.01),
        nn.MaxPool2d(pool, ceil_mode=True),
    )

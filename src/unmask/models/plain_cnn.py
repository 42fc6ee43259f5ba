"""The custom network of system B, small enough to train from scratch."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class PlainCNN(nn.Module):
    """Blocks of convolution, batch normalisation, ReLU, max-pooling and dropout, then pooling.

    System B states the blocks and that their filters grow from 16 to 512 on 224x224 images; the
    order within a block and the 3x3 kernels are our reading. Global average pooling gives the
    features.

    Args:
        filters: Output channels of each block; each block halves the image.
        image_size: Side of the square input in pixels; at least 2 to the number of blocks.
        dropout: Probability of dropping a channel after each block in training.
    """

    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)

    def __init__(
        self,
        filters: Sequence[int] = (16, 32, 64, 128, 256, 512),
        *,
        image_size: int = 224,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not filters:
            raise ValueError("model.backbone.filters is empty; it needs at least one block.")
        if image_size < 2 ** len(filters):
            raise ValueError(
                f"model.backbone.image_size={image_size} is too small for {len(filters)} blocks, "
                f"each of which halves the image; it must be at least {2 ** len(filters)}."
            )
        self.image_size = image_size
        self.num_features = filters[-1]
        widths = [3, *filters]
        self.blocks = nn.Sequential(
            *(_block(width, next_width, dropout) for width, next_width in pairwise(widths))
        )
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> Tensor:
        """Describe each image.

        Args:
            images: Normalised RGB, ``(images, 3, image_size, image_size)``, floating point.

        Returns:
            Features, ``(images, num_features)``.
        """
        features: Tensor = self.pool(self.blocks(images))
        return features

    def parameter_blocks(self) -> list[list[nn.Parameter]]:
        """Return the parameters of each block in order."""
        return [list(block.parameters()) for block in self.blocks]


def _block(width: int, next_width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        # Batch normalisation subtracts the mean, so a bias would have no effect.
        nn.Conv2d(width, next_width, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(next_width),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Dropout2d(dropout),
    )

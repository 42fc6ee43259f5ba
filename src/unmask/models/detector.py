"""The network that training, evaluation and prediction share."""

from collections.abc import Callable
from typing import Protocol, cast

import torch
from einops import rearrange
from torch import Tensor, nn


class Backbone(Protocol):
    """What a detector asks of a backbone: one image in, ``num_features`` numbers out."""

    num_features: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """Map normalised ``(images, 3, image_size, image_size)`` to ``(images, num_features)``."""
        ...


class Detector(nn.Module):
    """Apply a backbone to every frame of a clip and a temporal head to the sequence.

    The detector owns its normalisation, so that what prepares the frames cannot disagree with it.

    Args:
        backbone: Maps one image to ``num_features`` numbers and says how images must be normalised.
        head: Builds the temporal head once ``num_features`` is known; in a config, the head's
            ``_partial_: true``.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone, head: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head(backbone.num_features)
        self.image_size = backbone.image_size
        shape = (1, len(backbone.mean), 1, 1)
        # In units of uint8: one subtraction and one division bring a frame to the network's range.
        self.register_buffer("mean", 255 * torch.tensor(backbone.mean).reshape(shape))
        self.register_buffer("std", 255 * torch.tensor(backbone.std).reshape(shape))

    def forward(self, frames: Tensor, is_frame: Tensor) -> Tensor:
        """Score each clip.

        Args:
            frames: RGB, ``(batch, frames, 3, height, width)``, uint8.
            is_frame: False where a frame is padding, ``(batch, frames)``; padding comes last.

        Returns:
            Logits, ``(batch, 2)``; index 1 is fake.

        Raises:
            ValueError: If the frames are not square images of the backbone's ``image_size``.
        """
        self._check(frames, is_frame)
        images = rearrange(frames, "batch frames c h w -> (batch frames) c h w")
        is_image = rearrange(is_frame, "batch frames -> (batch frames)")
        # Padding never enters the backbone: in training it would change batch-norm's statistics.
        encoded = self.backbone((images[is_image].to(self.mean.dtype) - self.mean) / self.std)
        features = encoded.new_zeros(len(images), encoded.shape[1])
        features[is_image] = encoded
        features = rearrange(features, "(batch frames) d -> batch frames d", batch=len(frames))
        return cast(Tensor, self.head(features, is_frame))

    def _check(self, frames: Tensor, is_frame: Tensor) -> None:
        size = self.image_size
        if frames.ndim != 5 or tuple(frames.shape[2:]) != (3, size, size):
            raise ValueError(
                f"frames must be (batch, frames, 3, {size}, {size}), got {tuple(frames.shape)}."
            )
        if frames.dtype != torch.uint8:
            raise ValueError(f"frames must be uint8, got {frames.dtype}.")
        if is_frame.shape != frames.shape[:2]:
            raise ValueError(
                f"is_frame must be {tuple(frames.shape[:2])} like frames, "
                f"got {tuple(is_frame.shape)}."
            )


def fake_scores(logits: Tensor) -> Tensor:
    """Turn logits into the probability of fake.

    Args:
        logits: ``(batch, 2)``.

    Returns:
        Scores in [0, 1], ``(batch,)``, float32 whatever precision the logits have.

    Example:
        >>> fake_scores(torch.zeros(1, 2))
        tensor([0.5000])
    """
    return logits.float().softmax(dim=1)[:, 1]


def count_parameters(module: nn.Module, *, trainable_only: bool = False) -> int:
    """Count a module's parameters.

    Example:
        >>> count_parameters(nn.Linear(3, 2))
        8
    """
    return sum(
        parameter.numel()
        for parameter in module.parameters()
        if parameter.requires_grad or not trainable_only
    )

"""Heads that ignore the order of frames."""

from abc import ABC, abstractmethod

import torch
from einops import rearrange
from torch import Tensor, nn

from unmask.models.heads.normalisation import FrameNorms


def masked_mean(features: Tensor, is_frame: Tensor) -> Tensor:
    """Average over the frames that are real.

    Args:
        features: ``(batch, frames, features)``.
        is_frame: False where a frame is padding, ``(batch, frames)``.

    Returns:
        ``(batch, features)``.

    Example:
        >>> masked_mean(torch.tensor([[[1.0], [3.0], [99.0]]]), torch.tensor([[True, True, False]]))
        tensor([[2.]])
    """
    weights = rearrange(is_frame, "batch frames -> batch frames 1").to(features.dtype)
    total: Tensor = (features * weights).sum(dim=1) / weights.sum(dim=1)
    return total


def masked_max(features: Tensor, is_frame: Tensor) -> Tensor:
    """Take the largest value of each feature over the frames that are real.

    Args:
        features: ``(batch, frames, features)``.
        is_frame: False where a frame is padding, ``(batch, frames)``.

    Returns:
        ``(batch, features)``.

    Example:
        >>> masked_max(torch.tensor([[[1.0], [3.0], [99.0]]]), torch.tensor([[True, True, False]]))
        tensor([[3.]])
    """
    padding = rearrange(~is_frame, "batch frames -> batch frames 1")
    return features.masked_fill(padding, torch.finfo(features.dtype).min).amax(dim=1)


class _PoolingHead(nn.Module, ABC):
    """Pool the frames' features, drop some, classify.

    Args:
        num_features: Width of a frame's features.
        dropout: Probability of dropping a pooled feature in training.
        spatial_norm: Batch normalisation of the frames' features.
        temporal_norm: Layer normalisation of each frame's features.
    """

    def __init__(
        self,
        num_features: int,
        *,
        dropout: float = 0.0,
        spatial_norm: bool = False,
        temporal_norm: bool = False,
    ) -> None:
        super().__init__()
        self.norms = FrameNorms(num_features, spatial=spatial_norm, temporal=temporal_norm)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(num_features, 2)

    @abstractmethod
    def pool(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Map ``(batch, frames, features)`` and ``(batch, frames)`` to ``(batch, features)``."""

    def forward(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Map ``(batch, frames, features)`` and ``(batch, frames)`` to logits ``(batch, 2)``."""
        pooled = self.pool(self.norms(features, is_frame), is_frame)
        logits: Tensor = self.classifier(self.dropout(pooled))
        return logits


class MeanHead(_PoolingHead):
    """Average the frames' features, then classify: the head of system A's Swin.

    Args:
        num_features: Width of a frame's features.
        dropout: Probability of dropping a pooled feature in training.
        spatial_norm: Batch normalisation of the frames' features.
        temporal_norm: Layer normalisation of each frame's features.
    """

    def pool(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Average over the real frames, ``(batch, features)``."""
        return masked_mean(features, is_frame)


class MaxHead(_PoolingHead):
    """Take each feature's maximum over the frames, then classify.

    Args:
        num_features: Width of a frame's features.
        dropout: Probability of dropping a pooled feature in training.
        spatial_norm: Batch normalisation of the frames' features.
        temporal_norm: Layer normalisation of each frame's features.
    """

    def pool(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Take the maximum over the real frames, ``(batch, features)``."""
        return masked_max(features, is_frame)

"""Normalisation of the frames' features before any head: over the batch, and within a frame."""

import torch.nn.functional as F  # noqa: N812 - the library's own convention
from torch import Tensor, nn


class SpatialNorm(nn.BatchNorm1d):
    """Batch normalisation of each feature over all real frames of a batch.

    Padding neither enters the statistics nor is changed. Where a batch holds a single real frame,
    which has no variance, the running statistics are used in training too.
    """

    def forward(self, features: Tensor, is_frame: Tensor) -> Tensor:  # type: ignore[override]  # padding must be known
        """Map ``(batch, frames, features)`` and ``(batch, frames)`` to normalised features."""
        real = features[is_frame]
        if len(real) > 1 or not self.training:
            normalised = super().forward(real)
        else:
            normalised = F.batch_norm(
                real, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        result = features.to(normalised.dtype, copy=True)
        result[is_frame] = normalised
        return result


class FrameNorms(nn.Module):
    """What every head may do with the features of the frames before it looks at them.

    System A names both: "spatial (batch) normalisation" and "temporal (layer) normalisation on the
    sequence". It does not say where they stand; here both stand between backbone and head, spatial
    first, so that every head can have them.

    Args:
        num_features: Width of a frame's features.
        spatial: Batch normalisation of each feature over the real frames of the batch.
        temporal: Layer normalisation of each frame's features.
    """

    def __init__(self, num_features: int, *, spatial: bool, temporal: bool) -> None:
        super().__init__()
        self.spatial = SpatialNorm(num_features) if spatial else None
        self.temporal = nn.LayerNorm(num_features) if temporal else None

    def forward(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Map ``(batch, frames, features)`` and ``(batch, frames)`` to features of that shape."""
        if self.spatial is not None:
            features = self.spatial(features, is_frame)
        if self.temporal is not None:
            features = self.temporal(features)
        return features

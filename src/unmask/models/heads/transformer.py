"""A head in which every frame looks at every other."""

from typing import Literal

import torch
from torch import Tensor, nn

from unmask.models.heads.normalisation import FrameNorms
from unmask.models.heads.pooling import masked_mean
from unmask.models.heads.position import Position, PositionEncoding

Readout = Literal["cls", "mean"]


class TransformerHead(nn.Module):
    """Transformer encoder over the frames (Vaswani et al., 2017), LeakyReLU, dropout, two logits.

    Layer normalisation stands before each block (Xiong et al., "On Layer Normalization in the
    Transformer Architecture", ICML 2020), which trains without a warm-up.

    Args:
        num_features: Width of a frame's features.
        width: Width inside the encoder; the features are projected to it.
        num_heads: Attention heads of a layer; must divide ``width``.
        position: ``"sinusoidal"``, ``"learned"``, or ``"none"``: the head cannot know the order.
        max_frames: Longest clip, where there are positions.
        readout: What stands for the clip: a learned token of its own, or the mean over the frames.
        dropout: Probability of dropping a number in training, in the encoder and before the logits.
        spatial_norm: Batch normalisation of the frames' features.
        temporal_norm: Layer normalisation of each frame's features.

    Raises:
        ValueError: If there is no such ``position`` or ``readout``, or ``num_heads`` does not
            divide ``width``.
    """

    def __init__(
        self,
        num_features: int,
        *,
        width: int = 256,
        num_layers: int = 2,
        num_heads: int = 4,
        position: Position = "sinusoidal",
        max_frames: int = 128,
        readout: Readout = "cls",
        dropout: float = 0.1,
        spatial_norm: bool = False,
        temporal_norm: bool = False,
    ) -> None:
        super().__init__()
        if readout not in ("cls", "mean"):
            raise ValueError(f"readout must be 'cls' or 'mean', got {readout!r}.")
        if width % num_heads:
            raise ValueError(f"width={width} cannot be shared out evenly to num_heads={num_heads}.")
        self.norms = FrameNorms(num_features, spatial=spatial_norm, temporal=temporal_norm)
        self.project = nn.Linear(num_features, width)
        self.position = PositionEncoding(position, width, max_frames=max_frames)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, width)) if readout == "cls" else None
        layer = nn.TransformerEncoderLayer(
            width, num_heads, dim_feedforward=2 * width, dropout=dropout, activation="gelu",
            batch_first=True, norm_first=True,
        )  # fmt: skip
        # Nested tensors are for norm_first=False only.
        self.encoder = nn.TransformerEncoder(
            layer, num_layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.activation = nn.LeakyReLU()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, 2)

    def forward(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Map ``(batch, frames, features)`` and ``(batch, frames)`` to logits ``(batch, 2)``."""
        vectors = self.position(self.project(self.norms(features, is_frame)))
        if self.token is None:
            states = self.encoder(vectors, src_key_padding_mask=~is_frame)
            summary = masked_mean(states, is_frame)
        else:
            token = self.token.expand(len(vectors), -1, -1).to(vectors.dtype)
            is_vector = torch.cat((is_frame.new_ones(len(is_frame), 1), is_frame), dim=1)
            states = self.encoder(
                torch.cat((token, vectors), dim=1), src_key_padding_mask=~is_vector
            )
            summary = states[:, 0]
        logits: Tensor = self.classifier(self.dropout(self.activation(summary)))
        return logits

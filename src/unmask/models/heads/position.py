"""Telling a head where in the clip a frame stands."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from unmask.core.errors import ConfigError, did_you_mean

Position = Literal["none", "sinusoidal", "learned"]
POSITIONS = ("none", "sinusoidal", "learned")


def sinusoids(num_frames: int, width: int) -> Tensor:
    """Return a vector for each place in a clip: sines and cosines of falling frequency.

    As in Vaswani et al., "Attention Is All You Need", 2017, section 3.5.

    Args:
        width: Length of a vector.

    Returns:
        ``(num_frames, width)``, in [-1, 1].

    Example:
        >>> sinusoids(2, 2)
        tensor([[0.0000, 1.0000],
                [0.8415, 0.5403]])
    """
    places = torch.arange(num_frames, dtype=torch.float32)[:, None]
    rates = torch.exp(-math.log(10_000.0) * torch.arange(0, width, 2) / width)
    table = torch.zeros(num_frames, width)
    table[:, 0::2] = torch.sin(places * rates)
    table[:, 1::2] = torch.cos(places * rates)[:, : width // 2]
    return table


class PositionEncoding(nn.Module):
    """Add to each frame's vector one that says where in the clip it stands.

    Args:
        kind: ``"sinusoidal"`` (fixed), ``"learned"``, or ``"none"``, which adds nothing.
        width: Length of a frame's vector.

    Raises:
        ValueError: If there is no such kind, or ``max_frames`` is less than 1.
    """

    def __init__(self, kind: Position, width: int, *, max_frames: int) -> None:
        super().__init__()
        if kind not in POSITIONS:
            raise ValueError(f"There is no position '{kind}'" + did_you_mean(kind, POSITIONS))
        if max_frames < 1:
            raise ValueError(f"max_frames must be at least 1, got {max_frames}.")
        self.kind = kind
        self.max_frames = max_frames
        if kind == "sinusoidal":
            self.register_buffer("table", sinusoids(max_frames, width), persistent=False)
        elif kind == "learned":
            # The scale of BERT's and ViT's: small beside the features, so that these lead at first.
            self.table = nn.Parameter(0.02 * torch.randn(max_frames, width))

    def forward(self, vectors: Tensor) -> Tensor:
        """Map ``(batch, frames, width)`` to the same shape.

        Raises:
            ConfigError: If the clips are longer than ``max_frames``.
        """
        if self.kind == "none":
            return vectors
        num_frames = vectors.shape[1]
        self.require_room(num_frames)
        table = self.table[:num_frames]
        assert isinstance(table, Tensor)
        return vectors + table.to(vectors.dtype)

    def require_room(self, num_frames: int) -> None:
        """Refuse clips that are longer than there are positions.

        Raises:
            ConfigError: If they are.
        """
        if self.kind != "none" and num_frames > self.max_frames:
            raise ConfigError(
                f"The clips have {num_frames} frames, but the head has positions for "
                f"{self.max_frames}. Raise model.head.max_frames or lower clips.num_frames."
            )

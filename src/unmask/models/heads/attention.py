"""Pooling by learned weights over the frames."""

from einops import rearrange
from torch import Tensor, nn

from unmask.models.heads.normalisation import FrameNorms
from unmask.models.heads.position import Position, PositionEncoding


class AttentionHead(nn.Module):
    """Average the frames' features by weights that the head learns, then classify.

    The weights are those of attention-based multiple-instance learning (Ilse, Tomczak and Welling,
    "Attention-based Deep Multiple Instance Learning", ICML 2018, equation 8). Without positions the
    head cannot know the order of the frames; with them, the place of a frame takes part in its
    weight, which goes beyond that paper.

    Args:
        num_features: Width of a frame's features.
        hidden_size: Width of the layer that the weights come from.
        position: How a weight knows its frame's place: ``"none"``, ``"sinusoidal"`` or
            ``"learned"``.
        max_frames: Longest clip, where there are positions.
        dropout: Probability of dropping a pooled feature in training.
        spatial_norm: Batch normalisation of the frames' features.
        temporal_norm: Layer normalisation of each frame's features.

    Raises:
        ValueError: If there is no such ``position``.
    """

    def __init__(
        self,
        num_features: int,
        *,
        hidden_size: int = 128,
        position: Position = "none",
        max_frames: int = 128,
        dropout: float = 0.4,
        spatial_norm: bool = False,
        temporal_norm: bool = False,
    ) -> None:
        super().__init__()
        self.norms = FrameNorms(num_features, spatial=spatial_norm, temporal=temporal_norm)
        self.position = PositionEncoding(position, num_features, max_frames=max_frames)
        # The softmax cancels a bias of the last layer.
        self.scorer = nn.Sequential(
            nn.Linear(num_features, hidden_size), nn.Tanh(), nn.Linear(hidden_size, 1, bias=False)
        )
        self.activation = nn.LeakyReLU()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(num_features, 2)

    def forward(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Map ``(batch, frames, features)`` and ``(batch, frames)`` to logits ``(batch, 2)``."""
        features = self.norms(features, is_frame)
        weights = rearrange(self._weights(features, is_frame), "batch frames -> batch frames 1")
        pooled = (weights * features).sum(dim=1)
        logits: Tensor = self.classifier(self.dropout(self.activation(pooled)))
        return logits

    def weights(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Return how much each frame counts, to be shown beside it.

        Args:
            features: ``(batch, frames, features)``, as for :meth:`forward`.
            is_frame: False where a frame is padding, ``(batch, frames)``.

        Returns:
            ``(batch, frames)``, in [0, 1]; 0 at padding, and each clip's sum is 1.
        """
        return self._weights(self.norms(features, is_frame), is_frame)

    def _weights(self, features: Tensor, is_frame: Tensor) -> Tensor:
        scores = rearrange(self.scorer(self.position(features)), "batch frames 1 -> batch frames")
        weights: Tensor = scores.masked_fill(~is_frame, float("-inf")).softmax(dim=1)
        return weights

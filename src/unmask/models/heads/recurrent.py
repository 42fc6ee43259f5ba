"""Recurrent heads, which read the frames in order."""

from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unmask.models.heads.normalisation import FrameNorms
from unmask.models.heads.pooling import masked_max, masked_mean

Readout = Literal["last", "mean", "max"]


class _RecurrentHead(nn.Module):
    """A recurrent network over the frames, LeakyReLU, dropout and two logits.

    Args:
        num_features: Width of a frame's features.
        hidden_size: Width of the state.
        bidirectional: Read the frames backwards as well.
        readout: What stands for the clip: the last state, or a pool over all of them.
        dropout: Probability of dropping a read-out feature in training.
        layer_dropout: Probability of dropping a state on its way from one layer to the next.
        spatial_norm: Batch normalisation of the frames' features before the network.
        temporal_norm: Layer normalisation of each frame's features before the network.

    Raises:
        ValueError: If there is no such ``readout``, or ``layer_dropout`` has no layer to act on.
    """

    network: ClassVar[type[nn.LSTM] | type[nn.GRU]]

    def __init__(
        self,
        num_features: int,
        *,
        hidden_size: int = 256,
        num_layers: int = 1,
        bidirectional: bool = False,
        readout: Readout = "last",
        dropout: float = 0.4,
        layer_dropout: float = 0.0,
        spatial_norm: bool = False,
        temporal_norm: bool = False,
    ) -> None:
        super().__init__()
        if layer_dropout and num_layers == 1:
            raise ValueError(
                f"layer_dropout={layer_dropout} acts between stacked layers, but num_layers=1. Set "
                "layer_dropout=0, or num_layers to 2 or more."
            )
        if readout not in ("last", "mean", "max"):
            raise ValueError(f"readout must be 'last', 'mean' or 'max', got {readout!r}.")
        self.norms = FrameNorms(num_features, spatial=spatial_norm, temporal=temporal_norm)
        self.recurrent = self.network(
            num_features, hidden_size, num_layers, batch_first=True,
            bidirectional=bidirectional, dropout=layer_dropout,
        )  # fmt: skip
        self.readout = readout
        self.activation = nn.LeakyReLU()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear((2 if bidirectional else 1) * hidden_size, 2)

    def forward(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Map ``(batch, frames, features)`` and ``(batch, frames)`` to logits ``(batch, 2)``."""
        # Packing keeps padding out of the recurrence, also in the backward direction.
        lengths = is_frame.sum(dim=1).cpu()
        packed = pack_padded_sequence(
            self.norms(features, is_frame), lengths, batch_first=True, enforce_sorted=False
        )
        outputs, state = self.recurrent(packed)
        if self.readout == "last":
            summary = self._last_state(state)
        else:
            states, _ = pad_packed_sequence(
                outputs, batch_first=True, total_length=is_frame.shape[1]
            )
            pool = masked_mean if self.readout == "mean" else masked_max
            summary = pool(states, is_frame)
        logits: Tensor = self.classifier(self.dropout(self.activation(summary)))
        return logits

    def _last_state(self, state: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        """Join the top layer's final hidden states, ``(batch, directions * hidden)``."""
        hidden = (
            state[0] if isinstance(state, tuple) else state
        )  # (layers * directions, batch, hidden)
        num_directions = 2 if self.recurrent.bidirectional else 1
        top = hidden[-num_directions:]
        return top.transpose(0, 1).flatten(start_dim=1)


class LSTMHead(_RecurrentHead):
    """LSTM over the frames, as in system A (hidden 256, last state) and D (hidden 2048, mean).

    System D passed ``bidirectional`` in the place of ``bias`` and left ``batch_first`` out, so
    its LSTM ran across the batch; this one runs along the frames.
    """

    network = nn.LSTM


class GRUHead(_RecurrentHead):
    """GRU over the frames, as among system E's members."""

    network = nn.GRU

"""Every head, by parametrisation."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from unmask.models.heads.pooling import MaxHead, MeanHead
from unmask.models.heads.recurrent import GRUHead, LSTMHead

WIDTH = 6
POOLING = {"mean": MeanHead, "max": MaxHead}
RECURRENT = {
    f"{name}-{readout}-{'both' if bidirectional else 'forward'}": (head, readout, bidirectional)
    for name, head in (("lstm", LSTMHead), ("gru", GRUHead))
    for readout in ("last", "mean", "max")
    for bidirectional in (False, True)
}


def make_head(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name in POOLING:
        return POOLING[name](WIDTH).eval()
    head, readout, bidirectional = RECURRENT[name]
    return head(WIDTH, hidden_size=5, readout=readout, bidirectional=bidirectional).eval()


@pytest.fixture(params=[*POOLING, *RECURRENT])
def head(request: pytest.FixtureRequest) -> nn.Module:
    return make_head(request.param)


def features(batch: int = 3, frames: int = 7) -> Tensor:
    return torch.randn(batch, frames, WIDTH, generator=torch.Generator().manual_seed(1))


def all_real(batch: int = 3, frames: int = 7) -> Tensor:
    return torch.ones(batch, frames, dtype=torch.bool)


def test_logits_have_two_columns(head: nn.Module) -> None:
    assert head(features(), all_real()).shape == (3, 2)


def test_gradient_reaches_every_parameter(head: nn.Module) -> None:
    head(features(), all_real())[:, 1].sum().backward()
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters() if p.ndim > 1
    )


def test_batch_order_does_not_matter(head: nn.Module) -> None:
    order = torch.tensor([2, 0, 1])
    shuffled = head(features()[order], all_real())
    torch.testing.assert_close(shuffled, head(features(), all_real())[order])


def test_padding_changes_nothing(head: nn.Module) -> None:
    padded = torch.cat((features(), 1e3 * torch.randn(3, 4, WIDTH)), dim=1)
    is_frame = torch.cat((all_real(), torch.zeros(3, 4, dtype=torch.bool)), dim=1)
    torch.testing.assert_close(head(padded, is_frame), head(features(), all_real()))


def test_clips_of_different_lengths_do_not_touch_each_other(head: nn.Module) -> None:
    lengths = [7, 3, 5]
    is_frame = torch.arange(7)[None] < torch.tensor(lengths)[:, None]
    together = head(features(), is_frame)
    alone = [
        head(features()[row : row + 1, :length], all_real(1, length))
        for row, length in enumerate(lengths)
    ]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("name", POOLING)
def test_pooling_ignores_the_order_of_frames(name: str) -> None:
    head = make_head(name)
    torch.testing.assert_close(head(features().flip(1), all_real()), head(features(), all_real()))


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrence_sees_the_order_of_frames(name: str) -> None:
    head = make_head(name)
    difference = head(features().flip(1), all_real()) - head(features(), all_real())
    assert difference.abs().max() > 1e-4


@pytest.mark.parametrize("head_class", [MeanHead, MaxHead, LSTMHead, GRUHead])
def test_dropout_has_an_effect_in_training_only(head_class: Callable[..., nn.Module]) -> None:
    head = head_class(WIDTH, dropout=0.5)
    torch.manual_seed(0)
    assert not torch.equal(head(features(), all_real()), head(features(), all_real()))
    head.eval()
    torch.testing.assert_close(head(features(), all_real()), head(features(), all_real()))


@pytest.mark.parametrize("head_class", [LSTMHead, GRUHead])
@pytest.mark.parametrize(
    "knob",
    [{"hidden_size": 9}, {"num_layers": 2}, {"bidirectional": True}, {"temporal_norm": True}],
)
def test_every_knob_changes_the_network(
    head_class: Callable[..., nn.Module], knob: dict[str, int]
) -> None:
    plain, changed = (
        head_class(WIDTH, hidden_size=5),
        head_class(WIDTH, **{"hidden_size": 5} | knob),
    )
    assert sum(p.numel() for p in plain.parameters()) != sum(
        p.numel() for p in changed.parameters()
    )


@pytest.mark.parametrize("head_class", [LSTMHead, GRUHead])
def test_an_unknown_readout_is_named(head_class: Callable[..., nn.Module]) -> None:
    with pytest.raises(ValueError, match="'first'"):
        head_class(WIDTH, readout="first")


def test_state_round_trips(head: nn.Module) -> None:
    state = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    before = head(features(), all_real())
    for parameter in head.parameters():
        parameter.data.zero_()
    head.load_state_dict(state)
    torch.testing.assert_close(head(features(), all_real()), before)

"""Every head, by parametrisation."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.models.heads.attention import AttentionHead
from unmask.models.heads.pooling import MaxHead, MeanHead
from unmask.models.heads.position import sinusoids
from unmask.models.heads.recurrent import GRUHead, LSTMHead
from unmask.models.heads.transformer import TransformerHead

WIDTH = 6
MakeHead = Callable[..., nn.Module]
# Every head by name, with what it is called with; small, so that each test takes milliseconds.
HEADS: dict[str, tuple[MakeHead, dict[str, object]]] = {
    "mean": (MeanHead, {}),
    "max": (MaxHead, {}),
    "attention": (AttentionHead, {"hidden_size": 5}),
    **{
        f"attention-{position}": (AttentionHead, {"hidden_size": 5, "position": position})
        for position in ("sinusoidal", "learned")
    },
    **{
        f"{name}-{readout}-{'both' if bidirectional else 'forward'}": (
            head,
            {"hidden_size": 5, "readout": readout, "bidirectional": bidirectional},
        )
        for name, head in (("lstm", LSTMHead), ("gru", GRUHead))
        for readout in ("last", "mean", "max")
        for bidirectional in (False, True)
    },
    **{
        f"transformer-{position}-{readout}": (
            TransformerHead,
            {"width": 8, "num_heads": 2, "position": position, "readout": readout},
        )
        for position in ("none", "sinusoidal", "learned")
        for readout in ("cls", "mean")
    },
}
ORDERLESS = [
    "mean", "max", "attention", "transformer-none-cls", "transformer-none-mean",
]  # fmt: skip
ONE_OF_EACH = [
    "mean", "max", "attention", "lstm-last-forward", "gru-last-both", "transformer-sinusoidal-cls",
]  # fmt: skip


def make_head(name: str, **knobs: object) -> nn.Module:
    torch.manual_seed(0)
    head, defaults = HEADS[name]
    return head(WIDTH, **defaults | knobs).eval()


@pytest.fixture(params=HEADS)
def head(request: pytest.FixtureRequest) -> nn.Module:
    return make_head(request.param)


def features(batch: int = 3, frames: int = 7) -> Tensor:
    return torch.randn(batch, frames, WIDTH, generator=torch.Generator().manual_seed(1))


def all_real(batch: int = 3, frames: int = 7) -> Tensor:
    return torch.ones(batch, frames, dtype=torch.bool)


def test_logits_have_two_columns(head: nn.Module) -> None:
    assert head(features(), all_real()).shape == (3, 2)


@pytest.mark.parametrize("norms", [False, True])
@pytest.mark.parametrize("name", HEADS)
def test_gradient_reaches_every_parameter(name: str, norms: bool) -> None:
    head = make_head(name, spatial_norm=norms, temporal_norm=norms)
    head(features(), all_real())[:, 1].sum().backward()
    without = [n for n, p in head.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_batch_order_does_not_matter(head: nn.Module) -> None:
    order = torch.tensor([2, 0, 1])
    shuffled = head(features()[order], all_real())
    torch.testing.assert_close(shuffled, head(features(), all_real())[order])


def test_padding_changes_nothing(head: nn.Module) -> None:
    padded = torch.cat((features(), 1e3 * torch.randn(3, 4, WIDTH)), dim=1)
    is_frame = torch.cat((all_real(), torch.zeros(3, 4, dtype=torch.bool)), dim=1)
    torch.testing.assert_close(head(padded, is_frame), head(features(), all_real()))


@pytest.mark.parametrize("name", HEADS)
@settings(max_examples=5)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), extra=st.integers(0, 5))
def test_logits_do_not_depend_on_padding(name: str, lengths: list[int], extra: int) -> None:
    padded_head = make_head(name, spatial_norm=True, temporal_norm=True)
    most = max(lengths)
    is_frame = torch.arange(most + extra)[None] < torch.tensor(lengths)[:, None]
    clips = 1e3 * torch.randn(len(lengths), most + extra, WIDTH)
    clips[:, :most][is_frame[:, :most]] = features(len(lengths), most)[is_frame[:, :most]]
    expected = padded_head(features(len(lengths), most), is_frame[:, :most])
    torch.testing.assert_close(padded_head(clips, is_frame), expected)


def test_clips_of_different_lengths_do_not_touch_each_other(head: nn.Module) -> None:
    lengths = [7, 3, 5]
    is_frame = torch.arange(7)[None] < torch.tensor(lengths)[:, None]
    together = head(features(), is_frame)
    alone = [
        head(features()[row : row + 1, :length], all_real(1, length))
        for row, length in enumerate(lengths)
    ]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("name", ORDERLESS)
def test_some_heads_ignore_the_order_of_frames(name: str) -> None:
    head = make_head(name)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(2))
    shuffled = head(features()[:, order], all_real())
    torch.testing.assert_close(shuffled, head(features(), all_real()))


@pytest.mark.parametrize("name", [name for name in HEADS if name not in ORDERLESS])
def test_the_others_see_the_order_of_frames(name: str) -> None:
    head = make_head(name)
    difference = head(features().flip(1), all_real()) - head(features(), all_real())
    assert difference.abs().max() > 1e-4


def test_changing_one_clip_leaves_the_others_as_they_are(head: nn.Module) -> None:
    changed = features()
    changed[0] += 1.0
    before, after = head(features(), all_real()), head(changed, all_real())
    torch.testing.assert_close(after[1:], before[1:])
    assert (after[0] - before[0]).abs().max() > 1e-4


@pytest.mark.parametrize("name", ["lstm-last-forward", "gru-last-forward"])
def test_the_first_frame_reaches_the_last_state(name: str) -> None:
    head = make_head(name)
    clips = features().requires_grad_()
    head(clips, all_real())[1].sum().backward()
    assert clips.grad is not None
    assert (clips.grad[1].abs().sum(dim=1) > 0).all()
    assert clips.grad[[0, 2]].abs().sum() == 0


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_dropout_has_an_effect_in_training_only(name: str) -> None:
    head = make_head(name, dropout=0.5).train()
    torch.manual_seed(0)
    assert not torch.equal(head(features(), all_real()), head(features(), all_real()))
    head.eval()
    torch.testing.assert_close(head(features(), all_real()), head(features(), all_real()))
    without = make_head(name, dropout=0.0).train()
    torch.testing.assert_close(without(features(), all_real()), without(features(), all_real()))


@pytest.mark.parametrize("head_class", [LSTMHead, GRUHead])
def test_dropout_between_layers_has_an_effect_in_training_only(head_class: MakeHead) -> None:
    head = head_class(WIDTH, num_layers=2, dropout=0.0, layer_dropout=0.5)
    torch.manual_seed(0)
    assert not torch.equal(head(features(), all_real()), head(features(), all_real()))
    head.eval()
    torch.testing.assert_close(head(features(), all_real()), head(features(), all_real()))


@pytest.mark.parametrize("head_class", [LSTMHead, GRUHead])
def test_dropout_between_layers_needs_two_of_them(head_class: MakeHead) -> None:
    with pytest.raises(ValueError, match=r"layer_dropout=0.3 .* num_layers=1"):
        head_class(WIDTH, layer_dropout=0.3)


@pytest.mark.parametrize("head_class", [LSTMHead, GRUHead])
@pytest.mark.parametrize("knob", [{"hidden_size": 9}, {"num_layers": 2}, {"bidirectional": True}])
def test_every_knob_changes_the_network(head_class: MakeHead, knob: dict[str, int]) -> None:
    plain, changed = (
        head_class(WIDTH, hidden_size=5),
        head_class(WIDTH, **{"hidden_size": 5} | knob),
    )
    assert sum(p.numel() for p in plain.parameters()) != sum(
        p.numel() for p in changed.parameters()
    )


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_layer_normalisation_forgets_a_frames_scale(name: str) -> None:
    head = make_head(name, temporal_norm=True)
    plain = make_head(name)
    brighter = 3 * features() + 2
    torch.testing.assert_close(
        head(brighter, all_real()), head(features(), all_real()), atol=1e-3, rtol=1e-3
    )
    assert (plain(brighter, all_real()) - plain(features(), all_real())).abs().max() > 1e-2


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_batch_normalisation_forgets_the_scale_of_the_data_set(name: str) -> None:
    head = make_head(name, spatial_norm=True, dropout=0.0).train()
    brighter = 3 * features() + 2
    torch.testing.assert_close(
        head(brighter, all_real()), head(features(), all_real()), atol=1e-3, rtol=1e-3
    )


def test_padding_stays_out_of_the_statistics() -> None:
    head = make_head("mean", spatial_norm=True).train()
    is_frame = torch.arange(7)[None] < torch.tensor([7, 3, 5])[:, None]
    head(features().masked_fill(~is_frame[..., None], 1e6), is_frame)
    real = features()[is_frame]
    # A new statistic counts a tenth; the variance begins at 1.
    torch.testing.assert_close(head.norms.spatial.running_mean, 0.1 * real.mean(dim=0))
    torch.testing.assert_close(head.norms.spatial.running_var, 0.9 + 0.1 * real.var(dim=0))


def test_a_single_frame_can_be_trained_on() -> None:
    head = make_head("mean", spatial_norm=True, dropout=0.0)
    one, is_frame = features(1, 1), all_real(1, 1)
    torch.testing.assert_close(head.train()(one, is_frame), head.eval()(one, is_frame))


@pytest.mark.parametrize("name", ["attention", "attention-sinusoidal", "attention-learned"])
def test_attention_weights_can_be_shown(name: str) -> None:
    head = make_head(name)
    is_frame = torch.arange(7)[None] < torch.tensor([7, 3, 5])[:, None]
    weights = head.weights(features(), is_frame)
    assert weights.shape == (3, 7)
    assert (weights[~is_frame] == 0).all()
    assert (weights[is_frame] > 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    pooled = torch.einsum("bf,bfd->bd", weights, features())
    expected = head.classifier(nn.functional.leaky_relu(pooled))
    torch.testing.assert_close(head(features(), is_frame), expected)


def clips_with_a_forged_frame(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return clips, which frame of each is forged if the clip is fake, and the labels."""
    forged = torch.randint(5, (64,), generator=generator)
    labels = torch.randint(2, (64,), generator=generator)
    clips = torch.randn(64, 5, WIDTH, generator=generator)
    clips[torch.arange(64), forged, 0] += 5.0 * labels
    return clips, forged, labels


def test_attention_learns_to_show_the_forged_frame() -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    head = AttentionHead(WIDTH, dropout=0.0)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(150):
        clips, _, labels = clips_with_a_forged_frame(generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(head(clips, all_real(64, 5)), labels).backward()
        optimizer.step()
    clips, forged, labels = clips_with_a_forged_frame(generator)
    weights = head.weights(clips, all_real(64, 5))[torch.arange(64), forged]
    assert weights[labels == 1].mean() > 0.8
    assert weights[labels == 0].mean() < 0.4


def test_sinusoids_of_an_odd_width_are_those_of_the_next_even_one() -> None:
    assert sinusoids(4, 5).shape == (4, 5)
    assert len(torch.unique(sinusoids(128, 5), dim=0)) == 128


@pytest.mark.parametrize(("head_class", "knob", "message"), [
    (AttentionHead, {"position": "sine"}, r"no position 'sine'; choose|did you mean"),
    (TransformerHead, {"position": "learnt"}, r"'learnt'; did you mean 'learned'"),
    (TransformerHead, {"readout": "last"}, "'last'"),
    (TransformerHead, {"width": 10, "num_heads": 4}, r"width=10 .* num_heads=4"),
    (TransformerHead, {"max_frames": 0}, "max_frames must be at least 1, got 0"),
])  # fmt: skip
def test_a_bad_knob_is_named(head_class: MakeHead, knob: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        head_class(WIDTH, **knob)


@pytest.mark.parametrize("name", ["attention-learned", "transformer-sinusoidal-cls"])
def test_a_clip_longer_than_the_positions_is_refused(name: str) -> None:
    head = make_head(name, max_frames=6)
    with pytest.raises(ConfigError, match=r"7 frames.* positions for 6.*model.head.max_frames"):
        head(features(), all_real())


@pytest.mark.parametrize("head_class", [LSTMHead, GRUHead])
def test_an_unknown_readout_is_named(head_class: MakeHead) -> None:
    with pytest.raises(ValueError, match="'first'"):
        head_class(WIDTH, readout="first")


def test_state_round_trips(head: nn.Module) -> None:
    state = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    before = head(features(), all_real())
    for parameter in head.parameters():
        parameter.data.zero_()
    head.load_state_dict(state)
    torch.testing.assert_close(head(features(), all_real()), before)

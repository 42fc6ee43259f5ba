"""Gradient checkpointing is the same step on less memory."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from unmask.models import tuning
from unmask.models.attention_block import AttentionBlock
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import Detector
from unmask.models.heads.pooling import MeanHead
from unmask.models.insert import Insert

SIZE = 64
NETWORKS = ["efficientnet_b0", "resnext26ts", "densenet121", "mobilenetv3_small_050"]


def detector(name: str, *, thrifty: bool, **knobs: object) -> Detector:
    torch.manual_seed(0)
    insert = knobs.pop("insert", None)
    backbone = TimmBackbone(
        name, image_size=SIZE, pretrained=False, grad_checkpointing=thrifty, insert=insert
    )
    return Detector(backbone, MeanHead, **knobs).double().train()


def step(network: Detector) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the gradient of one step as a vector, and the state after it."""
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, 256, (4, 2, 3, SIZE, SIZE), dtype=torch.uint8, generator=generator)
    logits = network(frames, torch.ones(4, 2, dtype=torch.bool))
    nn.functional.cross_entropy(logits, torch.tensor([0, 1, 0, 1])).backward()
    gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
    return torch.cat(gradients), network.state_dict()


def assert_same_step(plain: Detector, thrifty: Detector) -> None:
    (expected, state), (found, other) = step(plain), step(thrifty)
    assert torch.cosine_similarity(expected, found, dim=0) == pytest.approx(1.0)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(other, state)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_statistics_are_those_of_the_plain_step(name: str) -> None:
    assert_same_step(detector(name, thrifty=False), detector(name, thrifty=True))


def test_statistics_move_once_and_not_twice() -> None:
    _, state = step(detector("efficientnet_b0", thrifty=True))
    counts = [int(t) for name, t in state.items() if name.endswith("num_batches_tracked")]
    assert set(counts) == {1}


def test_activations_are_computed_again() -> None:
    runs = []
    for thrifty in (False, True):
        network = detector("efficientnet_b0", thrifty=thrifty)
        calls: list[int] = []
        convolution = network.get_submodule("backbone.network.blocks.1.0.conv_pw")
        convolution.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        step(network)
        runs.append(len(calls))
    assert runs == [1, 2]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "policy", [tuning.tune_head, partial(tuning.tune_last_blocks, num_blocks=3), tuning.tune_norms]
)
def test_it_works_with_frozen_parts(policy: tuning.Tuning) -> None:
    plain, thrifty = (
        detector("efficientnet_b0", thrifty=thrifty, tuning=policy) for thrifty in (False, True)
    )
    assert_same_step(plain, thrifty)


@pytest.mark.slow
def test_it_works_with_inserted_modules() -> None:
    insert = {"attention": Insert("blocks.2", AttentionBlock)}
    plain, thrifty = (
        detector("efficientnet_b0", thrifty=thrifty, insert=insert) for thrifty in (False, True)
    )
    assert_same_step(plain, thrifty)


def test_statistics_follow_over_several_steps() -> None:
    networks = [detector("mobilenetv3_small_050", thrifty=thrifty) for thrifty in (False, True)]
    for _ in range(3):
        states = [step(network)[1] for network in networks]
    torch.testing.assert_close(states[1], states[0])
    momenta = {m.momentum for m in networks[1].modules() if isinstance(m, nn.BatchNorm2d)}
    assert momenta == {0.1}

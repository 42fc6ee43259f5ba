"""MesoNet's two networks against what was published."""

import pytest
import torch
from torch import Tensor, nn

from unmask.models.detector import Detector, count_parameters
from unmask.models.heads.pooling import MeanHead
from unmask.models.meso import Meso4, MesoInception4

NETWORKS = [(Meso4, 27_977), (MesoInception4, 28_615)]


@pytest.mark.parametrize(("make", "published"), NETWORKS)
def test_parameters_with_one_output_are_as_published(make: type, published: int) -> None:
    network = make()
    assert count_parameters(network) + count_parameters(nn.Linear(16, 1)) == published


@pytest.mark.parametrize(("make", "published"), NETWORKS)
def test_two_logits_differ_by_the_weights_of_one_output(make: type, published: int) -> None:
    assert count_parameters(Detector(make(), MeanHead)) == published + 17


@pytest.mark.parametrize(("make", "_published"), NETWORKS)
@pytest.mark.parametrize("size", [112, 128, 256, 299])
def test_any_size_gives_sixteen_features(make: type, _published: int, size: int) -> None:
    features = make(image_size=size).eval()(torch.zeros(2, 3, size, size))
    assert features.shape == (2, 16)


@pytest.mark.parametrize(("make", "_published"), NETWORKS)
def test_gradient_reaches_every_parameter(make: type, _published: int) -> None:
    torch.manual_seed(0)
    network = make(image_size=64)
    network(torch.randn(4, 3, 64, 64)).pow(2).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def reach(network: nn.Module, branch: int) -> set[tuple[int, int]]:
    """Return the offsets that one place of an inception branch sees."""
    picture = torch.zeros(1, 3, 11, 11, requires_grad=True)
    module: nn.Module = network.blocks[0][0].branches[branch]
    for parameter in module.parameters():
        nn.init.constant_(parameter, 0.1)
    answer: Tensor = module(picture)
    answer[0, :, 5, 5].sum().backward()
    assert picture.grad is not None
    seen = picture.grad[0].abs().sum(dim=0).nonzero()
    return {(int(y) - 5, int(x) - 5) for y, x in seen}


@pytest.mark.parametrize(("branch", "dilation"), [(0, 0), (1, 1), (2, 2), (3, 3)])
def test_inception_branches_see_as_far_as_their_dilation(branch: int, dilation: int) -> None:
    steps = (-dilation, 0, dilation)
    assert reach(MesoInception4(), branch) == {(y, x) for y in steps for x in steps}


def test_blocks_hold_every_parameter() -> None:
    network = Meso4(image_size=64)
    assert sum(p.numel() for block in network.parameter_blocks() for p in block) == (
        count_parameters(network)
    )

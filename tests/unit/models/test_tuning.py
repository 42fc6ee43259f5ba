"""What each policy trains, counted by hand, and what frozen parts do in training."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.models import tuning
from unmask.models.attention_block import AttentionBlock
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import Detector, count_parameters
from unmask.models.heads.pooling import MeanHead
from unmask.models.heads.recurrent import LSTMHead
from unmask.models.insert import Insert

SIZE = 32
POLICIES: dict[str, tuning.Tuning] = {
    "full": tuning.tune_all,
    "frozen": tuning.tune_head,
    "last_8_blocks": partial(tuning.tune_last_blocks, num_blocks=8),
    "last_16_blocks": partial(tuning.tune_last_blocks, num_blocks=16),
    "linear_probe": tuning.tune_classifier,
    "norm_only": tuning.tune_norms,
}


def lstm_head(width: int, hidden: int = 256) -> int:
    """Count four gates with two biases, and a linear layer for two logits."""
    return 4 * hidden * (width + hidden + 2) + 2 * hidden + 2


def conv_norm(width: int, next_width: int, kernel_size: int = 1, groups: int = 1) -> list[int]:
    """Count a convolution without bias, and the batch normalisation behind it."""
    return [width // groups * next_width * kernel_size**2, 2 * next_width]


def efficientnet_b0() -> tuple[list[list[int]], int]:
    """Return convolutions and norms of each block (Tan and Le 2019, table 1), and the stem's."""
    stages = [
        (1, 16, 1, 3), (6, 24, 2, 3), (6, 40, 2, 5), (6, 80, 3, 3),
        (6, 112, 3, 5), (6, 192, 4, 5), (6, 320, 1, 3),
    ]  # fmt: skip
    blocks, width = [], 32
    for expansion, next_width, repeats, kernel_size in stages:
        for _ in range(repeats):
            middle, squeezed = width * expansion, width // 4
            block = conv_norm(width, middle) if expansion > 1 else [0, 0]
            block += conv_norm(middle, middle, kernel_size, groups=middle)
            block += [2 * middle * squeezed + middle + squeezed, 0]
            blocks.append(block + conv_norm(middle, next_width))
            width = next_width
    blocks[-1] += conv_norm(320, 1280)
    return blocks, sum(conv_norm(3, 32, 3))


def resnext50() -> tuple[list[list[int]], int]:
    """Return the same of ResNeXt50-32x4d (Xie et al. 2017, table 1)."""
    blocks, width = [], 64
    for middle, repeats in ((128, 3), (256, 4), (512, 6), (1024, 3)):
        for repeat in range(repeats):
            block = conv_norm(width, middle) + conv_norm(middle, middle, 3, groups=32)
            block += conv_norm(middle, 2 * middle)
            block += conv_norm(width, 2 * middle) if repeat == 0 else []
            blocks.append(block)
            width = 2 * middle
    return blocks, sum(conv_norm(3, 64, 7))


def vit_small() -> tuple[list[list[int]], int]:
    """Return the same of ViT-S/16: linear layers and norms (Dosovitskiy et al. 2021)."""
    width = 384
    blocks = [[12 * width**2 + 9 * width, 4 * width] for _ in range(12)]
    blocks[-1] += [0, 2 * width]
    return blocks, 16 * 16 * 3 * width + width + (1 + 14 * 14) * width + width


NETWORKS: dict[str, tuple[str, Callable[[int], nn.Module], Callable[[], tuple], int]] = {
    "effb0_lstm": ("efficientnet_b0", LSTMHead, efficientnet_b0, lstm_head(1280)),
    "resnext50_lstm": ("resnext50_32x4d", LSTMHead, resnext50, lstm_head(2048)),
    "vit_mean": ("vit_small_patch16_224", MeanHead, vit_small, 2 * 384 + 2),
}


def expected(model: str, policy: str) -> int | None:
    """Count what a policy trains; None where it is refused."""
    _, make_head, count, head = NETWORKS[model]
    blocks, stem = count()
    sizes = [sum(block) for block in blocks]
    stem_norm = {"effb0_lstm": 2 * 32, "resnext50_lstm": 2 * 64, "vit_mean": 0}[model]
    return {
        "full": stem + sum(sizes) + head,
        "frozen": head,
        "last_8_blocks": sum(sizes[-8:]) + head,
        "last_16_blocks": sum(sizes[-16:]) + head if len(sizes) >= 16 else None,
        "linear_probe": head if make_head is MeanHead else None,
        "norm_only": stem_norm + sum(sum(block[1::2]) for block in blocks) + head,
    }[policy]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("model", NETWORKS)
def test_each_policy_trains_what_a_count_by_hand_gives(model: str, policy: str) -> None:
    name, make_head, _, _ = NETWORKS[model]
    number = expected(model, policy)
    backbone = TimmBackbone(name, pretrained=False)
    if number is None:
        with pytest.raises(ConfigError):
            Detector(backbone, make_head, tuning=POLICIES[policy])
        return
    detector = Detector(backbone, make_head, tuning=POLICIES[policy])
    assert count_parameters(detector, trainable_only=True) == number


def test_counts_by_hand_are_the_published_sizes() -> None:
    assert expected("effb0_lstm", "full") == 5_582_974
    assert expected("resnext50_lstm", "full") == 25_341_762


def small(policy: str | None, name: str = "mobilenetv3_small_050", **knobs: object) -> Detector:
    torch.manual_seed(0)
    backbone = TimmBackbone(name, image_size=SIZE, pretrained=False, **knobs)
    policies = POLICIES | {"last_2_blocks": partial(tuning.tune_last_blocks, num_blocks=2)}
    return Detector(backbone, MeanHead, tuning=None if policy is None else policies[policy])


def step(detector: Detector) -> dict[str, bool]:
    """Take one training step and return which entries of the state changed."""
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, 256, (4, 2, 3, SIZE, SIZE), dtype=torch.uint8, generator=generator)
    before = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    trained = [p for p in detector.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1.0)
    logits: Tensor = detector.train()(frames, torch.ones(4, 2, dtype=torch.bool))
    nn.functional.cross_entropy(logits, torch.tensor([0, 1, 0, 1])).backward()
    optimizer.step()
    return {n: not torch.equal(t, before[n]) for n, t in detector.state_dict().items()}


@pytest.mark.parametrize("policy", ["frozen", "linear_probe"])
def test_a_step_leaves_a_frozen_backbone_as_it_was(policy: str) -> None:
    changed = step(small(policy))
    assert not any(change for name, change in changed.items() if name.startswith("backbone."))
    assert all(change for name, change in changed.items() if name.startswith("head."))


def test_statistics_move_in_trained_blocks_and_nowhere_else() -> None:
    changed = step(small("last_2_blocks"))
    moved = {n for n, change in changed.items() if change and n.endswith("running_mean")}
    assert moved
    assert all(name.startswith(("backbone.network.blocks.4.", "backbone.network.blocks.5."))
               for name in moved)  # fmt: skip


def test_norm_only_moves_norms_and_the_head() -> None:
    changed = step(small("norm_only"))
    moved = {name for name, change in changed.items() if change}
    assert all(".bn" in name or "head." in name for name in moved)
    assert any(name.endswith("running_mean") for name in moved)


def test_a_frozen_backbone_drops_nothing_in_training() -> None:
    images = torch.randn(2, 3, SIZE, SIZE)
    for policy, is_repeatable in (("frozen", True), ("full", False)):
        backbone = small(policy, drop_rate=0.5).train().backbone
        assert torch.equal(backbone(images), backbone(images)) is is_repeatable


def test_frozen_parts_stay_in_evaluation_mode_and_the_rest_follows() -> None:
    detector = small("frozen")
    for mode in (True, False, True):
        detector.train(mode)
        assert not detector.get_submodule("backbone").training
        assert detector.head.training is mode


def test_without_a_policy_everything_is_trained() -> None:
    assert count_parameters(small(None), trainable_only=True) == count_parameters(small("full"))
    assert small(None).frozen_modules == ()


@pytest.mark.parametrize("policy", ["frozen", "last_2_blocks", "norm_only"])
def test_what_is_inserted_is_new_and_trained(policy: str) -> None:
    insert = {"attention": Insert("blocks.1", AttentionBlock)}
    detector = small(policy, insert=insert).train()
    inserted = detector.get_submodule("backbone.inserts.attention")
    assert inserted.training
    assert all(parameter.requires_grad for parameter in inserted.parameters())


def test_a_linear_probe_of_more_than_a_linear_layer_is_refused() -> None:
    backbone = TimmBackbone("resnet10t", image_size=SIZE, pretrained=False)
    with pytest.raises(ConfigError, match=r"LSTMHead has 788,480 other parameters.*head=mean"):
        Detector(backbone, LSTMHead, tuning=tuning.tune_classifier)
    insert = {"attention": Insert("layer1", AttentionBlock)}
    with pytest.raises(ConfigError, match="what is inserted into the backbone has 529 other"):
        small("linear_probe", "resnet10t", insert=insert)


@pytest.mark.parametrize("num_blocks", [0, 13])
def test_blocks_that_a_backbone_lacks_are_counted(num_blocks: int) -> None:
    policy = partial(tuning.tune_last_blocks, num_blocks=num_blocks)
    backbone = TimmBackbone("vit_tiny_patch16_224", image_size=SIZE, pretrained=False)
    with pytest.raises(ConfigError, match=rf"num_blocks={num_blocks} .* has 12 blocks"):
        Detector(backbone, MeanHead, tuning=policy)


class Blockless(nn.Module):
    """A backbone that says nothing of blocks and has no norm."""

    num_features, image_size, mean, std = 3, SIZE, (0.0,) * 3, (1.0,) * 3

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images).mean((2, 3))


def test_a_backbone_without_blocks_or_norms_is_named() -> None:
    with pytest.raises(ConfigError, match="Blockless does not say what its blocks are"):
        Detector(Blockless(), MeanHead, tuning=POLICIES["last_8_blocks"])
    with pytest.raises(ConfigError, match="it has none with parameters"):
        Detector(Blockless(), MeanHead, tuning=POLICIES["norm_only"])

"""What is inserted between two stages of a backbone."""

import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.models.attention_block import AttentionBlock, upsample_map
from unmask.models.backbone import TimmBackbone
from unmask.models.insert import Insert
from unmask.models.spatial_transformer import SpatialTransformer

# Maps with channels first, maps with channels last, tokens with a class token before them.
PLACES = [
    ("resnet10t", "layer2"),
    ("efficientnet_b0", "blocks.2"),
    ("swin_tiny_patch4_window7_224", "layers.1"),
    ("vit_tiny_patch16_224", "blocks.5"),
]
SIZE = 64


def pair(name: str, insert: dict[str, Insert], **knobs: object) -> tuple[TimmBackbone, ...]:
    """Build a backbone with inserts and one without, with the same weights."""
    torch.manual_seed(0)
    with_inserts = TimmBackbone(name, image_size=SIZE, pretrained=False, insert=insert, **knobs)
    plain = TimmBackbone(name, image_size=SIZE, pretrained=False)
    plain.network.load_state_dict(with_inserts.network.state_dict())
    return with_inserts.eval(), plain.eval()


def images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("name", "after"), PLACES)
def test_a_spatial_transformer_leaves_the_network_as_it_was_at_the_start(
    name: str, after: str
) -> None:
    built, plain = pair(name, {"stn": Insert(after, SpatialTransformer)})
    expected = plain(images()).detach()
    scale = float(expected.abs().max())  # untrained networks differ in it by orders of magnitude
    torch.testing.assert_close(built(images()), expected, rtol=1e-4, atol=1e-4 * scale)


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("name", "after"), PLACES)
def test_an_inserted_module_gets_the_map_and_has_an_effect(name: str, after: str) -> None:
    built, plain = pair(name, {"attention": Insert(after, AttentionBlock)})
    shown = built.maps(images())["attention.map"]
    assert shown.shape[:2] == (2, 1)
    assert shown.shape[2] == shown.shape[3]
    assert ((shown > 0) & (shown < 1)).all()
    nn.init.constant_(built.inserts["attention"].to_map[2].bias, -3.0)
    expected = plain(images()).detach()
    assert (built(images()) - expected).abs().max() > 1e-2 * expected.abs().max()


def test_a_transformer_token_map_keeps_rows_and_columns() -> None:
    built, _ = pair("vit_tiny_patch16_224", {"stn": Insert("blocks.0", SpatialTransformer)})
    hook = next(iter(built.network.blocks[0]._forward_hooks.values()))
    tokens = torch.arange(17.0).reshape(1, 17, 1).expand(1, 17, 192)  # a class token, then 4x4
    assert hook.layout.to_map(tokens)[0, 0].tolist() == torch.arange(1.0, 17).reshape(4, 4).tolist()
    torch.testing.assert_close(hook.layout.from_map(hook.layout.to_map(tokens), tokens), tokens)


def warped_by(theta: tuple[float, ...], features: Tensor) -> Tensor:
    module = SpatialTransformer(*features.shape[1:])
    with torch.no_grad():
        module.to_theta.bias.copy_(torch.tensor(theta))
    warped: Tensor = module(features)
    return warped


def test_the_spatial_transformer_mirrors_and_shifts() -> None:
    features = torch.randn(1, 3, 8, 8)
    mirrored = warped_by((-1.0, 0.0, 0.0, 0.0, 1.0, 0.0), features)
    torch.testing.assert_close(mirrored, features.flip(-1), rtol=1e-4, atol=1e-4)
    # Two of eight cells are half of the range from -1 to 1: the result shows what lies right of it.
    shifted = warped_by((1.0, 0.0, 0.5, 0.0, 1.0, 0.0), features)
    torch.testing.assert_close(shifted[..., :6], features[..., 2:], rtol=1e-4, atol=1e-4)


def test_the_grid_says_where_the_features_are_read() -> None:
    module = SpatialTransformer(3, 8, 6)
    nn.init.normal_(module.to_theta.weight, std=0.1)
    features = torch.randn(2, 3, 8, 6)
    shown = module.display(features)
    assert shown["theta"].shape == (2, 2, 3)
    assert shown["grid"].shape == (2, 8, 6, 2)
    read = F.grid_sample(features, shown["grid"], padding_mode="border", align_corners=False)
    torch.testing.assert_close(module(features), read)


def test_the_spatial_transformer_samples_in_full_precision_under_autocast() -> None:
    module, features = SpatialTransformer(3, 56, 56), torch.randn(1, 3, 56, 56)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert module.display(features.bfloat16())["grid"].dtype == torch.float32
        assert module(features.bfloat16()).dtype == torch.bfloat16


def test_faces_of_128_px_give_an_attention_map_of_32() -> None:
    built = TimmBackbone(
        "resnext50_32x4d", image_size=128, pretrained=False,
        insert={"attention": Insert("layer1", AttentionBlock)},
    ).eval()  # fmt: skip
    with torch.inference_mode():
        shown = built.maps(torch.randn(1, 3, 128, 128))
    assert shown["attention.map"].shape == (1, 1, 32, 32)
    assert upsample_map(shown["attention.map"], 128).shape == (1, 1, 128, 128)


def test_the_map_is_what_features_are_multiplied_with() -> None:
    block, features = AttentionBlock(4, 5, 5, reduction=2), torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(block(features), features * block.display(features)["map"])


def test_both_stand_in_one_network_and_learn() -> None:
    torch.manual_seed(0)
    built = TimmBackbone(
        "resnet10t", image_size=SIZE, pretrained=False,
        insert={
            "attention": Insert("layer1", partial(AttentionBlock, reduction=4)),
            "stn": Insert("layer2", partial(SpatialTransformer, hidden_channels=8)),
        },
    )  # fmt: skip
    optimizer = torch.optim.SGD(built.inserts.parameters(), lr=0.1)
    for _ in range(2):  # the identity's zero weights stop the first gradient before them
        optimizer.zero_grad()
        built(images(4)).pow(2).sum().backward()
        optimizer.step()
    assert set(built.maps(images())) == {"attention.map", "stn.theta", "stn.grid"}
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in built.inserts.parameters())


def test_maps_leave_nothing_on_the_modules() -> None:
    built, _ = pair("resnet10t", {"attention": Insert("layer1", AttentionBlock)})
    before = [len(module._forward_hooks) for module in built.modules()]
    state = {name: tensor.clone() for name, tensor in built.state_dict().items()}
    built.maps(images())
    assert [len(module._forward_hooks) for module in built.modules()] == before
    torch.testing.assert_close(dict(built.state_dict()), state)
    assert pair("resnet10t", {})[0].maps(images()) == {}


def test_a_copy_has_inserts_of_its_own() -> None:
    built, _ = pair("resnet10t", {"attention": Insert("layer1", AttentionBlock)})
    expected, copied = built(images()), copy.deepcopy(built)
    nn.init.constant_(copied.inserts["attention"].to_map[2].bias, -5.0)
    torch.testing.assert_close(built(images()), expected)
    assert not torch.allclose(copied(images()), expected)


def test_inserts_also_run_under_gradient_checkpointing() -> None:
    insert = {"attention": Insert("layer1", AttentionBlock)}
    built, plain = pair("resnet10t", insert)
    thrifty, _ = pair("resnet10t", insert, grad_checkpointing=True)
    torch.testing.assert_close(thrifty(images()), built(images()))
    assert not torch.allclose(thrifty(images()), plain(images()))


@pytest.mark.parametrize(
    ("name", "after", "message"),
    [
        (
            "resnet10t",
            "layer5",
            r"'resnet10t' has no module 'layer5'.*layer1, layer2.*did you mean 'layer",
        ),
        ("resnet10t", "", r"has no module ''"),
        ("resnet10t", "global_pool", r"'global_pool': it returns \(1, 512\), which is not a map"),
        (
            "vit_tiny_patch16_224",
            "fc_norm",
            r"'fc_norm': it returns \(1, 192\), which is not a map",
        ),
        ("vit_tiny_patch16_224", "blocks.0.attn.attn_drop", r"attn_drop': the network runs it 0 t"),
    ],
)
def test_a_place_without_a_map_is_refused(name: str, after: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pair(name, {"stn": Insert(after, SpatialTransformer)})

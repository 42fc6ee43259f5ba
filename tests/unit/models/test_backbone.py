"""Backbones at every image size, in colour and grey, with weights from a file."""

from pathlib import Path

import pytest
import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor

from unmask.core.errors import CheckpointError, ConfigError
from unmask.models.backbone import TimmBackbone

SMALL = {"vit": "vit_tiny_patch16_224", "swin": "swin_tiny_patch4_window7_224"}


def backbone(name: str, image_size: int, **knobs: object) -> TimmBackbone:
    torch.manual_seed(0)
    return TimmBackbone(name, image_size=image_size, pretrained=False, **knobs).eval()


def images(size: int, channels: int = 3, count: int = 1) -> Tensor:
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(1))


def saved(source: TimmBackbone, folder: Path) -> str:
    path = folder / "weights.pth"
    torch.save(source.network.state_dict(), path)
    return str(path)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("size", [112, 128, 224, 256, 299, 380])
@pytest.mark.parametrize("name", SMALL.values(), ids=SMALL)
def test_patch_models_take_any_size(name: str, size: int) -> None:
    built = backbone(name, size)
    with torch.inference_mode():
        assert built(images(size)).shape == (1, built.num_features)


def test_no_pixel_is_lost_where_patches_do_not_fit() -> None:
    built = backbone("vit_tiny_patch16_224", 299)  # 18.7 patches of 16 px
    corner = images(299)
    corner[..., -1, -1] += 10.0
    with torch.inference_mode():
        assert not torch.allclose(built(corner), built(images(299)))


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("maxvit_tiny_tf_224", 112, r"'maxvit_tiny_tf_224' cannot take images of 112 px.*window"),
        ("inception_v3", 40, r"'inception_v3' cannot take images of 40 px.*model.backbone.image"),
        ("swin_tiny_patch4_window7_224", 0, r"'swin_tiny_patch4_window7_224' cannot .* img_size=0"),
    ],
)
def test_an_impossible_size_is_named(name: str, size: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        backbone(name, size)


def test_the_trial_leaves_no_trace() -> None:
    built = TimmBackbone("resnet10t", image_size=32, pretrained=False)
    assert built.network.training
    assert all(p.device.type == "cpu" and p.requires_grad for p in built.parameters())
    assert all(not m._forward_hooks for m in built.modules())
    assert built.network.bn1.num_batches_tracked == 0


def test_weights_of_another_size_get_their_position_embedding_resized(tmp_path: Path) -> None:
    source = backbone("vit_tiny_patch16_224", 224)
    small = TimmBackbone("vit_tiny_patch16_224", image_size=112, weights=saved(source, tmp_path))
    own, other = small.network.state_dict(), source.network.state_dict()
    expected = resample_abs_pos_embed(
        other["pos_embed"], new_size=[7, 7], old_size=[14, 14], num_prefix_tokens=1
    )
    torch.testing.assert_close(own.pop("pos_embed"), expected)
    for name, tensor in own.items():
        torch.testing.assert_close(tensor, other[name])


def test_weights_of_another_size_get_their_window_biases_resized(tmp_path: Path) -> None:
    source = backbone(SMALL["swin"], 224)
    small = TimmBackbone(SMALL["swin"], image_size=112, weights=saved(source, tmp_path))
    table = "layers.3.blocks.0.attn.relative_position_bias_table"
    # 112 px leave 4x4 cells to the last stage, so its window of 7 becomes one of 4.
    own, other = small.network.state_dict()[table], source.network.state_dict()[table]
    assert own.shape == ((2 * 4 - 1) ** 2, 24)
    torch.testing.assert_close(own[24], other[84])  # what a cell says of itself, in the middle
    assert own.min() >= other.min()
    assert own.max() <= other.max()
    kept = "layers.0.blocks.0.attn.relative_position_bias_table"
    torch.testing.assert_close(small.network.state_dict()[kept], source.network.state_dict()[kept])


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ["efficientnet_b0", "densenet121", "vit_tiny_patch16_224"])
def test_weights_for_colour_serve_one_channel(name: str, tmp_path: Path) -> None:
    colour = backbone(name, 64)
    grey = TimmBackbone(name, image_size=64, in_chans=1, weights=saved(colour, tmp_path)).eval()
    picture = images(64, channels=1)
    with torch.inference_mode():
        torch.testing.assert_close(
            grey(picture), colour(picture.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4
        )


def test_one_channel_has_the_luma_of_mean_and_std() -> None:
    grey = backbone("resnet10t", 32, in_chans=1)
    assert grey.mean == pytest.approx((0.299 * 0.485 + 0.587 * 0.456 + 0.114 * 0.406,))
    assert grey.std == pytest.approx((0.299 * 0.229 + 0.587 * 0.224 + 0.114 * 0.225,))


def test_weights_for_one_channel_do_not_serve_colour(tmp_path: Path) -> None:
    source = backbone("resnet10t", 32, in_chans=1)
    with pytest.raises(CheckpointError, match=r"does not fit 'resnet10t'.*conv1"):
        TimmBackbone("resnet10t", image_size=32, weights=saved(source, tmp_path))


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("name", "num_blocks"),
    [
        ("efficientnet_b0", 16), ("resnext50_32x4d", 16), ("vit_tiny_patch16_224", 12),
        ("swin_tiny_patch4_window7_224", 12), ("densenet121", 58), ("mobilenetv3_small_050", 12),
        ("inception_v3", 12), ("legacy_xception", 13), ("convnext_tiny", 18),
    ],
)  # fmt: skip
def test_blocks_hold_everything_but_the_stem_once(name: str, num_blocks: int) -> None:
    built = backbone(name, 96)
    blocks = built.parameter_blocks()
    assert len(blocks) == num_blocks
    held = [id(parameter) for block in blocks for parameter in block]
    assert len(held) == len(set(held))
    stem = [n for n, p in built.network.named_parameters() if id(p) not in set(held)]
    assert stem
    assert all(
        n.startswith((
            "conv_stem", "conv1", "conv2", "bn1", "bn2", "cls_token", "pos_embed", "patch_embed",
            "features.conv0", "features.norm0", "Conv2d_1", "Conv2d_2", "stem",
        ))
        for n in stem
    )  # fmt: skip


def test_an_architecture_without_groups_of_layers_is_named() -> None:
    with pytest.raises(ConfigError, match="what the blocks of 'poolformer_s12' are"):
        backbone("poolformer_s12", 64).parameter_blocks()


@pytest.mark.parametrize(
    "name",
    [
        "xcit_nano_12_p16_224",
        "regnety_002.pycls_in1k",
        "mobilevit_xxs",
        "levit_128s",
        "hrnet_w18_small",
    ],
)
def test_any_other_name_of_timm_works(name: str) -> None:
    built = backbone(name, 224)
    with torch.inference_mode():
        assert built(images(224)).shape == (1, built.num_features)
    assert len(built.parameter_blocks()) > 1


def test_checkpointing_that_an_architecture_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match="'inception_v3' has no gradient checkpointing"):
        backbone("inception_v3", 96, grad_checkpointing=True)

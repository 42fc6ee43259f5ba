"""Attention rollout by hand, and the attention that it is made of."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.explain.rollout import attention_rollout, attentions_of, rolled_out, watched
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import Detector
from unmask.models.heads.pooling import MeanHead
from unmask.models.insert import Insert
from unmask.models.spatial_transformer import SpatialTransformer

Clip = Callable[..., tuple[Tensor, Tensor]]


def detector_of(name: str, **knobs: object) -> Detector:
    torch.manual_seed(0)
    backbone = TimmBackbone(name, image_size=64, pretrained=False, **knobs)
    return Detector(backbone, MeanHead).eval()


def test_rollout_mixes_heads_and_the_residual_and_multiplies_from_the_last_block() -> None:
    looks_back = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    stays = torch.eye(2)
    first = torch.stack((looks_back, stays))[None]  # mean of the heads: all 1/2
    last = torch.tensor([[1.0, 0.0], [1.0, 0.0]])[None, None]
    mixed_first = torch.tensor([[0.75, 0.25], [0.25, 0.75]])
    mixed_last = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    torch.testing.assert_close(rolled_out([first, last])[0], mixed_last @ mixed_first)


def test_rows_of_a_rollout_add_up_to_one() -> None:
    layers = [torch.randn(2, 3, 5, 5).softmax(dim=-1) for _ in range(4)]
    torch.testing.assert_close(rolled_out(layers).sum(dim=2), torch.ones(2, 5))


def test_what_is_watched_is_the_attention_of_queries_and_keys(random_clip: Clip) -> None:
    detector = detector_of("vit_tiny_patch16_224")
    network = detector.backbone.network
    images = detector.normalised(random_clip(2, 64)[0][0])
    with torch.no_grad():
        plain = detector.backbone(images)
        with watched(attentions_of(network)) as layers:
            slow = detector.backbone(images)
        tokens = network.blocks[0].norm1(network._pos_embed(network.patch_embed(images)))
        attention = network.blocks[0].attn
        query, key, _ = attention.qkv(tokens).reshape(2, 17, 3, 3, 64).permute(2, 0, 3, 1, 4)
        expected = (query @ key.transpose(2, 3) / 8).softmax(dim=-1)
    assert [len(layer) for layer in layers] == [1] * 12
    torch.testing.assert_close(layers[0][0], expected)
    torch.testing.assert_close(slow, plain)


def test_the_map_is_the_class_tokens_row_weighed_by_frame(random_clip: Clip) -> None:
    detector = detector_of("vit_tiny_patch16_224")
    frames, is_frame = random_clip(3, 64)
    found = attention_rollout(detector, frames, is_frame)
    with torch.no_grad(), watched(attentions_of(detector.backbone.network)) as layers:
        features = detector.encode(frames, is_frame)[0]
    rows = rolled_out([torch.cat(layer) for layer in layers])[:, 0, 1:].reshape(3, 4, 4)
    rows = rows - rows.amin(dim=(1, 2), keepdim=True)
    weight = detector.head.classifier.weight
    share = (features @ (weight[1] - weight[0]) / 3).abs().detach()
    cells = (rows * share[:, None, None]).numpy()
    # 64 px of 4 cells: the middle of a cell lies between pixels 7 and 8 of its 16.
    middles = found.scale * found.maps[:, 7::16, 7::16]
    np.testing.assert_allclose(middles / middles.max(), cells / cells.max(), atol=0.06)
    ratio = found.maps.max(axis=(1, 2))
    expected = cells.max(axis=(1, 2))
    np.testing.assert_allclose(ratio / ratio.max(), expected / expected.max(), rtol=0.2)


def test_even_attention_has_an_empty_map_and_not_one_of_rounding(random_clip: Clip) -> None:
    detector = detector_of("vit_tiny_patch16_224")
    for block in detector.backbone.network.blocks:
        nn.init.zeros_(block.attn.qkv.weight)
    found = attention_rollout(detector, *random_clip(2, 64))
    assert found.scale == 0
    assert not found.maps.any()


def test_a_mean_over_the_patches_is_read_out_as_such(random_clip: Clip) -> None:
    """Without a class token all patches are readers, and there is nothing before them."""
    detector = detector_of("vit_base_patch16_rope_reg1_gap_256")
    assert detector.backbone.network.num_prefix_tokens == 1
    found = attention_rollout(detector, *random_clip(1, 64))
    assert found.maps.max() == 1
    assert found.maps.shape == (1, 64, 64)


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("resnet10t", {}),
        ("swin_tiny_patch4_window7_224", {}),
        ("vit_tiny_patch16_224", {"insert": {"stn": Insert("blocks.3", SpatialTransformer)}}),
    ],
)
def test_rollout_is_refused_where_it_is_not_defined(
    random_clip: Clip, name: str, knobs: dict[str, object]
) -> None:
    detector = detector_of(name, **knobs)
    with pytest.raises(ConfigError, match=f"not defined for {name}: .* method='grad_cam'"):
        attention_rollout(detector, *random_clip(1, 64))

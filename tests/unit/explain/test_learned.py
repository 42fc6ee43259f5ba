"""What detectors show of their own accord."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from unmask.explain.learned import learned_attention
from unmask.models.attention_block import AttentionBlock
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import Detector
from unmask.models.heads.attention import AttentionHead
from unmask.models.heads.pooling import MeanHead
from unmask.models.insert import Insert
from unmask.models.spatial_transformer import SpatialTransformer
from unmask.models.tall import TallDetector

Clip = Callable[..., tuple[Tensor, Tensor]]


def backbone_with(**inserts: Insert) -> TimmBackbone:
    torch.manual_seed(0)
    return TimmBackbone("resnet10t", image_size=64, pretrained=False, insert=inserts)


def test_frame_weights_are_the_heads_and_zero_at_padding(random_clip: Clip) -> None:
    detector = Detector(backbone_with(), AttentionHead).train()
    frames, is_frame = random_clip(4, 64)
    is_frame[0, 3] = False
    found = learned_attention(detector, frames, is_frame)
    assert detector.training
    assert found.frame_weights is not None
    assert found.frame_weights[3] == 0
    np.testing.assert_allclose(found.frame_weights.sum(), 1, rtol=1e-6)
    with torch.no_grad():
        detector.eval()
        expected = detector.head.weights(detector.encode(frames, is_frame), is_frame)[0]
    np.testing.assert_allclose(found.frame_weights, expected, rtol=1e-5)
    assert found.places == {}
    assert found.windows == {}


def test_an_attention_block_shows_its_map_on_every_frame(random_clip: Clip) -> None:
    backbone = backbone_with(look=Insert("layer1", AttentionBlock))
    detector = Detector(backbone, MeanHead, frames_at_once=2).eval()
    nn.init.normal_(backbone.inserts["look"].to_map[2].weight)
    frames, is_frame = random_clip(4, 64)
    is_frame[0, 3] = False
    found = learned_attention(detector, frames, is_frame)
    assert found.frame_weights is None
    shown = found.places["look"]
    assert shown.shape == (4, 64, 64)
    assert shown[3].max() == 0
    cells = backbone.maps(detector.normalised(frames[0, :3]))["look.map"][:, 0].detach().numpy()
    # 16 cells of 4 px: four pixels around the middle of a cell have its mean to first order.
    means = shown[:3].reshape(3, 16, 4, 16, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(means, cells, atol=0.1)
    assert detector.frames_at_once == 2


def test_tiles_of_a_thumbnail_show_the_map_in_its_own_range(random_clip: Clip) -> None:
    detector = TallDetector(backbone_with(look=Insert("layer1", AttentionBlock)), rows=2).eval()
    nn.init.zeros_(detector.backbone.inserts["look"].to_map[2].weight)
    nn.init.constant_(detector.backbone.inserts["look"].to_map[2].bias, 0.0)
    shown = learned_attention(detector, *random_clip(2, 32)).places["look"]
    np.testing.assert_allclose(shown, np.full((2, 32, 32), 0.5), rtol=1e-6)


def test_a_spatial_transformer_shows_the_window_that_it_reads(random_clip: Clip) -> None:
    backbone = backbone_with(stn=Insert("layer1", SpatialTransformer))
    with torch.no_grad():
        backbone.inserts["stn"].to_theta.bias.copy_(torch.tensor([0.5, 0.0, -0.5, 0.0, 1.0, 0.0]))
    frames, is_frame = random_clip(2, 64)
    is_frame[0, 1] = False
    windows = learned_attention(Detector(backbone, MeanHead), frames, is_frame).windows["stn"]
    assert windows[0].tolist() == [[0, 0], [32, 0], [32, 64], [0, 64]]  # the left half
    assert np.isnan(windows[1]).all()


def test_a_window_is_told_in_the_image_without_the_margins_that_a_network_sees(
    random_clip: Clip,
) -> None:
    torch.manual_seed(0)
    backbone = TimmBackbone(
        "test_vit", image_size=61, pretrained=False,
        insert={"stn": Insert("blocks.0", SpatialTransformer)},
    )  # fmt: skip
    assert backbone.margins == (1, 2, 1, 2)
    frames, is_frame = random_clip(1, 61)
    windows = learned_attention(Detector(backbone, MeanHead), frames, is_frame).windows["stn"]
    np.testing.assert_allclose(windows[0], [[-1, -1], [63, -1], [63, 63], [-1, 63]], atol=1e-4)

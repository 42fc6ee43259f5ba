"""The map is found in every backbone that has a configuration, and laid where it belongs."""

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import nn

from unmask.config.build import build_untrained
from unmask.config.location import conf_dir
from unmask.explain.explanation import explain, suited_method
from unmask.explain.feature_maps import onto_image, unwarped
from unmask.explain.grad_cam import grad_cam
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import ClipDetector, Detector
from unmask.models.heads.pooling import MeanHead
from unmask.models.insert import Insert
from unmask.models.spatial_transformer import SpatialTransformer

CONF = conf_dir()
BACKBONES = sorted(path.stem for path in (CONF / "model" / "backbone").glob("*.yaml"))
SMALLEST = {"inception_v3": 128}  # below, its last map is a single cell
SIZE = 64


def built(*overrides: str) -> ClipDetector:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=list(overrides)).model
    torch.manual_seed(0)
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return build_untrained(plain).eval()


def both_ways(detector: ClipDetector, num_frames: int) -> np.ndarray:
    """Return Grad-CAM towards fake and towards real, which cannot both be empty."""
    size = detector.image_size
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, 256, (1, num_frames, 3, size, size), generator=generator)
    clip = frames.to(torch.uint8), torch.ones(1, num_frames, dtype=torch.bool)
    maps = [grad_cam(detector, *clip, towards=towards).maps for towards in ("fake", "real")]
    return np.stack(maps)


@pytest.mark.one_in(8)
@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_a_map(name: str) -> None:
    size = SMALLEST.get(name, SIZE)
    # Untrained, some backbones say numbers that would saturate a recurrent head.
    chosen = (f"model/backbone={name}", f"model.backbone.image_size={size}", "model/head=mean")
    maps = both_ways(built(*chosen), 2)
    assert maps.shape == (2, 2, size, size)
    assert np.isfinite(maps).all()
    assert maps.min() == 0
    assert maps.max() == pytest.approx(1)
    assert (np.ptp(maps.sum(axis=0), axis=(1, 2)) > 0.01).all()  # no frame's map is even


@pytest.mark.one_in(8)
@pytest.mark.parametrize("name", [name for name in BACKBONES if "vit" in name])
def test_every_vision_transformer_gives_a_rollout(name: str) -> None:
    detector = built(f"model/backbone={name}", f"model.backbone.image_size={SIZE}")
    assert suited_method(detector) == "rollout"
    frames = torch.randint(0, 256, (1, 2, 3, SIZE, SIZE), dtype=torch.uint8)
    found = explain(detector, frames, torch.ones(1, 2, dtype=torch.bool))
    assert found.maps.shape == (2, SIZE, SIZE)
    assert np.isfinite(found.maps).all()
    assert (np.ptp(found.maps, axis=(1, 2)) > 0).all()


def test_tall_gives_a_map_of_each_frame() -> None:
    detector = built("model=tall_swin", "model.backbone.image_size=128")
    maps = both_ways(detector, 3)
    assert maps.shape == (2, 3, 64, 64)
    assert (np.ptp(maps.sum(axis=0), axis=(1, 2)) > 0.01).all()


def test_the_margin_that_a_network_sees_is_cut_off() -> None:
    """Patches of 14 px see 64 px with 3 px around, so cells begin 3 px outside of the image."""
    backbone = TimmBackbone("vit_small_patch14_reg4_dinov2", image_size=64, pretrained=False)
    assert backbone.margins == (3, 3, 3, 3)
    cell = torch.zeros(1, 5, 5)
    cell[0, 2, 2] = 1
    wide = onto_image(backbone, cell, [])
    assert wide.shape == (1, 64, 64)
    torch.testing.assert_close(wide, wide.flip(1))  # the middle of the network is the image's
    torch.testing.assert_close(wide, wide.flip(2))


def test_what_a_spatial_transformer_moved_is_moved_back() -> None:
    heat = torch.zeros(1, 1, 8, 8)
    heat[0, 0, 2, 6] = 1
    mirror = torch.tensor([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    assert unwarped(heat, mirror)[0, 0].nonzero().tolist() == [[2, 1]]
    # Reads two cells further right, so what is seen at column 2 was at column 4.
    shifted = torch.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
    heat = torch.zeros(1, 1, 8, 8)
    heat[0, 0, 5, 2] = 1
    assert unwarped(heat, shifted)[0, 0].nonzero().tolist() == [[5, 4]]


def test_grad_cam_undoes_a_spatial_transformer() -> None:
    """A transformer that reads only the left half must leave the right half without heat."""
    torch.manual_seed(0)
    insert = {"stn": Insert("layer1", SpatialTransformer)}
    backbone = TimmBackbone("resnet10t", image_size=64, pretrained=False, insert=insert)
    with torch.no_grad():
        backbone.inserts["stn"].to_theta.bias.copy_(torch.tensor([0.5, 0.0, -0.5, 0.0, 1.0, 0.0]))
    detector = Detector(backbone, MeanHead)
    nn.init.normal_(detector.head.classifier.weight)
    maps = both_ways(detector.eval(), 2)
    assert maps[..., :32].max() > 0.5
    assert maps[..., 34:].max() == 0

"""The detector as a whole, and the sizes that system A published."""

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from unmask.core.errors import CheckpointError, ConfigError
from unmask.models import weights
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import Detector, count_parameters, fake_scores
from unmask.models.heads.pooling import MeanHead
from unmask.models.heads.recurrent import LSTMHead
from unmask.models.tuning import tune_head

SIZE = 32


def random_frames(batch: int, frames: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, frames, 3, SIZE, SIZE)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def backbone(name: str = "mobilenetv3_small_050", **knobs: object) -> TimmBackbone:
    return TimmBackbone(name, image_size=SIZE, pretrained=False, **knobs)


@pytest.fixture
def detector() -> Detector:
    torch.manual_seed(0)
    return Detector(backbone(), partial(LSTMHead, hidden_size=8)).eval()


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("efficientnet_b0", LSTMHead, 5_582_974),
        ("resnext50_32x4d", LSTMHead, 25_341_762),
        ("swin_tiny_patch4_window7_224", MeanHead, 27_520_892),
        ("densenet121", MeanHead, 6_955_906),
    ],
)
def test_parameters_are_as_published(name: str, head: type, expected: int) -> None:
    built = Detector(TimmBackbone(name, pretrained=False), head)
    assert count_parameters(built) == expected


def test_padding_changes_nothing(detector: Detector) -> None:
    frames, real = random_frames(1, 5), torch.ones(1, 5, dtype=torch.bool)
    padded = torch.cat((frames, random_frames(1, 3, seed=1)), dim=1)
    mask = torch.cat((real, torch.zeros(1, 3, dtype=torch.bool)), dim=1)
    torch.testing.assert_close(detector(padded, mask), detector(frames, real))


def test_padding_leaves_batch_norm_statistics_alone(detector: Detector) -> None:
    frames, real = random_frames(1, 5), torch.ones(1, 5, dtype=torch.bool)
    padded = torch.cat((frames, random_frames(1, 3, seed=1)), dim=1)
    mask = torch.cat((real, torch.zeros(1, 3, dtype=torch.bool)), dim=1)
    start = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    after = []
    for clip, is_frame in ((frames, real), (padded, mask)):
        detector.load_state_dict(start)
        detector.train()(clip, is_frame)
        after.append({name: tensor.clone() for name, tensor in detector.state_dict().items()})
    torch.testing.assert_close(after[0], after[1])


def test_batch_order_does_not_matter(detector: Detector) -> None:
    frames, real = random_frames(3, 2), torch.ones(3, 2, dtype=torch.bool)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(detector(frames[order], real), detector(frames, real)[order])


def test_frames_are_normalised_once() -> None:
    built = Detector(backbone(), MeanHead).eval()
    seen = []
    built.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    built(
        torch.full((1, 1, 3, SIZE, SIZE), 255, dtype=torch.uint8),
        torch.ones(1, 1, dtype=torch.bool),
    )
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(seen[0][0, :, 0, 0], (1 - mean) / std)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (torch.zeros(1, 1, 3, 16, 16, dtype=torch.uint8), "16, 16"),
        (torch.zeros(1, 1, 3, SIZE, SIZE), "float32"),
    ],
)
def test_frames_of_another_size_or_type_are_named(
    detector: Detector, frames: Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        detector(frames, torch.ones(1, 1, dtype=torch.bool))


def test_scores_are_float32_whatever_the_precision() -> None:
    assert fake_scores(torch.tensor([[0.0, 9.0]], dtype=torch.bfloat16)).dtype == torch.float32


def test_an_unknown_architecture_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"'efficientnet_b00'.*did you mean 'efficientnet_b0'"):
        TimmBackbone("efficientnet_b00", pretrained=False)


def test_stochastic_depth_without_effect_is_refused() -> None:
    with pytest.raises(ConfigError, match="'vgg11' has no stochastic depth"):
        TimmBackbone("vgg11", pretrained=False, drop_path_rate=0.1)


def test_patch_models_take_another_image_size() -> None:
    vit = TimmBackbone("vit_tiny_patch16_224", image_size=64, pretrained=False)
    assert vit(torch.zeros(1, 3, 64, 64)).shape == (1, vit.num_features)


def test_missing_network_names_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(weights, "_is_cached", lambda _: False)
    with pytest.raises(CheckpointError) as caught:
        TimmBackbone("efficientnet_b0", pretrained=True)
    assert "model.backbone.pretrained=false" in str(caught.value)
    assert "model.backbone.weights=<file>" in str(caught.value)


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    torch.manual_seed(1)
    source = backbone()
    torch.save(
        source.network.state_dict() | {"classifier.weight": torch.zeros(2, 2)}, tmp_path / "w.pth"
    )
    loaded = backbone(weights=str(tmp_path / "w.pth"))
    for name, tensor in source.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    torch.save(backbone("resnet10t").network.state_dict(), tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="does not fit 'mobilenetv3_small_050'"):
        backbone(weights=str(tmp_path / "w.pth"))


@pytest.mark.parametrize("content", [b"", b"not weights"])
def test_a_damaged_file_of_weights_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"w.pth is not a readable file of weights"):
        backbone(weights=str(tmp_path / "w.pth"))
    with pytest.raises(CheckpointError, match="no file of weights at"):
        backbone(weights=str(tmp_path / "absent.pth"))


def seen_by_the_backbone(built: Detector, colour: tuple[int, int, int]) -> Tensor:
    """Return one pixel of a frame of one colour, as it reaches the backbone."""
    seen: list[Tensor] = []
    built.get_submodule("backbone").register_forward_pre_hook(lambda _, inputs: seen.extend(inputs))
    frames = torch.tensor(colour, dtype=torch.uint8).reshape(1, 1, 3, 1, 1)
    built.eval()(frames.expand(-1, -1, -1, SIZE, SIZE), torch.ones(1, 1, dtype=torch.bool))
    return seen[0][0, :, 0, 0]


def test_grey_frames_are_rec_601_luma() -> None:
    built = Detector(backbone(), MeanHead, grayscale=True)
    luma = (0.299 * 10 + 0.587 * 20 + 0.114 * 30) / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(seen_by_the_backbone(built, (10, 20, 30)), (luma - mean) / std)


def test_a_backbone_for_one_channel_gets_one() -> None:
    built = Detector(backbone(in_chans=1), MeanHead, grayscale=True)
    mean = 0.299 * 0.485 + 0.587 * 0.456 + 0.114 * 0.406
    std = 0.299 * 0.229 + 0.587 * 0.224 + 0.114 * 0.225
    pixel = seen_by_the_backbone(built, (255, 255, 255))
    torch.testing.assert_close(pixel, torch.tensor([(1 - mean) / std]))


def test_grey_frames_of_the_same_luma_look_alike() -> None:
    built = Detector(backbone(), MeanHead, grayscale=True).eval()
    colour = random_frames(1, 2)
    weights = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 1, 3, 1, 1)
    grey = (colour * weights).sum(dim=2, keepdim=True).round().to(torch.uint8)
    real = torch.ones(1, 2, dtype=torch.bool)
    torch.testing.assert_close(
        built(colour, real), built(grey.expand_as(colour), real), rtol=1e-3, atol=1e-3
    )


def test_colour_for_one_channel_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"in_chans=1 takes grey frames.*model.grayscale=true"):
        Detector(backbone(in_chans=1), MeanHead)


def test_features_are_zero_at_padding_and_feed_the_head(detector: Detector) -> None:
    frames, mask = random_frames(2, 3), torch.tensor([[True, True, False], [True, True, True]])
    features = detector.encode(frames, mask)
    assert features.shape == (2, 3, detector.backbone.num_features)
    assert not features[0, 2].any()
    assert features[mask].abs().sum(dim=1).all()
    torch.testing.assert_close(detector.head(features, mask), detector(frames, mask))


@pytest.mark.parametrize("frames_at_once", [1, 4, 100])
def test_pieces_give_the_same_scores(frames_at_once: int) -> None:
    torch.manual_seed(0)
    built = Detector(backbone(), LSTMHead, frames_at_once=frames_at_once).eval()
    frames, mask = random_frames(3, 3), torch.tensor([[True] * 3, [True] * 3, [True, False, False]])
    seen: list[int] = []
    built.get_submodule("backbone").register_forward_pre_hook(
        lambda _, inputs: seen.append(len(inputs[0]))
    )
    in_pieces = built(frames, mask)
    assert seen == {1: [1] * 7, 4: [4, 3], 100: [7]}[frames_at_once]
    built.frames_at_once = None
    torch.testing.assert_close(in_pieces, built(frames, mask))


def test_pieces_are_refused_where_batch_norm_learns() -> None:
    frames, real = random_frames(1, 2), torch.ones(1, 2, dtype=torch.bool)
    built = Detector(backbone(), MeanHead, frames_at_once=1).train()
    with pytest.raises(ConfigError, match=r"frames_at_once=1 .*grad_checkpointing=true"):
        built(frames, real)
    for allowed in (
        Detector(backbone(), MeanHead, frames_at_once=1, tuning=tune_head),
        Detector(backbone("vit_tiny_patch16_224"), MeanHead, frames_at_once=1),  # has none
    ):
        assert allowed.train()(frames, real).shape == (1, 2)


def test_no_frame_at_once_is_refused() -> None:
    with pytest.raises(ConfigError, match="frames_at_once=0 must be at least 1"):
        Detector(backbone(), MeanHead, frames_at_once=0)

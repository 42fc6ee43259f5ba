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

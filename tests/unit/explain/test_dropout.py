"""Monte Carlo dropout drops what training drops, and nothing else changes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.explain.dropout import mc_dropout
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import Detector
from unmask.models.heads.pooling import MeanHead
from unmask.models.heads.recurrent import LSTMHead
from unmask.models.heads.transformer import TransformerHead
from unmask.models.plain_cnn import PlainCNN

Clip = Callable[..., tuple[Tensor, Tensor]]


def test_samples_are_the_scores_of_what_dropout_can_leave(
    make_colours: Callable, random_clip: Clip, pixel_evidence: Callable
) -> None:
    """Of two features at p = 0.5, each is dropped or doubled: four scores, all of them seen."""
    frames, is_frame = random_clip(2)
    levels = frames[0].double().mean(dim=(0, 2, 3)) / 255
    red, green = 2 * 8.0 * levels[0], 2 * -4.0 * levels[1]
    possible = torch.sigmoid(torch.stack((0 * red, red, green, red + green))).numpy()
    found = mc_dropout(make_colours(dropout=0.5), frames, is_frame, num_samples=200)
    distances = np.abs(found.samples[:, 0, None] - possible[None])
    assert distances.min(axis=1).max() < 1e-5
    counts = np.bincount(distances.argmin(axis=1), minlength=4)
    assert (counts > 25).all()  # 50 each are expected; less than 26 happens once in 10^5
    np.testing.assert_allclose(found.mean, found.samples.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.std, found.samples.std(axis=0, ddof=1), rtol=1e-5)


def of(head: Callable[[int], nn.Module], name: str = "plain", **knobs: float) -> Detector:
    torch.manual_seed(0)
    backbone = (
        PlainCNN((8, 16), image_size=32, dropout=0.0)
        if name == "plain"
        else TimmBackbone(name, image_size=32, pretrained=False, **knobs)
    )
    return Detector(backbone, head)


CASES: dict[str, Callable[[], Detector]] = {
    "head": lambda: of(lambda width: MeanHead(width, dropout=0.4)),
    "between LSTM layers": lambda: of(
        lambda width: LSTMHead(width, hidden_size=8, num_layers=2, dropout=0.0, layer_dropout=0.5)
    ),
    "transformer": lambda: of(lambda width: TransformerHead(width, width=16, dropout=0.3)),
    "timm's own call": lambda: of(MeanHead, "efficientnet_b0", drop_rate=0.4),
}


@pytest.mark.parametrize("case", CASES)
def test_dropout_works_wherever_it_hides_and_the_detector_stays_as_it_was(
    random_clip: Clip, case: str
) -> None:
    detector = CASES[case]().train()
    frames, is_frame = random_clip(3, 32)
    frames, is_frame = frames.repeat(2, 1, 1, 1, 1), is_frame.repeat(2, 1)
    state = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    modes = [module.training for module in detector.modules()]
    generator = torch.get_rng_state()
    found = mc_dropout(detector, frames, is_frame, num_samples=8, seed=3)
    assert found.samples.shape == (8, 2)
    assert (found.std > 0).all()
    assert torch.equal(torch.get_rng_state(), generator)
    assert [module.training for module in detector.modules()] == modes
    # Running statistics too: normalisations were in evaluation mode.
    assert all(torch.equal(state[name], one) for name, one in detector.state_dict().items())
    again = mc_dropout(detector, frames, is_frame, num_samples=8, seed=3)
    np.testing.assert_array_equal(again.samples, found.samples)
    other = mc_dropout(detector, frames, is_frame, num_samples=8, seed=4)
    assert not np.array_equal(other.samples, found.samples)


def test_the_transformers_inner_dropout_counts_and_not_its_last_one_alone(
    random_clip: Clip,
) -> None:
    detector = of(lambda width: TransformerHead(width, width=16, dropout=0.3))
    detector.head.dropout.p = 0.0
    assert (mc_dropout(detector, *random_clip(3, 32), num_samples=4).std > 0).all()


def test_a_detector_without_dropout_is_refused(random_clip: Clip) -> None:
    with pytest.raises(ConfigError, match=r"none above 0; .* model.head.dropout=0.4"):
        mc_dropout(of(lambda width: MeanHead(width, dropout=0.0)), *random_clip(2, 32))
    with pytest.raises(ValueError, match=r"num_samples must be at least 2 .* got 1"):
        mc_dropout(CASES["head"](), *random_clip(2, 32), num_samples=1)

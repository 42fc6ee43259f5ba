"""Heat maps of a trained detector point at an artefact whose place is known."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unmask.demo.clip import PlantedClip, planted_clip
from unmask.explain.grad_cam import grad_cam
from unmask.explain.occlusion import occlusion
from unmask.explain.quality import pointing, randomisation_check
from unmask.models.detector import Detector, fake_scores
from unmask.models.heads.recurrent import LSTMHead
from unmask.models.plain_cnn import PlainCNN

pytestmark = pytest.mark.slow  # it trains
SIZE, NUM_FRAMES = 48, 2
IS_FRAME = torch.ones(1, NUM_FRAMES, dtype=torch.bool)
make = partial(planted_clip, num_frames=NUM_FRAMES, size=SIZE, strength=0.2)


def as_tensor(images: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 1, 4, 2, 3).contiguous()


@pytest.fixture(scope="module")
def detector() -> Detector:
    """Return a small network that has learned the artefact."""
    clips = [make(seed) for seed in range(48)]
    frames = as_tensor([clip.real for clip in clips] + [clip.forged for clip in clips])
    labels = torch.tensor([0] * 48 + [1] * 48)
    torch.manual_seed(0)
    trained = Detector(
        PlainCNN((16, 32, 32), image_size=SIZE, dropout=0.0),
        partial(LSTMHead, hidden_size=32, dropout=0.0),
    )
    optimizer = torch.optim.Adam(trained.parameters(), lr=3e-3)
    for _ in range(25):
        for some in torch.randperm(96).split(16):
            scores = trained(frames[some], IS_FRAME.expand(16, -1))
            optimizer.zero_grad()
            nn.functional.cross_entropy(scores, labels[some]).backward()
            optimizer.step()
    return trained.eval()


@pytest.fixture(scope="module")
def found_fakes(detector: Detector) -> list[PlantedClip]:
    """Return clips of other people that the network calls fake."""
    clips = [make(seed) for seed in range(1000, 1020)]
    with torch.no_grad():
        fakes = fake_scores(detector(as_tensor([c.forged for c in clips]), IS_FRAME.expand(20, -1)))
        reals = fake_scores(detector(as_tensor([c.real for c in clips]), IS_FRAME.expand(20, -1)))
    assert (fakes > reals).float().mean() > 0.9  # else there is nothing to explain
    return [clip for clip, score in zip(clips, fakes.tolist(), strict=True) if score > 0.5]


@pytest.mark.parametrize(
    "explainer", [grad_cam, partial(occlusion, patch_fraction=0.2)], ids=["grad_cam", "occlusion"]
)
def test_the_heat_is_where_the_artefact_is(
    detector: Detector, found_fakes: list[PlantedClip], explainer: Callable
) -> None:
    """More than three times of what an even map has inside."""
    assert len(found_fakes) >= 10
    results = [
        pointing(explainer(detector, as_tensor([clip.forged]), IS_FRAME).maps, clip.masks)
        for clip in found_fakes
    ]
    assert np.nanmean([one.gain for one in results]) > 3
    assert np.nanmean([one.hit_fraction for one in results]) > 0.6


def test_the_maps_depend_on_what_was_learned(
    detector: Detector, found_fakes: list[PlantedClip]
) -> None:
    similar = [
        randomisation_check(detector, as_tensor([clip.forged]), IS_FRAME, grad_cam)["everything"]
        for clip in found_fakes[:8]
    ]
    assert abs(np.mean(similar)) < 0.5

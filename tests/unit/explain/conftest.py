"""A detector whose right maps are known in closed form."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from unmask.models.detector import Detector
from unmask.models.heads.pooling import MeanHead
from unmask.models.tall import TallDetector

SIZE = 4
RED, GREEN = 8.0, -4.0  # what a unit of mean red and of mean green adds to the logits' difference


class Colours(nn.Module):
    """Describes an image by its mean red and its mean green, in [0, 1]."""

    mean = (0.0, 0.0, 0.0)
    std = (1.0, 1.0, 1.0)
    num_features = 2

    def __init__(self, image_size: int = SIZE) -> None:
        super().__init__()
        self.image_size = image_size
        self.blocks = nn.Sequential(nn.Conv2d(3, 2, kernel_size=1, bias=False))
        nn.init.zeros_(self.blocks[0].weight)
        with torch.no_grad():
            self.blocks[0].weight[0, 0] = 1
            self.blocks[0].weight[1, 1] = 1

    def forward(self, images: Tensor) -> Tensor:
        described: Tensor = self.blocks(images).mean(dim=(2, 3))
        return described


class Named(nn.Module):
    """A backbone that has no ``blocks``."""

    mean, std, num_features, image_size = (0.0,) * 3, (1.0,) * 3, 2, SIZE

    def __init__(self) -> None:
        super().__init__()
        self.inner = Colours()

    def forward(self, images: Tensor) -> Tensor:
        described: Tensor = self.inner(images)
        return described


def weigh(head: nn.Module, bias: float = 0.0) -> None:
    """Let a head's classifier say RED times red plus GREEN times green plus a bias."""
    with torch.no_grad():
        head.classifier.weight.copy_(torch.tensor([[0.0, 0.0], [RED, GREEN]]))
        head.classifier.bias.copy_(torch.tensor([0.0, bias]))


@pytest.fixture
def make_colours() -> Callable[..., Detector | TallDetector]:
    """Return a function that builds the detector; ``rows`` makes it one of thumbnails."""

    def make(
        *, rows: int = 0, dropout: float = 0.0, bias: float = 0.0, known: bool = True
    ) -> Detector | TallDetector:
        if rows:
            tall = TallDetector(Colours(rows * SIZE), rows=rows, dropout=dropout)
            weigh(tall.thumbnails.head, bias)
            return tall.eval()
        backbone = Colours() if known else Named()
        detector = Detector(backbone, lambda width: MeanHead(width, dropout=dropout))
        weigh(detector.head, bias)
        return detector.eval()

    return make


def random_clip(num_frames: int, size: int = SIZE, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randint(0, 256, (1, num_frames, 3, size, size), generator=generator)
    return frames.to(torch.uint8), torch.ones(1, num_frames, dtype=torch.bool)


@pytest.fixture(name="random_clip")
def random_clip_fixture() -> Callable[..., tuple[Tensor, Tensor]]:
    return random_clip


@pytest.fixture
def pixel_evidence() -> Callable[[Tensor], Tensor]:
    """Return a function that gives each pixel's own evidence, ``(frames, height, width)``."""

    def evidence(frames: Tensor) -> Tensor:
        levels = frames[0].double() / 255
        return RED * levels[:, 0] + GREEN * levels[:, 1]

    return evidence

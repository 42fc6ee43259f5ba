"""A backbone, a head, a data set, an augmentation and a logger."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from torch import Tensor, nn

from unmask.data.sources.folder import FolderSource


class PatchBackbone(nn.Module):
    """One convolution over patches."""

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)

    def __init__(self, *, image_size: int = 32, num_features: int = 8) -> None:
        super().__init__()
        self.image_size = image_size
        self.num_features = num_features
        patches = nn.Conv2d(3, num_features, kernel_size=8, stride=8)
        self.layers = nn.Sequential(patches, nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(images, 3, height, width)`` to ``(images, features)``."""
        features: Tensor = self.layers(images)
        return features


class LoudestFrameHead(nn.Module):
    """Classify the largest value of each feature over the frames."""

    def __init__(self, num_features: int, *, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.classifier = nn.Linear(num_features, 2)

    def forward(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Map ``(batch, frames, features)`` and ``(batch, frames)`` to logits ``(batch, 2)``."""
        seen = features.masked_fill(~is_frame[..., None], float("-inf"))
        logits: Tensor = self.classifier(seen.amax(dim=1)) * self.scale
        return logits


@dataclass(frozen=True, kw_only=True)
class GlossSet(FolderSource):
    """A tree of ``real`` and ``fake`` folders."""

    name: str = "gloss"


class Mirror:
    """Mirror every clip."""

    def __call__(self, frames: Tensor) -> Tensor:
        """Mirror ``(frames, 3, height, width)``."""
        return frames.flip(-1).contiguous()


class LineLogger(Logger):
    """Write a line for each set of metrics."""

    def __init__(self, save_dir: str, file: str = "lines.txt") -> None:
        super().__init__()
        self.path = Path(save_dir) / file

    @property
    def name(self) -> str:
        """What the logger is called."""
        return "lines"

    @property
    def version(self) -> str:
        """Of the lines."""
        return "1"

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Leave them out."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Write one line."""
        with self.path.open("a") as file:
            file.write(f"{step} {sorted(metrics)}\n")

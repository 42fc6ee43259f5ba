"""Heat maps where the package that draws them is there."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from einops import rearrange

from unmask.core.errors import ConfigError
from unmask.models.tall import AnyDetector
from unmask.pipelines.predict.pictures import Explainer, Image


def find_explainer() -> Explainer:
    """Return what lays heat maps over the frames of a clip.

    Raises:
        ConfigError: If this installation has none.
    """
    if find_spec("unmask.explain") is None:
        raise ConfigError("This installation cannot draw heat maps; leave heat_maps=true out.")
    explain: Any = import_module("unmask.explain")

    def draw(detector: AnyDetector, frames: torch.Tensor) -> list[Image]:
        device = next(detector.buffers()).device
        is_frame = torch.ones(1, len(frames), dtype=torch.bool, device=device)
        maps = explain.explain(detector, frames[None].to(device), is_frame).maps
        pictures = rearrange(frames, "f c h w -> f h w c").contiguous().numpy()
        return list(explain.overlay(pictures, maps))

    return draw

"""How good heat maps are, measured: do they find what counts, and do they depend on the network?"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import auc
from torch import Tensor, nn

from unmask.explain.clip import FloatArray, HeatMaps, check_clip, explaining, require_pictures
from unmask.explain.occlusion import GREY
from unmask.models.detector import ClipDetector, fake_scores

Explainer = Callable[[ClipDetector, Tensor, Tensor], HeatMaps]
# Strength of the blur from which insertion starts: a face stays where it is, but is none any more.
_BLUR_FRACTION = 0.08


@dataclass(frozen=True)
class Pointing:
    """How well maps point at a region that is known.

    Attributes:
        energy_inside: Share of the maps' sum inside the region, in [0, 1]; NaN where there is none.
        area: Share of the pixels inside the region, in [0, 1]: what an even map would get.
        hit_fraction: Share of frames with heat whose brightest pixel is inside; NaN where no frame
            has any.
    """

    energy_inside: float
    area: float
    hit_fraction: float

    @property
    def gain(self) -> float:
        """How many times an even map's share is inside the region; 1 says nothing."""
        return self.energy_inside / self.area


def pointing(maps: FloatArray, masks: NDArray[np.bool_]) -> Pointing:
    """Measure how much of maps lies in a region, and how often their peak does.

    Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016, count the peaks;
    energy is that of Wang et al., "Score-CAM", CVPR Workshops 2020.

    Args:
        maps: Not negative, ``(frames, height, width)``.
        masks: True inside the region, ``(frames, height, width)``.

    Raises:
        ValueError: If the shapes differ, or the region is empty.

    Example:
        >>> pointing(np.array([[[3.0, 1.0]]], np.float32), np.array([[[True, False]]]))
        Pointing(energy_inside=0.75, area=0.5, hit_fraction=1.0)
    """
    if maps.shape != masks.shape or maps.ndim != 3:
        raise ValueError(
            "maps and masks must both be (frames, height, width), got "
            f"{maps.shape} and {masks.shape}."
        )
    if not masks.any():
        raise ValueError("masks is False throughout: there is no region to point at.")
    total = float(maps.sum(dtype=np.float64))
    inside = float(maps[masks].sum(dtype=np.float64)) / total if total > 0 else float("nan")
    warm = [i for i in range(len(maps)) if maps[i].max() > 0]
    hits = [bool(masks[i].flat[int(maps[i].argmax())]) for i in warm]
    return Pointing(inside, float(masks.mean()), float(np.mean(hits)) if hits else float("nan"))


@dataclass(frozen=True)
class Curve:
    """A score while pixels are changed in the order of a map.

    Attributes:
        fractions: Share of the real frames' pixels that were changed, from 0 to 1.
        scores: The clip's score at each.
    """

    fractions: FloatArray
    scores: FloatArray

    @property
    def area(self) -> float:
        """Area under the curve, in [0, 1], by trapezoids."""
        return float(auc(self.fractions, self.scores))


def deletion(
    detector: ClipDetector,
    frames: Tensor,
    is_frame: Tensor,
    maps: FloatArray,
    *,
    num_steps: int = 20,
    seed: int = 0,
) -> Curve:
    """Turn the pixels grey that the maps name first, and watch the score; low areas are good.

    Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
    BMVC 2018. All frames of the clip share one order. Pixels of equal heat come in random order;
    by rows, a map without heat would already favour the upper edge.

    Args:
        detector: Any. Its modes are as before afterwards.
        frames: One clip that is called fake, ``(1, frames, 3, height, width)``, uint8.
        is_frame: False where a frame is padding, ``(1, frames)``.
        maps: ``(frames, height, width)``.
        num_steps: Steps of equal numbers of pixels.
        seed: Seed of the order among equals.

    Raises:
        ValueError: If there is not one clip, or the maps are not its maps.
    """
    start = frames
    end = torch.full_like(frames, GREY)
    return _curve(detector, start, end, is_frame, maps, num_steps, seed)


def insertion(
    detector: ClipDetector,
    frames: Tensor,
    is_frame: Tensor,
    maps: FloatArray,
    *,
    num_steps: int = 20,
    seed: int = 0,
) -> Curve:
    """Sharpen the pixels that the maps name first in a blurred clip; high areas are good.

    Args:
        detector: As of :func:`deletion`.
        frames: As of :func:`deletion`.
        is_frame: As of :func:`deletion`.
        maps: As of :func:`deletion`.
        num_steps: As of :func:`deletion`.
        seed: As of :func:`deletion`.

    Raises:
        ValueError: As :func:`deletion`.
    """
    check_clip(frames, is_frame)
    return _curve(detector, _blurred(frames), frames, is_frame, maps, num_steps, seed)


def _curve(
    detector: ClipDetector,
    start: Tensor,
    end: Tensor,
    is_frame: Tensor,
    maps: FloatArray,
    num_steps: int,
    seed: int,
) -> Curve:
    check_clip(start, is_frame)
    if maps.shape != (start.shape[1], *start.shape[3:]):
        raise ValueError(
            f"maps must be {(start.shape[1], *start.shape[3:])} like the clip, got {maps.shape}."
        )
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}.")
    count = int(is_frame.sum())
    heat = maps[:count].reshape(-1)
    tie = np.random.default_rng(seed).random(heat.size)
    rank = np.empty(heat.size, dtype=np.int64)
    rank[np.lexsort((tie, -heat))] = np.arange(heat.size)
    ranks = torch.from_numpy(rank.reshape(1, count, 1, *maps.shape[1:])).to(start.device)
    real = is_frame[:, :count]
    steps = np.rint(np.linspace(0, heat.size, num_steps + 1)).astype(int)
    with torch.no_grad(), explaining(detector):
        scores = [
            float(fake_scores(detector(torch.where(ranks < step, end[:, :count],
                                                   start[:, :count]), real)))
            for step in steps.tolist()
        ]  # fmt: skip
    fractions = (steps / heat.size).astype(np.float32)
    return Curve(fractions, np.array(scores, dtype=np.float32))


def _blurred(frames: Tensor) -> Tensor:
    images = frames.flatten(0, 1).permute(0, 2, 3, 1).cpu().numpy()
    sigma = _BLUR_FRACTION * frames.shape[-1]
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), sigma) for image in images])
    return torch.from_numpy(blurred).permute(0, 3, 1, 2).reshape(frames.shape).to(frames.device)


def randomisation_check(
    detector: ClipDetector,
    frames: Tensor,
    is_frame: Tensor,
    explainer: Explainer,
    *,
    seed: int = 0,
) -> dict[str, float]:
    """Compare maps with those of the same network with random weights; 1 is a bad sign.

    Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018: maps that do not change say
    nothing about what was learned. Weights are shuffled within each tensor, which keeps their sizes
    and so the signal; statistics of normalisations stay.

    Args:
        detector: Any; a copy is shuffled.
        frames: One clip, ``(1, frames, 3, height, width)``, uint8.
        is_frame: False where a frame is padding, ``(1, frames)``.
        explainer: E.g. :func:`~unmask.explain.grad_cam.grad_cam`.
        seed: Seed of the shuffling.

    Returns:
        Spearman's correlation of the real frames' pixels with the ``"head"`` and with
        ``"everything"`` shuffled; 0 where one of the maps is even.
    """
    count = int(is_frame.sum())
    found = explainer(detector, frames, is_frame).maps[:count]
    parts: dict[str, Callable[[ClipDetector], nn.Module | ClipDetector]] = {
        "head": lambda shuffled: require_pictures(shuffled).of_pictures.head,
        "everything": lambda shuffled: shuffled,
    }
    similar = {}
    for name, part in parts.items():
        shuffled = copy.deepcopy(detector)
        _shuffle(part(shuffled), seed)
        similar[name] = rank_correlation(found, explainer(shuffled, frames, is_frame).maps[:count])
    return similar


def rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Return Spearman's correlation of two maps' pixels; 0 where one of the maps is even."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first.reshape(-1), second.reshape(-1)).statistic)


@torch.no_grad()
def _shuffle(module: nn.Module | ClipDetector, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))

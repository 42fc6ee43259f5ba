"""One call that chooses how to explain a clip, with words on what the maps show."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from torch import Tensor

from unmask.core.errors import ConfigError, did_you_mean
from unmask.explain.clip import FloatArray, HeatMaps, require_pictures
from unmask.explain.feature_maps import feature_site
from unmask.explain.grad_cam import grad_cam
from unmask.explain.occlusion import occlusion
from unmask.explain.rollout import attention_rollout, can_roll_out
from unmask.models.detector import ClipDetector

Method = Literal["auto", "grad_cam", "rollout", "occlusion"]

METHODS: Final[dict[str, Callable[[ClipDetector, Tensor, Tensor], HeatMaps]]] = {
    "grad_cam": grad_cam,
    "rollout": attention_rollout,
    "occlusion": occlusion,
}
WORDS: Final = {
    "grad_cam": (
        "Bright places are those whose features spoke for fake (Grad-CAM), and bright frames those "
        "that the head let count. The map is as coarse as the network's last feature map."
    ),
    "rollout": (
        "Bright places are those that the network gathered from (attention rollout), and bright "
        "frames those that moved the result most. It tells where it looked, and neither what it "
        "found there nor whether that spoke for fake or for real."
    ),
    "occlusion": (
        "Bright places are those without which less spoke for fake: the drop when a grey patch "
        "covers them in this frame alone. A patch is itself something that no camera made."
    ),
}
NOTHING: Final = "Nothing in this clip spoke for fake, so the maps are empty."


@dataclass(frozen=True)
class Explanation:
    """Where in a clip a detector saw what it saw.

    Attributes:
        maps: ``(frames, height, width)`` in [0, 1], one scale for the whole clip; 0 at padding.
        method: How they were made: a key of ``METHODS``.
        words: What they show and do not show, to be printed beside them.
        scale: What 1 stands for, in ``unit``.
        unit: What the maps count.
    """

    maps: FloatArray
    method: str
    words: str
    scale: float
    unit: str


def explain(
    detector: ClipDetector, frames: Tensor, is_frame: Tensor, *, method: Method = "auto"
) -> Explanation:
    """Show where in a clip a detector saw what speaks for fake.

    The same call gives the same maps. Afterwards the detector is as it was: modes, hooks, fused
    attention, gradients.

    Args:
        frames: One clip, RGB, ``(1, frames, 3, height, width)``, uint8.
        is_frame: False where a frame is padding, ``(1, frames)``.
        method: ``"auto"`` takes rollout for vision transformers, else Grad-CAM where the feature
            maps are known, else occlusion.

    Returns:
        The maps, and what they show in words.

    Raises:
        ValueError: If there is no such method, or not one clip.
        ConfigError: If the method is not defined for the detector.
    """
    chosen = suited_method(detector) if method == "auto" else method
    if chosen not in METHODS:
        raise ValueError(
            f"method={method!r} is not a way to explain" + did_you_mean(method, ["auto", *METHODS])
        )
    found = METHODS[chosen](detector, frames, is_frame)
    words = WORDS[chosen] if found.scale > 0 else NOTHING
    return Explanation(found.maps, chosen, words, found.scale, found.unit)


def suited_method(detector: ClipDetector) -> str:
    """Return the method that ``"auto"`` stands for."""
    if can_roll_out(detector):
        return "rollout"
    try:
        feature_site(require_pictures(detector).of_pictures.backbone)
    except ConfigError:
        return "occlusion"
    return "grad_cam"

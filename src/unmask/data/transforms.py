"""Augmentations of a clip, drawn once and applied alike to each of its frames."""

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.transforms import v2


class ClipAugmentation:
    """Apply transforms in turn, each with one draw for all frames of the clip.

    ``torchvision.transforms.v2`` draws once per call, so a clip passed as one tensor is changed
    alike in every frame. Random per-frame draws would add a flicker that no camera makes.

    Args:
        transforms: Modules of ``torchvision.transforms.v2`` that take and return uint8.
    """

    def __init__(self, transforms: Sequence[nn.Module]) -> None:
        self._transform = v2.Compose(list(transforms)) if transforms else v2.Identity()

    def __call__(self, frames: Tensor) -> Tensor:
        """Change a clip.

        Args:
            frames: RGB, ``(frames, 3, height, width)``, uint8.

        Returns:
            The same shape and type.
        """
        changed: Tensor = self._transform(frames)
        return changed

"""Augmentations of a clip, drawn once and applied alike to each of its frames.

What ``torchvision.transforms.v2`` has is taken from there. Here stands what it lacks, or what it
does slower than OpenCV on a CPU (``benchmarks/augment.py``). Everything draws from PyTorch's
generator alone, which :func:`augment_with_seed` seeds.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F  # noqa: N812 - the library's own convention

Image = NDArray[np.uint8]
Border = Literal["black", "reflect", "replicate"]
_BORDERS: Final[dict[Border, int]] = {
    "black": cv2.BORDER_CONSTANT,
    "reflect": cv2.BORDER_REFLECT_101,
    "replicate": cv2.BORDER_REPLICATE,
}


class ClipAugmentation:
    """Apply transforms in turn, each with one draw for all frames of the clip.

    ``torchvision.transforms.v2`` draws once per call, so a clip passed as one tensor is changed
    alike in every frame. Random per-frame draws would add a flicker that no camera makes; the one
    exception is the grain of :class:`SensorNoise`, which every camera makes.

    Args:
        transforms: Modules that take and return uint8 clips, in order; a name for each makes it
            reachable from the command line.
    """

    def __init__(self, transforms: Sequence[nn.Module] | Mapping[str, nn.Module]) -> None:
        if isinstance(transforms, Mapping):
            self.transforms = list(transforms.values())
        else:
            self.transforms = list(transforms)

    def __call__(self, frames: Tensor) -> Tensor:
        """Change a clip.

        Args:
            frames: RGB, ``(frames, 3, height, width)``, uint8.

        Returns:
            The same type, contiguous. The same shape, except that :class:`DropFrames` leaves fewer
            frames.
        """
        for transform in self.transforms:
            frames = transform(frames)
        return frames.contiguous()


def augment_with_seed(
    augmentation: Callable[[Tensor], Tensor], frames: Tensor, seed: int
) -> Tensor:
    """Change a clip with the draw that a seed decides; PyTorch's own generator stays as it was.

    Args:
        augmentation: Draws from PyTorch's generator.
        frames: RGB, ``(frames, 3, height, width)``, uint8.
        seed: Equal seeds give equal results.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return augmentation(frames)


class ClipTransform(nn.Module, ABC):
    """Change a clip with a probability, by one draw for all of its frames.

    Args:
        p: Probability that a clip is changed at all, in [0, 1].

    Raises:
        ValueError: If ``p`` lies elsewhere.
    """

    def __init__(self, *, p: float) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {p}.")
        self.p = p

    def forward(self, frames: Tensor) -> Tensor:
        """Change a clip or leave it, ``(frames, 3, height, width)``, uint8."""
        return self.change(frames) if uniform(0, 1) < self.p else frames

    @abstractmethod
    def change(self, frames: Tensor) -> Tensor:
        """Change a clip, ``(frames, 3, height, width)``, uint8."""


class BorderedAffine(v2.RandomAffine):  # type: ignore[misc]  # torchvision has no types
    """Rotate, shift, scale and shear, filling what comes into view from the picture's border.

    Draws as ``v2.RandomAffine`` does; that fills with one colour only, and resamples in floating
    point. Bilinear.

    Args:
        degrees: Largest angle, or the range of angles, clockwise.
        translate: Largest shift in each direction as a fraction of width and height.
        scale: Range of the factor.
        shear: Largest angle along x in degrees, or its range, or the ranges along x and y.
        border: What fills: the mirrored picture, its edge pixels, or black.
        p: Probability that a clip is changed at all, in [0, 1].

    Raises:
        ValueError: If a range is none, or ``p`` or ``border`` is not as said.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        *,
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        border: Border = "reflect",
        p: float = 1.0,
    ) -> None:
        super().__init__(degrees, translate=translate, scale=scale, shear=shear)
        if border not in _BORDERS:
            raise ValueError(f"border must be one of {', '.join(_BORDERS)}, got '{border}'.")
        if not 0 <= p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {p}.")
        self.border: Border = border
        self.p = p

    def forward(self, frames: Tensor) -> Tensor:
        """Change a clip or leave it, ``(frames, 3, height, width)``, uint8."""
        if uniform(0, 1) >= self.p:
            return frames
        height, width = frames.shape[-2:]
        matrix = _affine_matrix(**self.make_params([frames]), height=height, width=width)
        return each_frame(
            frames,
            lambda image: cv2.warpAffine(
                image, matrix, (width, height), borderMode=_BORDERS[self.border]
            ),
        )


def _affine_matrix(
    *,
    angle: float,
    translate: tuple[int, int],
    scale: float,
    shear: tuple[float, float],
    height: int,
    width: int,
) -> NDArray[np.float64]:
    """Return the map from a picture's pixels to the changed one's, ``(2, 3)``.

    The centre stays where it is but for ``translate``; angles in degrees, as in torchvision.
    """
    turn = np.deg2rad(angle)
    across, down = np.tan(np.deg2rad(shear))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    slant = np.array([[1, 0], [-down, 1]]) @ np.array([[1, -across], [0, 1]])
    linear = scale * rotation @ slant
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.column_stack((linear, centre + np.array(translate) - linear @ centre))


class DropFrames(ClipTransform):
    """Leave out frames, as a video that lost some; the others keep their order.

    The clip becomes shorter and is padded like any short clip, so that ``is_frame`` stays true of
    exactly what was seen. One frame always remains.

    Args:
        fraction: Range of the share of frames that is left out, in [0, 1].
        p: Probability that a clip is changed at all, in [0, 1].
    """

    def __init__(self, fraction: Sequence[float], *, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.fraction = _range("fraction", fraction, low=0, high=1)

    def change(self, frames: Tensor) -> Tensor:
        """Leave out frames, ``(frames, 3, height, width)`` to ``(kept, 3, height, width)``."""
        num_dropped = min(round(uniform(*self.fraction) * len(frames)), len(frames) - 1)
        kept = torch.randperm(len(frames))[num_dropped:].sort().values
        return frames[kept]


class KernelBlur(ClipTransform):
    """Blur with a Gaussian kernel whose size is drawn.

    The standard deviation follows from the size by OpenCV's rule, as in DeepfakeBench; about 0.8,
    1.1 and 1.4 px for 3, 5 and 7. ``v2.GaussianBlur`` draws the deviation of one fixed size.

    Args:
        kernel_sizes: Odd sizes in pixels, each as likely.
        p: Probability that a clip is changed at all, in [0, 1].

    Raises:
        ValueError: If a size is even or less than 1.
    """

    def __init__(self, kernel_sizes: Sequence[int], *, p: float = 1.0) -> None:
        super().__init__(p=p)
        if not kernel_sizes or any(size < 1 or size % 2 == 0 for size in kernel_sizes):
            raise ValueError(f"kernel_sizes must be odd and at least 1, got {kernel_sizes}.")
        self.kernel_sizes = list(kernel_sizes)

    def change(self, frames: Tensor) -> Tensor:
        """Blur a clip, ``(frames, 3, height, width)``, uint8."""
        size = self.kernel_sizes[int(torch.randint(len(self.kernel_sizes), ()).item())]
        return each_frame(frames, lambda image: cv2.GaussianBlur(image, (size, size), 0))


class Downscale(ClipTransform):
    """Shrink a clip and enlarge it again, so that its detail is gone.

    Args:
        scale: Range of the factor by which the sides shrink, in (0, 1].
        p: Probability that a clip is changed at all, in [0, 1].
    """

    def __init__(self, scale: Sequence[float], *, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.scale = _range("scale", scale, low=0.01, high=1)

    def change(self, frames: Tensor) -> Tensor:
        """Take the detail from a clip, ``(frames, 3, height, width)``, uint8."""
        height, width = frames.shape[-2:]
        factor = uniform(*self.scale)
        small = [max(round(factor * side), 1) for side in (height, width)]
        enlarged: Tensor = F.resize(F.resize(frames, small, antialias=True), [height, width])
        return enlarged


class JPEGCompression(ClipTransform):
    """Encode every frame as a JPEG of one drawn quality and decode it again.

    By OpenCV, whose colours are subsampled 4:2:0, as in DeepfakeBench. ``v2.JPEG`` stands on
    functions that torchvision 0.29 has deprecated and announced to remove.

    Args:
        quality: Range of the quality, 1 to 100, both ends included.
        p: Probability that a clip is changed at all, in [0, 1].
    """

    def __init__(self, quality: Sequence[int], *, p: float = 1.0) -> None:
        super().__init__(p=p)
        low, high = _range("quality", quality, low=1, high=100)
        self.quality = (int(low), int(high))

    def change(self, frames: Tensor) -> Tensor:
        """Compress a clip, ``(frames, 3, height, width)``, uint8."""
        low, high = self.quality
        quality = int(torch.randint(low, high + 1, ()).item())

        def compress(image: Image) -> Any:  # noqa: ANN401 - OpenCV's own array type
            # The codec is told BGR; the red and blue planes must reach it in their own places.
            bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
            _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
            return cv2.imdecode(content, cv2.IMREAD_COLOR_RGB)

        return each_frame(frames, compress)


class SensorNoise(ClipTransform):
    """Add the grain of a camera: as strong in every frame, but another grain in each.

    The strength is the clip's one draw. The grain is drawn anew for each frame, because a sensor's
    noise is: one grain for all would stand still before a moving face, which only a dirty lens
    does. ``v2.GaussianNoise`` does the same at one fixed strength.

    Args:
        std: Range of the standard deviation, as a share of the full range of values, in [0, 1].
        p: Probability that a clip is changed at all, in [0, 1].
    """

    def __init__(self, std: Sequence[float], *, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.std = _range("std", std, low=0, high=1)

    def change(self, frames: Tensor) -> Tensor:
        """Add noise to a clip, ``(frames, 3, height, width)``, uint8."""
        noisy = torch.randn(frames.shape).mul_(255 * uniform(*self.std)).add_(frames)
        return noisy.round_().clamp_(0, 255).to(torch.uint8)


def each_frame(frames: Tensor, change: Callable[[Image], Any]) -> Tensor:
    """Give each frame to OpenCV, which wants channels last.

    Args:
        frames: RGB, ``(frames, 3, height, width)``, uint8.
        change: Takes and returns an RGB image, ``(height, width, 3)``, uint8.
    """
    images = frames.permute(0, 2, 3, 1).contiguous().numpy()
    changed = torch.from_numpy(np.stack([change(image) for image in images]))
    return changed.permute(0, 3, 1, 2).contiguous()


def uniform(low: float, high: float) -> float:
    """Draw a number from PyTorch's generator."""
    return float(torch.empty(()).uniform_(low, high).item())


def _range(name: str, given: Sequence[float], *, low: float, high: float) -> tuple[float, float]:
    if len(given) != 2 or not low <= given[0] <= given[1] <= high:
        raise ValueError(f"{name} must be two numbers within [{low}, {high}], got {given}.")
    return float(given[0]), float(given[1])

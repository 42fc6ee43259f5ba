"""Changes of a clip's colours, one map for all of its frames."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2

from unmask.data.transforms import ClipTransform, Image, each_frame, uniform

# Rec. 601, as torchvision weighs them.
LUMA = np.array([0.2989, 0.587, 0.114])


class ColourJitter(v2.ColorJitter):  # type: ignore[misc]  # torchvision has no types
    """Change brightness, contrast and saturation, in a drawn order.

    Draws as ``v2.ColorJitter`` does. That changes the pixels once for each of the three, with a
    contrast around each frame's own mean; here the three are one linear map around the clip's mean,
    which takes a fraction of the time. Values are cut to [0, 255] once, at the end.

    Args:
        brightness: Largest relative change, or the range of the factor.

    Raises:
        ValueError: If one of them is negative.
    """

    def __init__(
        self,
        *,
        brightness: float | Sequence[float] | None = None,
        contrast: float | Sequence[float] | None = None,
        saturation: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(brightness=brightness, contrast=contrast, saturation=saturation)

    def forward(self, frames: Tensor) -> Tensor:
        """Change a clip's colours, ``(frames, 3, height, width)``, uint8."""
        params = self.make_params([frames])
        mean = frames.float().mean(dim=(0, 2, 3)).double().numpy()
        linear, shift = np.eye(3), np.zeros(3)
        grey = np.tile(LUMA, (3, 1))
        for number in params["fn_idx"].tolist():
            name = ("brightness", "contrast", "saturation", "hue")[number]
            factor = params[f"{name}_factor"]
            if factor is None:
                continue
            step, offset = factor * np.eye(3), 0.0
            if name == "contrast":
                offset = (1 - factor) * float(LUMA @ (linear @ mean + shift))
            if name == "saturation":
                step = step + (1 - factor) * grey
            linear, shift = step @ linear, step @ shift + offset
        matrix = np.column_stack((linear, shift))
        return each_frame(frames, lambda image: cv2.transform(image, matrix))


class FancyPCA(ClipTransform):
    """Shift all colours along the principal components of the clip's colours.

    After Krizhevsky, Sutskever and Hinton (2012), section 4.1, whose components are those of the
    whole training set. Here they are the clip's, as DeepfakeBench takes an image's: over all of its
    frames, so that each is shifted alike.

    Args:
        alpha_std: Standard deviation of a component's factor, at least 0.
        p: Probability that a clip is changed at all, in [0, 1].

    Raises:
        ValueError: If ``alpha_std`` is negative.
    """

    def __init__(self, alpha_std: float = 0.1, *, p: float = 1.0) -> None:
        super().__init__(p=p)
        if alpha_std < 0:
            raise ValueError(f"alpha_std must be at least 0, got {alpha_std}.")
        self.alpha_std = alpha_std

    def change(self, frames: Tensor) -> Tensor:
        """Shift a clip's colours, ``(frames, 3, height, width)``, uint8."""
        colours = frames.transpose(0, 1).reshape(3, -1).float() / 255
        variances, components = torch.linalg.eigh(torch.cov(colours).double())
        # An eigenvector's sign is the library's choice; the result must not depend on it.
        components = components * components.sum(dim=0).sign()
        shift = components @ (variances * torch.randn(3).double() * self.alpha_std)
        levels = np.arange(256)[:, None] + 255 * shift.numpy()
        return _look_up(frames, levels)


class ShiftHSV(ClipTransform):
    """Shift hue, saturation and value, each by its own draw.

    Shifts where ``v2.ColorJitter`` multiplies, as DeepfakeBench does, on OpenCV's 8-bit HSV (two
    degrees of hue to a level), in a fraction of the time.

    Args:
        hue_degrees: Largest shift on the circle of hues, in [0, 180].
        saturation: Largest shift as a share of the full range, in [0, 1].
        value: Largest shift as a share of the full range, in [0, 1].
        p: Probability that a clip is changed at all, in [0, 1].

    Raises:
        ValueError: If a limit lies elsewhere.
    """

    def __init__(
        self, *, hue_degrees: float, saturation: float, value: float, p: float = 1.0
    ) -> None:
        super().__init__(p=p)
        for name, limit, most in (
            ("hue_degrees", hue_degrees, 180),
            ("saturation", saturation, 1),
            ("value", value, 1),
        ):
            if not 0 <= limit <= most:
                raise ValueError(f"{name} must lie in [0, {most}], got {limit}.")
        self.limits = (hue_degrees / 2, 255 * saturation, 255 * value)

    def change(self, frames: Tensor) -> Tensor:
        """Shift a clip's colours, ``(frames, 3, height, width)``, uint8."""
        hue, saturation, value = (round(uniform(-limit, limit)) for limit in self.limits)
        levels = np.arange(256)
        table = np.stack(
            (
                (levels + hue) % 180,
                np.clip(levels + saturation, 0, 255),
                np.clip(levels + value, 0, 255),
            ),
            axis=-1,
        ).astype(np.uint8)[None]

        def shift(image: Image) -> Any:  # noqa: ANN401 - OpenCV's own array type
            shifted = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), table)
            return cv2.cvtColor(shifted, cv2.COLOR_HSV2RGB)

        return each_frame(frames, shift)


def _look_up(frames: Tensor, levels: NDArray[np.float64]) -> Tensor:
    """Replace each level of each channel by that of a table, ``(256, 3)``, cut to [0, 255]."""
    table = np.clip(np.round(levels), 0, 255).astype(np.uint8)[None]
    return each_frame(frames, lambda image: cv2.LUT(image, table))

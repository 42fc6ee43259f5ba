"""Grey pictures: how three channels become one."""

import torch
from torch import Tensor

# ITU-R BT.601, which Pillow, OpenCV and Keras use as well.
REC601 = (0.299, 0.587, 0.114)


def to_luma(images: Tensor) -> Tensor:
    """Reduce colour to brightness.

    Pillow and OpenCV round the result to whole numbers; here it stays exact.

    Args:
        images: RGB in any unit, ``(images, 3, height, width)``, floating point.

    Returns:
        Rec. 601 luma in the same unit, ``(images, 1, height, width)``.

    Example:
        >>> to_luma(torch.tensor([100.0, 0.0, 0.0]).reshape(1, 3, 1, 1)).squeeze()
        tensor(29.9000)
    """
    weights = torch.tensor(REC601, dtype=images.dtype, device=images.device)
    return (images * weights.reshape(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def luma_of(channels: tuple[float, ...]) -> tuple[float]:
    """Weigh one number per channel, such as a mean colour, like the channels themselves.

    Example:
        >>> luma_of((0.5, 0.5, 0.5))
        (0.5,)
    """
    return (round(sum(w * c for w, c in zip(REC601, channels, strict=True)), 9),)

"""Losses over two logits, built once the training split's labels are known."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unmask.core.labels import CLASS_NAMES, FAKE, REAL


def class_weights(labels: Sequence[int]) -> Tensor:
    """Return the weight of each class: ``(N_total / 2) / N_class``, as system A defines it.

    Args:
        labels: One label per training clip.

    Returns:
        Weights of real and fake, ``(2,)``; they average to 1 over the clips.

    Raises:
        ValueError: If a class has no clip.

    Example:
        >>> class_weights([0, 1, 1, 1])
        tensor([2.0000, 0.6667])
    """
    counts = [sum(label == wanted for label in labels) for wanted in (REAL, FAKE)]
    for name, count in zip(CLASS_NAMES, counts, strict=True):
        if count == 0:
            raise ValueError(
                f"The training split has {len(labels)} clips and none of them is {name}."
            )
    return torch.tensor([len(labels) / 2 / count for count in counts])


def make_weighted_cross_entropy(weights: Tensor, *, label_smoothing: float = 0.0) -> nn.Module:
    """Build cross-entropy that counts both classes alike, however many clips each has.

    Args:
        weights: Of real and fake, ``(2,)``; see :func:`class_weights`.
        label_smoothing: Share of the target that is spread over both classes, in [0, 1).
    """
    return nn.CrossEntropyLoss(weight=weights, label_smoothing=label_smoothing)


def make_cross_entropy(weights: Tensor, *, label_smoothing: float = 0.0) -> nn.Module:  # noqa: ARG001 - one signature for all losses
    """Build cross-entropy that counts every clip alike.

    Args:
        weights: Not used; the classes keep the weight that their number gives them.
        label_smoothing: Share of the target that is spread over both classes, in [0, 1).
    """
    return nn.CrossEntropyLoss(label_smoothing=label_smoothing)

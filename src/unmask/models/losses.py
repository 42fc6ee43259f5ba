"""Losses over two logits, built once the training split's labels are known.

The softmax over two logits is the sigmoid of their difference: ``softmax((z0, z1))[1] ==
sigmoid(z1 - z0)``. A loss that is written for one logit therefore takes ``z1 - z0`` here, and the
score means the same under every loss.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss

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
        weights: Weights of real and fake, ``(2,)``; see :func:`class_weights`.
        label_smoothing: Share of the target that is spread over both classes, in [0, 1).
    """
    if label_smoothing:
        return SmoothedCrossEntropy(weights, label_smoothing)
    return nn.CrossEntropyLoss(weight=weights)


def make_cross_entropy(weights: Tensor, *, label_smoothing: float = 0.0) -> nn.Module:  # noqa: ARG001 - one signature for all losses
    """Build cross-entropy that counts every clip alike.

    Args:
        weights: Not used; the classes keep the weight that their number gives them.
        label_smoothing: Share of the target that is spread over both classes, in [0, 1).
    """
    return nn.CrossEntropyLoss(label_smoothing=label_smoothing)


class SmoothedCrossEntropy(nn.Module):
    """Cross-entropy towards a softer target, in which a clip has the weight of its own class.

    PyTorch's weighs each part of the target by the class that it goes to, so that with unequal
    weights its optimum is not the target any more (Szegedy et al. 2016 have no weights).

    Args:
        weights: Weights of real and fake, ``(2,)``.
        label_smoothing: Share of the target that is spread over both classes, in [0, 1).
    """

    weights: Tensor

    def __init__(self, weights: Tensor, label_smoothing: float) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the weighted mean of a batch, from logits ``(batch, 2)``, labels ``(batch,)``."""
        losses = nn.functional.cross_entropy(
            logits, labels, reduction="none", label_smoothing=self.label_smoothing
        )
        weights = self.weights[labels]
        return (weights * losses).sum() / weights.sum()


class FocalLoss(nn.Module):
    """Cross-entropy in which clips that are right already count less.

    ``-weight * (1 - p)**gamma * log(p)``, p being the probability of the clip's own class, averaged
    over the clips; after Lin, Goyal, Girshick, He and Dollár (2017). They divide by the number of
    objects in an image, for which a clip has no counterpart.

    Args:
        weights: Weights of real and fake, ``(2,)``.
        gamma: How much less; 0 is cross-entropy.
    """

    weights: Tensor

    def __init__(self, weights: Tensor, *, gamma: float) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        self.gamma = gamma

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of a batch, from logits ``(batch, 2)`` and labels ``(batch,)``."""
        difference = fake_logit(logits)
        losses: Tensor = sigmoid_focal_loss(
            difference, labels.to(difference.dtype), alpha=-1, gamma=self.gamma
        )
        return (self.weights[labels] * losses).mean()


class BinaryCrossEntropy(nn.Module):
    """Binary cross-entropy of the probability of fake, with a weight of the fakes.

    Args:
        pos_weight: Factor on a fake's loss; a real one's is 1. None leaves both at 1, which is
            cross-entropy over the two logits.
    """

    def __init__(self, pos_weight: float | None) -> None:
        super().__init__()
        weight = None if pos_weight is None else torch.tensor(pos_weight)
        self.loss = nn.BCEWithLogitsLoss(pos_weight=weight)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of a batch, from logits ``(batch, 2)`` and labels ``(batch,)``."""
        difference = fake_logit(logits)
        loss: Tensor = self.loss(difference, labels.to(difference.dtype))
        return loss


def fake_logit(logits: Tensor) -> Tensor:
    """Return the one logit that is equivalent to two: ``z1 - z0``, ``(batch,)``, at least float32.

    Example:
        >>> logits = torch.tensor([[0.5, 2.0]])
        >>> bool(torch.isclose(fake_logit(logits).sigmoid(), logits.softmax(dim=1)[:, 1]))
        True
    """
    real, fake = logits.float().unbind(dim=1)
    return fake - real


def make_focal(
    weights: Tensor, *, gamma: float = 2.0, alpha: float | Literal["balanced"] | None = None
) -> FocalLoss:
    """Build the focal loss.

    Args:
        weights: Weights of real and fake, ``(2,)``; see :func:`class_weights`.
        gamma: How much less a clip counts that is right already: 0, or at least 1. Between the two
            the gradient of a clip that is certainly right is not a number.
        alpha: Weight of the fakes in [0, 1], that of the real ones being ``1 - alpha``, as in the
            paper; ``"balanced"`` takes ``weights``; None weighs both by 1.

    Raises:
        ValueError: If ``gamma`` or ``alpha`` lies elsewhere.
    """
    if gamma < 1 and gamma != 0:
        raise ValueError(f"gamma must be 0 or at least 1, got {gamma}.")
    if alpha == "balanced":
        return FocalLoss(weights, gamma=gamma)
    if alpha is None:
        return FocalLoss(torch.ones(2), gamma=gamma)
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}.")
    return FocalLoss(torch.tensor([1 - alpha, alpha]), gamma=gamma)


def make_binary_cross_entropy(
    weights: Tensor, *, pos_weight: float | Literal["balanced"] | None = None
) -> BinaryCrossEntropy:
    """Build binary cross-entropy on the difference of the logits.

    Args:
        weights: Weights of real and fake, ``(2,)``; see :func:`class_weights`.
        pos_weight: Factor on a fake's loss, above 0; ``"balanced"`` is real clips over fake ones;
            None is 1.

    Raises:
        ValueError: If ``pos_weight`` is not above 0.
    """
    if pos_weight == "balanced":
        return BinaryCrossEntropy(float(weights[FAKE] / weights[REAL]))
    if pos_weight is not None and pos_weight <= 0:
        raise ValueError(f"pos_weight must be above 0, got {pos_weight}.")
    return BinaryCrossEntropy(pos_weight)

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from unmask.models.losses import (
    class_weights,
    make_binary_cross_entropy,
    make_cross_entropy,
    make_focal,
    make_weighted_cross_entropy,
)


def test_class_weights_are_half_the_clips_over_the_class() -> None:
    torch.testing.assert_close(class_weights([0, 1, 1, 1, 1]), torch.tensor([2.5, 0.625]))


@pytest.mark.parametrize(("labels", "absent"), [([1, 1], "real"), ([0, 0], "fake")])
def test_a_missing_class_is_named(labels: list[int], absent: str) -> None:
    with pytest.raises(ValueError, match=f"none of them is {absent}"):
        class_weights(labels)


def test_weights_make_both_classes_count_alike() -> None:
    labels = torch.tensor([0, 1, 1, 1])
    logits = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    by_hand = (losses[0] + losses[1:].mean()) / 2
    weighted = make_weighted_cross_entropy(class_weights(labels.tolist()))
    torch.testing.assert_close(weighted(logits, labels), by_hand)
    plain = make_cross_entropy(class_weights(labels.tolist()))
    torch.testing.assert_close(plain(logits, labels), losses.mean())


@pytest.mark.parametrize("make_loss", [make_weighted_cross_entropy, make_cross_entropy])
def test_label_smoothing_has_an_effect(make_loss) -> None:  # noqa: ANN001
    weights, logits, labels = torch.ones(2), torch.tensor([[0.0, 2.0]]), torch.tensor([1])
    assert make_loss(weights, label_smoothing=0.1)(logits, labels) > make_loss(weights)(
        logits, labels
    )


def batch(size: int = 16) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(size, 2, generator=random, dtype=torch.float64).float()
    return logits.requires_grad_(), torch.randint(0, 2, (size,), generator=random)


def value_and_gradient(loss: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    (gradient,) = torch.autograd.grad(loss, logits)
    return loss.detach(), gradient


def assert_same(loss: nn.Module, reference: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Compare value and gradient with a reference written out by hand."""
    logits, labels = batch()
    ours = value_and_gradient(loss(logits, labels), logits)
    theirs = value_and_gradient(reference(logits, labels), logits)
    torch.testing.assert_close(ours, theirs)
    assert ours[1].abs().sum() > 0


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("alpha", [None, 0.25, "balanced"])
def test_focal_is_the_formula_of_its_paper(gamma: float, alpha: float | str | None) -> None:
    weights = torch.tensor([2.0, 2 / 3])
    factors = {None: torch.ones(2), 0.25: torch.tensor([0.75, 0.25]), "balanced": weights}[alpha]

    def reference(logits: Tensor, labels: Tensor) -> Tensor:
        own = logits.softmax(dim=1)[torch.arange(len(labels)), labels]
        return (-factors[labels] * (1 - own) ** gamma * own.log()).mean()

    assert_same(make_focal(weights, gamma=gamma, alpha=alpha), reference)  # type: ignore[arg-type]


def test_focal_without_focus_is_cross_entropy() -> None:
    assert_same(make_focal(torch.ones(2), gamma=0), nn.functional.cross_entropy)


def test_focal_counts_what_is_right_already_less() -> None:
    labels = torch.tensor([1])
    right, wrong = torch.tensor([[-2.0, 2.0]]), torch.tensor([[2.0, -2.0]])
    focal, plain = make_focal(torch.ones(2)), make_cross_entropy(torch.ones(2))
    assert focal(right, labels) / plain(right, labels) < 0.001
    assert focal(wrong, labels) / plain(wrong, labels) > 0.9


def test_binary_cross_entropy_is_cross_entropy_over_the_two_logits() -> None:
    assert_same(make_binary_cross_entropy(torch.ones(2)), nn.functional.cross_entropy)


def test_pos_weight_multiplies_the_loss_of_the_fakes() -> None:
    def reference(logits: Tensor, labels: Tensor) -> Tensor:
        losses = nn.functional.cross_entropy(logits, labels, reduction="none")
        return torch.where(labels == 1, 3 * losses, losses).mean()

    assert_same(make_binary_cross_entropy(torch.ones(2), pos_weight=3.0), reference)
    quarter_real = class_weights([0, 1, 1, 1])
    balanced = make_binary_cross_entropy(quarter_real, pos_weight="balanced")
    assert float(balanced.loss.pos_weight) == pytest.approx(1 / 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_label_smoothing_is_cross_entropy_towards_a_softer_target(smoothing: float) -> None:
    def reference(logits: Tensor, labels: Tensor) -> Tensor:
        target = torch.full((len(labels), 2), smoothing / 2)
        target[torch.arange(len(labels)), labels] += 1 - smoothing
        return -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()

    assert_same(make_cross_entropy(torch.ones(2), label_smoothing=smoothing), reference)


def test_a_smoothed_clip_has_the_weight_of_its_own_class() -> None:
    weights = class_weights([0, 1, 1, 1, 1])

    def reference(logits: Tensor, labels: Tensor) -> Tensor:
        target = torch.full((len(labels), 2), 0.05)
        target[torch.arange(len(labels)), labels] += 0.9
        losses = -(target * logits.log_softmax(dim=1)).sum(dim=1)
        return (weights[labels] * losses).sum() / weights[labels].sum()

    assert_same(make_weighted_cross_entropy(weights, label_smoothing=0.1), reference)


@pytest.mark.parametrize("label", [0, 1])
def test_the_optimum_of_a_smoothed_loss_is_its_target_whatever_the_weights(label: int) -> None:
    loss = make_weighted_cross_entropy(class_weights([0, 1, 1, 1, 1]), label_smoothing=0.1)
    target = torch.tensor([0.05, 0.95] if label else [0.95, 0.05])
    logits = target.log()[None].requires_grad_()
    _, gradient = value_and_gradient(loss(logits, torch.tensor([label])), logits)
    assert gradient.abs().max() < 1e-6


@pytest.mark.parametrize(
    "loss",
    [
        *(make_focal(torch.ones(2), gamma=gamma) for gamma in (0.0, 1.0, 2.0)),
        make_binary_cross_entropy(torch.ones(2)),
    ],
)
def test_extreme_logits_in_half_precision_stay_finite(loss: nn.Module) -> None:
    logits = torch.tensor([[-300.0, 300.0], [300.0, -300.0]], dtype=torch.float16)
    logits.requires_grad_()
    # One certainly wrong: its logits are 600 apart; one certainly right.
    loss = loss(logits, torch.tensor([0, 0]))
    value, gradient = value_and_gradient(loss, logits)
    assert float(value) == pytest.approx(300)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_focal(torch.ones(2), gamma=0.5), r"gamma must be 0 or at least 1, got 0\.5"),
        (lambda: make_focal(torch.ones(2), alpha=1.5), r"alpha must lie in \[0, 1\], got 1\.5"),
        (
            lambda: make_binary_cross_entropy(torch.ones(2), pos_weight=0),
            "pos_weight must be above 0, got 0",
        ),
    ],
)
def test_a_bad_knob_is_named(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

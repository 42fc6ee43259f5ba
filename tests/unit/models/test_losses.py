import pytest
import torch

from unmask.models.losses import class_weights, make_cross_entropy, make_weighted_cross_entropy


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

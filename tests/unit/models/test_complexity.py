import pytest
import torch
from torch import nn

from unmask.models.complexity import count_flops, measure_complexity, system_a_flops
from unmask.models.detector import Detector
from unmask.models.heads.pooling import MeanHead
from unmask.models.heads.recurrent import LSTMHead
from unmask.models.plain_cnn import PlainCNN

FRAMES = 5
# Two blocks on 8x8 images: 3 -> 4 channels on 8x8, then 4 -> 6 on 4x4; 3x3 kernels without bias.
PRODUCTS = 3 * 4 * 9 * 64 + 4 * 6 * 9 * 16


def detector_of(head: type[nn.Module], **options: int) -> Detector:
    torch.manual_seed(0)
    return Detector(PlainCNN([4, 6], image_size=8), lambda width: head(width, **options))


def test_operations_are_twice_the_products_of_convolutions_and_layers() -> None:
    detector = detector_of(MeanHead).eval()
    assert count_flops(detector, FRAMES) == 2 * (FRAMES * PRODUCTS + 6 * 2)


def test_recurrent_layers_are_counted() -> None:
    detector = detector_of(LSTMHead, hidden_size=7).eval()
    gates = FRAMES * 4 * 7 * (6 + 7)
    assert count_flops(detector, FRAMES) == 2 * (FRAMES * PRODUCTS + gates + 7 * 2)


def test_system_a_counts_products_of_convolutions_and_the_recurrent_layer() -> None:
    detector = detector_of(LSTMHead, hidden_size=7).eval()
    assert system_a_flops(detector, FRAMES) == FRAMES * (PRODUCTS + 4 * 7 * (7 + 6))


def test_system_a_ignores_groups() -> None:
    detector = detector_of(MeanHead)
    detector.backbone.blocks[1][0] = nn.Conv2d(4, 6, 3, padding=1, groups=2)
    assert system_a_flops(detector.eval(), 1) == PRODUCTS


def test_system_a_has_no_formula_for_a_network_without_convolutions() -> None:
    detector = detector_of(MeanHead)
    detector.backbone.blocks = nn.Conv2d(3, 6, 8, stride=8)
    assert system_a_flops(detector.eval(), 1) is None


def test_memory_holds_weights_their_copies_and_what_each_image_keeps() -> None:
    small, large = (
        measure_complexity(detector_of(MeanHead), num_frames=FRAMES, batch_size=size)
        for size in (2, 4)
    )
    more = measure_complexity(detector_of(MeanHead), num_frames=2 * FRAMES, batch_size=2)
    assert more.training_bytes == large.training_bytes
    per_image = (large.training_bytes - small.training_bytes) / (2 * FRAMES)
    # At least the input and the output of each convolution, in four bytes.
    assert per_image >= 4 * (3 * 64 + 4 * 64 + 4 * 16 + 6 * 16)
    parameters = sum(p.numel() for p in detector_of(MeanHead).parameters())
    fixed = small.training_bytes - 2 * FRAMES * per_image
    assert fixed >= 4 * 4 * parameters


def test_frozen_parameters_have_no_gradients_and_no_averages() -> None:
    detector, frozen = detector_of(MeanHead), detector_of(MeanHead)
    frozen.backbone.requires_grad_(False)
    whole, less = (
        measure_complexity(each, num_frames=2, batch_size=1) for each in (detector, frozen)
    )
    assert less.num_trainable == 6 * 2 + 2
    assert less.num_parameters == whole.num_parameters
    assert less.training_bytes < whole.training_bytes


def test_measuring_leaves_the_detector_as_it_was() -> None:
    detector = detector_of(LSTMHead)
    detector.backbone.blocks[0].eval()
    before = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    state = torch.get_rng_state()
    measure_complexity(detector, num_frames=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert detector.training
    assert not detector.backbone.blocks[0].training
    assert all(torch.equal(before[name], tensor) for name, tensor in detector.state_dict().items())


@pytest.mark.parametrize("given", [{"num_frames": 0}, {"batch_size": 0}])
def test_a_clip_has_at_least_one_frame(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        measure_complexity(detector_of(MeanHead), **given)

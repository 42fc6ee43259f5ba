"""What a detector costs: parameters, floating-point operations, memory."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from unmask.models.detector import ClipDetector, PictureDetector, count_parameters

# Gradients, and the two averages that Adam and AdamW keep of each trained parameter.
COPIES_OF_TRAINED = 3


@dataclass(frozen=True)
class Complexity:
    """The cost of one detector.

    Attributes:
        num_trainable: The number of those that are trained.
        checkpoint_bytes: Parameters and buffers as they are stored.
        num_frames: Frames of the clip that the following speak of.
        image_size: Side of a frame in pixels.
        num_features: Numbers that the head reads per frame; None without a backbone of frames.
        flops_per_clip: Floating-point operations of one forward pass over one clip, a
            multiplication and an addition counting as two.
        system_a_flops: The same by system A's formula; None for a network without convolutions.
        batch_size: Clips of the training step that the memory is of.
        training_bytes: Weights, gradients, Adam's averages and what the backward pass needs, in
            float32; without the workspace of the libraries.
    """

    num_parameters: int
    num_trainable: int
    checkpoint_bytes: int
    num_frames: int
    image_size: int
    num_features: int | None
    flops_per_clip: int
    system_a_flops: int | None
    batch_size: int
    training_bytes: int


def measure_complexity(
    detector: ClipDetector, *, num_frames: int = 10, batch_size: int = 4
) -> Complexity:
    """Measure a detector on black frames.

    Args:
        detector: On the CPU; its mode and weights stay as they are.
        batch_size: Clips per training step, for the memory.

    Raises:
        ValueError: If a number is below 1.
    """
    if min(num_frames, batch_size) < 1:
        raise ValueError("num_frames and batch_size must be at least 1.")
    modes = {module: module.training for module in detector.modules()}
    detector.eval()
    with torch.no_grad():
        flops = count_flops(detector, num_frames)
        formula = system_a_flops(detector, num_frames)
    for module, mode in modes.items():
        module.training = mode
    trained = (parameter for parameter in detector.parameters() if parameter.requires_grad)
    stored = _bytes(detector.state_dict().values())
    seen = detector if isinstance(detector, PictureDetector) else None
    # A network without pictures is measured on clips of one frame all the same.
    num_pictures = (seen.num_pictures(num_frames) if seen else num_frames) * batch_size
    activations = _activation_bytes(detector, num_pictures)
    return Complexity(
        num_parameters=count_parameters(detector),
        num_trainable=count_parameters(detector, trainable_only=True),
        checkpoint_bytes=stored,
        num_frames=num_frames,
        image_size=detector.image_size,
        num_features=seen.of_pictures.backbone.num_features if seen else None,
        flops_per_clip=flops,
        system_a_flops=formula,
        batch_size=batch_size,
        training_bytes=stored + COPIES_OF_TRAINED * _bytes(trained) + activations,
    )


def count_flops(detector: ClipDetector, num_frames: int) -> int:
    """Count the operations of one forward pass over one clip with PyTorch's counter.

    Args:
        detector: In evaluation mode, on the CPU.

    Returns:
        Floating-point operations of matrix products, convolutions and attention, a multiplication
        and an addition counting as two; the rest is not counted.
    """
    with _plain_operations(), FlopCounterMode(display=False) as counter:
        detector(*_clips(detector, 1, num_frames))
    return int(counter.get_total_flops())


def system_a_flops(detector: ClipDetector, num_frames: int) -> int | None:
    """Apply system A's formula, ``F * (sum C_in C_out k^2 H W + 4 h (h + C_out))``, to one clip.

    The formula counts a multiplication and an addition as one, a grouped convolution as if it had
    one group, and nothing but convolutions and the recurrent layer (of any kind); printed beside
    the counted operations, which are right.

    Args:
        detector: In evaluation mode, on the CPU.

    Returns:
        The formula's value; None if the network has no convolution but the one that cuts patches.
    """
    terms: list[int] = []

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        kernel = module.kernel_size[0] * module.kernel_size[1]
        area = output.shape[-2] * output.shape[-1]
        terms.append(module.in_channels * module.out_channels * kernel * area)

    convolutions = [module for module in detector.modules() if isinstance(module, nn.Conv2d)]
    if len(convolutions) < 2:
        return None
    hooks = [module.register_forward_hook(note) for module in convolutions]
    try:
        detector(*_clips(detector, 1, 1))
    finally:
        for hook in hooks:
            hook.remove()
    recurrent = sum(
        4 * layer.hidden_size * (layer.hidden_size + layer.input_size)
        for layer in detector.modules()
        if isinstance(layer, nn.RNNBase)
    )
    return num_frames * (sum(terms) + recurrent)


@contextmanager
def _plain_operations() -> Iterator[None]:
    """Keep PyTorch from using fused operations that its counter does not know."""
    fastpath = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about graphics cards, on leaving mkldnn's flags
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fastpath)


def _activation_bytes(detector: ClipDetector, num_pictures: int) -> int:
    """Return what a training step keeps for its backward pass, which grows with the pictures.

    Two and three clips of one frame are run and the line through them is followed: a step over many
    need not fit into the memory of the machine that asks.
    """
    # Batch-norm refuses to train on a single value per channel, hence not one clip.
    two, three = (_kept_for_backward(detector, num_clips) for num_clips in (2, 3))
    return two + (num_pictures - 2) * (three - two)


def _kept_for_backward(detector: ClipDetector, num_clips: int) -> int:
    owned = {tensor.untyped_storage().data_ptr() for tensor in detector.state_dict().values()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    buffers = {name: buffer.clone() for name, buffer in detector.named_buffers()}
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        with saved_tensors_hooks(note, lambda tensor: tensor):
            logits = detector(*_clips(detector, num_clips, 1))
        del logits
    with torch.no_grad():
        for name, buffer in detector.named_buffers():
            buffer.copy_(buffers[name])  # a step in training mode moves batch-norm's statistics
    return sum(kept.values())


def _clips(detector: ClipDetector, num_clips: int, num_frames: int) -> tuple[Tensor, Tensor]:
    size = detector.image_size
    frames = torch.zeros(num_clips, num_frames, 3, size, size, dtype=torch.uint8)
    return frames, torch.ones(num_clips, num_frames, dtype=torch.bool)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

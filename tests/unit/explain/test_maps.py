"""Grad-CAM and occlusion against maps in closed form, and what a clip asks of them."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.explain.clip import evidence
from unmask.explain.explanation import METHODS, explain, suited_method
from unmask.explain.grad_cam import grad_cam
from unmask.explain.occlusion import GREY, occlusion
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import Detector
from unmask.models.heads.recurrent import GRUHead, LSTMHead
from unmask.models.plain_cnn import PlainCNN

Clip = Callable[..., tuple[Tensor, Tensor]]
by_pixel = partial(occlusion, patch_fraction=0.25, steps_per_patch=1)  # of 4 pixels


@pytest.mark.parametrize("towards", ["fake", "real"])
def test_grad_cam_is_each_cells_share_of_the_difference_of_the_logits(
    make_colours: Callable, random_clip: Clip, pixel_evidence: Callable, towards: str
) -> None:
    frames, is_frame = random_clip(3)
    found = grad_cam(make_colours(), frames, is_frame, towards=towards)
    sign = 1 if towards == "fake" else -1
    # The mean over 3 frames of 16 pixels is linear, and each pixel is a cell of the map.
    expected = (sign * pixel_evidence(frames)).relu() / (3 * 16)
    torch.testing.assert_close(
        found.scale * torch.from_numpy(found.maps).double(), expected, rtol=1e-5, atol=1e-7
    )
    assert found.maps.max() == 1


def test_occlusion_by_pixels_is_what_each_pixel_has_above_grey(
    make_colours: Callable, random_clip: Clip, pixel_evidence: Callable
) -> None:
    frames, is_frame = random_clip(3)
    found = by_pixel(make_colours(), frames, is_frame)
    grey = pixel_evidence(torch.full_like(frames, GREY))
    expected = (pixel_evidence(frames) - grey).relu() / (3 * 16)
    torch.testing.assert_close(
        found.scale * torch.from_numpy(found.maps).double(), expected, rtol=1e-3, atol=1e-5
    )


def test_a_patch_over_the_whole_frame_gives_each_frame_its_share(
    make_colours: Callable, random_clip: Clip, pixel_evidence: Callable
) -> None:
    frames, is_frame = random_clip(2)
    frames[0, :, 1] = 0  # without green, and with this much red, both frames lose
    frames[0, 0, 0], frames[0, 1, 0] = 255, 191
    found = occlusion(make_colours(), frames, is_frame, patch_fraction=1.0)
    grey = float(pixel_evidence(torch.full_like(frames, GREY)).mean())
    expected = (pixel_evidence(frames).mean(dim=(1, 2)) - grey) / 2
    np.testing.assert_allclose(found.scale * found.maps[:, 0, 0], expected.numpy(), rtol=1e-4)
    assert np.ptp(found.maps, axis=(1, 2)).tolist() == [0, 0]


@pytest.mark.parametrize("method", [grad_cam, by_pixel], ids=["grad_cam", "occlusion"])
def test_tiles_of_a_thumbnail_go_back_to_their_frames(
    make_colours: Callable, random_clip: Clip, method: Callable
) -> None:
    frames, is_frame = random_clip(4)
    alone = method(make_colours(), frames, is_frame)
    tiled = method(make_colours(rows=2), frames, is_frame)
    np.testing.assert_allclose(tiled.maps, alone.maps, atol=1e-4)
    assert tiled.scale == pytest.approx(alone.scale, rel=1e-4)


@pytest.mark.parametrize("method", [grad_cam, by_pixel], ids=["grad_cam", "occlusion"])
def test_the_frame_that_fills_two_tiles_counts_twice(
    make_colours: Callable, random_clip: Clip, method: Callable
) -> None:
    frames, is_frame = random_clip(4)
    frames[0, 3] = frames[0, 2]
    four = method(make_colours(rows=2), frames, is_frame)
    three = method(make_colours(rows=2), frames[:, :3], is_frame[:, :3])
    np.testing.assert_allclose(
        three.scale * three.maps[2], 2 * four.scale * four.maps[2], rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("method", [grad_cam, by_pixel], ids=["grad_cam", "occlusion"])
def test_padding_is_dark_and_changes_nothing(
    make_colours: Callable, random_clip: Clip, method: Callable
) -> None:
    frames, is_frame = random_clip(5)
    is_frame[0, 3:] = False
    padded = method(make_colours(), frames, is_frame)
    alone = method(make_colours(), frames[:, :3], is_frame[:, :3])
    assert padded.maps[3:].max() == 0
    np.testing.assert_allclose(padded.maps[:3], alone.maps, atol=1e-5)


@pytest.mark.parametrize("method", [grad_cam, by_pixel], ids=["grad_cam", "occlusion"])
def test_a_clip_in_which_nothing_speaks_for_fake_has_empty_maps(
    make_colours: Callable, random_clip: Clip, method: Callable
) -> None:
    frames, is_frame = random_clip(2)
    frames[:, :, 0], frames[:, :, 1] = 0, 255
    found = method(make_colours(), frames, is_frame)
    assert found.scale == 0
    assert not found.maps.any()


def test_pieces_of_a_clip_give_the_same_map(make_colours: Callable, random_clip: Clip) -> None:
    frames, is_frame = random_clip(5)
    detector = make_colours()
    whole = grad_cam(detector, frames, is_frame)
    detector.frames_at_once = 2
    np.testing.assert_allclose(grad_cam(detector, frames, is_frame).maps, whole.maps, atol=1e-6)


class SecondFrameOnly(nn.Module):
    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(num_features, 2)

    def forward(self, features: Tensor, is_frame: Tensor) -> Tensor:
        logits: Tensor = self.classifier(features[:, 1] * is_frame[:, 1:2])
        return logits


@pytest.mark.parametrize("method", [grad_cam, occlusion], ids=["grad_cam", "occlusion"])
def test_a_frame_that_the_head_ignores_stays_dark(random_clip: Clip, method: Callable) -> None:
    torch.manual_seed(0)
    detector = Detector(PlainCNN((8, 16), image_size=32), SecondFrameOnly).eval()
    frames, is_frame = random_clip(3, 32)
    maps = sum(method(detector, frames, is_frame, towards=one).maps for one in ("fake", "real"))
    assert maps[1].max() >= 1
    assert maps[0].max() == 0
    assert maps[2].max() == 0


class Watching(nn.Module):
    """A recurrent head that notes whether cuDNN is on while it runs."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head
        self.classifier = head.classifier
        self.seen: list[bool] = []

    def forward(self, features: Tensor, is_frame: Tensor) -> Tensor:
        self.seen.append(torch.backends.cudnn.enabled)
        logits: Tensor = self.head(features, is_frame)
        return logits


@pytest.mark.parametrize("head", [LSTMHead, GRUHead])
def test_a_recurrent_head_runs_without_cudnn_which_cannot_go_back_in_evaluation_mode(
    random_clip: Clip, head: Callable
) -> None:
    torch.manual_seed(0)
    detector = Detector(
        PlainCNN((8, 16), image_size=32), lambda width: Watching(head(width, hidden_size=8))
    ).eval()
    frames, is_frame = random_clip(3, 32)
    before = torch.backends.cudnn.enabled
    maps = [grad_cam(detector, frames, is_frame, towards=one).maps for one in ("fake", "real")]
    assert detector.head.seen == [False, False]
    assert torch.backends.cudnn.enabled == before
    assert (np.maximum(*maps).max(axis=(1, 2)) > 0).all()  # every frame is reached


def small(name: str, **knobs: object) -> Detector:
    torch.manual_seed(0)
    backbone = TimmBackbone(name, image_size=64, pretrained=False, **knobs)
    return Detector(backbone, lambda width: LSTMHead(width, hidden_size=8))


def state_of(detector: nn.Module) -> dict[str, object]:
    """Return all that explaining touches for a while."""
    state: dict[str, object] = {}
    for name, module in detector.named_modules():
        hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
        flags = [getattr(module, flag, None) for flag in ("fused_attn", "grad_checkpointing")]
        state[name] = (module.training, flags, [list(kind) for kind in hooks],
                       "forward_features" in vars(module))  # fmt: skip
    return state | {name: one.grad for name, one in detector.named_parameters()}


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("resnet10t", "grad_cam"),
        ("swin_tiny_patch4_window7_224", "grad_cam"),
        ("vit_tiny_patch16_224", "grad_cam"),
        ("vit_tiny_patch16_224", "rollout"),
        ("resnet10t", "occlusion"),
    ],
)
def test_the_detector_is_left_as_it_was_and_says_the_same_again(
    random_clip: Clip, name: str, method: str
) -> None:
    detector = small(name, grad_checkpointing=True).train()
    detector.backbone.network.eval()  # a mixture, which one call of train() could not restore
    frames, is_frame = random_clip(2, 64)
    before, weights = state_of(detector), [p.clone() for p in detector.parameters()]
    with torch.inference_mode():
        first = explain(detector, frames, is_frame, method=method)
    assert state_of(detector) == before
    assert all(torch.equal(a, b) for a, b in zip(weights, detector.parameters(), strict=True))
    np.testing.assert_array_equal(explain(detector, frames, is_frame, method=method).maps,
                                  first.maps)  # fmt: skip
    assert np.isfinite(first.maps).all()


def test_the_detector_is_left_as_it_was_when_explaining_fails(random_clip: Clip) -> None:
    detector = small("vit_tiny_patch16_224").train()
    detector.head.classifier = nn.Linear(3, 2)  # does not fit
    frames, is_frame = random_clip(2, 64)
    before = state_of(detector)
    for method in METHODS:
        with pytest.raises(RuntimeError):
            explain(detector, frames, is_frame, method=method)
    assert state_of(detector) == before


def test_a_frozen_network_can_be_explained(random_clip: Clip) -> None:
    frames, is_frame = random_clip(2, 64)
    free = explain(small("vit_tiny_patch16_224"), frames, is_frame, method="grad_cam")
    frozen = small("vit_tiny_patch16_224")
    frozen.requires_grad_(False)
    found = explain(frozen, frames, is_frame, method="grad_cam")
    np.testing.assert_allclose(found.maps, free.maps, atol=1e-6)


def test_checkpointing_changes_no_map(random_clip: Clip) -> None:
    frames, is_frame = random_clip(2, 64)
    plain = grad_cam(small("vit_tiny_patch16_224"), frames, is_frame)
    saving = grad_cam(small("vit_tiny_patch16_224", grad_checkpointing=True), frames, is_frame)
    np.testing.assert_allclose(saving.maps, plain.maps, atol=1e-6)


def test_auto_takes_what_suits_the_detector(make_colours: Callable, random_clip: Clip) -> None:
    assert suited_method(small("resnet10t")) == "grad_cam"
    assert suited_method(small("swin_tiny_patch4_window7_224")) == "grad_cam"
    assert suited_method(small("vit_tiny_patch16_224")) == "rollout"
    assert suited_method(make_colours(rows=2)) == "grad_cam"
    unknown = make_colours(known=False)
    assert suited_method(unknown) == "occlusion"
    found = explain(unknown, *random_clip(2))
    assert found.method == "occlusion"
    assert "grey patch" in found.words


def test_words_say_when_there_is_nothing_to_show(make_colours: Callable, random_clip: Clip) -> None:
    frames, is_frame = random_clip(2)
    frames[:, :, 0], frames[:, :, 1] = 0, 255
    assert "maps are empty" in explain(make_colours(), frames, is_frame).words


def test_what_cannot_be_explained_is_refused_in_a_sentence(
    make_colours: Callable, random_clip: Clip
) -> None:
    detector = make_colours()
    frames, is_frame = random_clip(2)
    with pytest.raises(ValueError, match=r"One clip .* got \(2, 2, 3, 4, 4\)"):
        explain(detector, frames.repeat(2, 1, 1, 1, 1), is_frame.repeat(2, 1))
    with pytest.raises(ValueError, match=r"is_frame must be \(1, 2\) like frames, got \(1, 1\)"):
        explain(detector, frames, is_frame[:, :1])
    with pytest.raises(ValueError, match="no frame to explain"):
        explain(detector, frames, torch.zeros_like(is_frame))
    with pytest.raises(ValueError, match=r"'gradcam' .* did you mean 'grad_cam'"):
        explain(detector, frames, is_frame, method="gradcam")
    with pytest.raises(ConfigError, match=r"maps of Named .* method='occlusion'"):
        grad_cam(make_colours(known=False), frames, is_frame)
    with pytest.raises(ValueError, match=r"patch_fraction must be in \(0, 1\], got 1.5"):
        occlusion(detector, frames, is_frame, patch_fraction=1.5)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        occlusion(detector, frames, is_frame, batch_size=0)
    with pytest.raises(ValueError, match="towards must be 'fake' or 'real', got 'both'"):
        evidence(torch.zeros(1, 2), "both")

"""Augmentations: one draw per clip, decided by the seed, with the published parameters."""

from io import BytesIO
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor
from torchvision.transforms import v2

from unmask.config.build import build
from unmask.config.location import conf_dir
from unmask.data.batch import Clip, collate_clips
from unmask.data.colours import ColourJitter, FancyPCA, ShiftHSV
from unmask.data.dataset import ClipLayout, ClipRequest, FaceClips
from unmask.data.transforms import (
    BorderedAffine,
    ClipAugmentation,
    Downscale,
    DropFrames,
    JPEGCompression,
    KernelBlur,
    SensorNoise,
    augment_with_seed,
)

NAMES = sorted(path.stem for path in (conf_dir() / "data/augmentation").glob("*.yaml"))


def node(name: str, *overrides: str) -> dict[str, Any]:
    chosen = [f"data/augmentation={name}", *overrides]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("index", overrides=chosen)
    content = OmegaConf.to_container(config.data.augmentation, resolve=True)
    assert isinstance(content, dict)
    return content


def without(name: str, *transforms: str) -> ClipAugmentation:
    """Build an augmentation, leaving out some of its transforms."""
    content = node(name)
    for transform in transforms:
        content["transforms"].pop(transform, None)
    augmentation = build(content)
    assert isinstance(augmentation, ClipAugmentation)
    return augmentation


def picture(size: int = 64) -> Tensor:
    """Return a smooth, colourful picture, ``(3, size, size)``."""
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    smooth = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 20, 235, cv2.NORM_MINMAX)
    return torch.from_numpy(smooth).permute(2, 0, 1).contiguous()


def still(num_frames: int, size: int = 64) -> Tensor:
    return picture(size).repeat(num_frames, 1, 1, 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_of_equal_frames_stays_one(name: str) -> None:
    # The grain of `noise` differs from frame to frame on purpose.
    augmentation = without(name, "noise")
    for seed in range(30):
        frames = augment_with_seed(augmentation, still(4), seed)
        assert (frames == frames[:1]).all(), f"seed {seed}"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "none"])
def test_draws_differ_between_clips_and_repeat_with_their_seed(name: str) -> None:
    augmentation, frames = build(node(name)), still(3)
    first, again = (
        [augment_with_seed(augmentation, frames, seed) for seed in range(12)] for _ in range(2)
    )
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert len({one.numpy().tobytes() for one in first}) >= 8


def test_none_changes_nothing() -> None:
    assert torch.equal(augment_with_seed(build(node("none")), still(2), 0), still(2))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("num_frames", "size"), [(1, 64), (2, 299), (5, 128), (7, 65)])
def test_the_form_of_a_clip_stays_but_for_dropped_frames(
    name: str, num_frames: int, size: int
) -> None:
    augmentation, frames = build(node(name)), still(num_frames, size)
    before = frames.clone()
    for seed in range(6):
        changed = augment_with_seed(augmentation, frames, seed)
        assert changed.dtype == torch.uint8
        assert changed.is_contiguous()
        assert changed.shape[1:] == frames.shape[1:]
        assert 1 <= len(changed) <= num_frames
        assert name == "extreme" or len(changed) == num_frames
    assert torch.equal(frames, before), "the clip that was given is left as it was"


@pytest.mark.parametrize("name", NAMES)
def test_labels_and_rows_are_left_alone(make_store: Any, name: str) -> None:
    clips = FaceClips(
        make_store(), "train", layout=ClipLayout(), image_size=64, augmentation=build(node(name))
    )
    for row in range(len(clips)):
        clip = clips[ClipRequest(row, seed=row)]
        assert (clip.label, clip.row) == (clips.labels[row], row)


def test_dropped_frames_become_padding_that_is_marked() -> None:
    frames = torch.arange(1, 11, dtype=torch.uint8)[:, None, None, None].repeat(1, 3, 4, 4)
    kept = augment_with_seed(DropFrames([0.4, 0.4]), frames, 0)
    batch = collate_clips([Clip(frames, 0, 0), Clip(kept, 1, 1)])
    assert batch.is_frame.sum(dim=1).tolist() == [10, 6]
    numbers = batch.frames[1, :, 0, 0, 0].tolist()
    assert numbers[:6] == sorted(set(numbers[:6]))
    assert numbers[6:] == [0] * 4
    assert not batch.is_frame[1, 6:].any()


def test_one_frame_always_remains() -> None:
    assert len(DropFrames([1, 1])(still(5))) == 1
    assert len(DropFrames([1, 1])(still(1))) == 1


def test_which_frames_are_dropped_is_left_to_chance() -> None:
    frames = torch.arange(8, dtype=torch.uint8)[:, None, None, None].repeat(1, 3, 2, 2)
    kept = {tuple(DropFrames([0.5, 0.5])(frames)[:, 0, 0, 0].tolist()) for _ in range(40)}
    assert len(kept) > 10
    assert set().union(*kept) == set(range(8))


def test_noise_is_as_strong_in_each_frame_but_another_grain() -> None:
    grey = torch.full((4, 3, 64, 64), 128, dtype=torch.uint8)
    noise = SensorNoise([0.05, 0.05])(grey).float() - 128
    torch.testing.assert_close(
        noise.std(dim=(1, 2, 3)), torch.full((4,), 0.05 * 255), rtol=0.05, atol=0
    )
    correlations = torch.corrcoef(noise.flatten(1))
    assert (correlations - torch.eye(4)).abs().max() < 0.05


@pytest.mark.parametrize(
    "knobs",
    [
        {"degrees": 30},
        {"degrees": 0, "shear": 20},
        {"degrees": 0, "shear": [-10, 10, -15, 15]},
        {"degrees": 0, "scale": [0.7, 1.3]},
        {"degrees": 20, "translate": [0.2, 0.1], "scale": [0.8, 1.2], "shear": 10},
    ],
)
def test_the_affine_map_is_that_of_torchvision(knobs: dict[str, Any]) -> None:
    frames = picture(96)[None]
    degrees = knobs.pop("degrees")
    ours = BorderedAffine(degrees, border="black", **knobs)
    theirs = v2.RandomAffine(degrees, interpolation=v2.InterpolationMode.BILINEAR, **knobs)
    white = torch.full_like(frames, 255)

    def after_one_draw(clip: Tensor) -> Tensor:
        torch.empty(()).uniform_(0, 1)  # ours draws first whether the clip is changed
        return theirs(clip)

    for seed in range(5):
        # Apart from the edge, where the two blend with black in ways of their own.
        inside = augment_with_seed(after_one_draw, white, seed) == 255
        expected = augment_with_seed(after_one_draw, frames, seed)
        changed = augment_with_seed(ours, frames, seed)
        gap = (changed.int() - expected.int()).abs()[inside].float()
        assert inside.float().mean() > 0.4
        assert gap.mean() < 0.5, f"seed {seed}: {gap.mean():.2f} levels"


@pytest.mark.parametrize(
    "knobs",
    [
        {"brightness": 0.2},
        {"contrast": 0.3},
        {"saturation": 0.5},
        {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2},
    ],
)
def test_colours_change_as_in_torchvision(knobs: dict[str, float]) -> None:
    """Levels that no step cuts off; torchvision rounds down after each of them."""
    frames = (60 + picture()[None].float() * 0.4).to(torch.uint8)
    for seed in range(6):
        ours = augment_with_seed(ColourJitter(**knobs), frames, seed)
        theirs = augment_with_seed(v2.ColorJitter(**knobs), frames, seed)
        gap = (ours.int() - theirs.int()).abs()
        assert gap.max() <= 4
        assert gap.float().mean() < 1.7, f"seed {seed}: {gap.float().mean():.2f} levels"
        assert not torch.equal(ours, frames)


def test_contrast_is_around_the_mean_of_the_clip() -> None:
    """Frames of different light keep their distance times the factor."""
    levels = torch.tensor([100, 140], dtype=torch.uint8)[:, None, None, None].repeat(1, 3, 4, 4)
    changed = ColourJitter(contrast=[0.5, 0.5])(levels)
    assert changed[:, 0, 0, 0].tolist() == [110, 130]


def test_the_border_is_filled_as_asked() -> None:
    white = torch.full((1, 3, 64, 64), 255, dtype=torch.uint8)
    shifted = {
        border: BorderedAffine([45, 45], border=border)(white)
        for border in ("black", "reflect", "replicate")
    }
    assert (shifted["black"] == 0).any()
    assert (shifted["reflect"] == 255).all()
    assert (shifted["replicate"] == 255).all()


def test_fancy_pca_shifts_all_colours_of_a_clip_alike() -> None:
    torch.manual_seed(1)
    frames = torch.stack((picture(), picture().flip(1)))
    shift = FancyPCA(1.0)(frames).int() - frames.int()
    inside = ((frames > 60) & (frames < 195)).all(dim=1, keepdim=True).expand_as(frames)
    for channel in range(3):
        values = shift[:, channel][inside[:, channel]]
        assert len(values.unique()) == 1
    assert shift.unique().numel() > 1


def test_fancy_pca_moves_along_the_main_component() -> None:
    """Colours on one line: the shift is that line's direction times alpha times its variance."""
    ramp = torch.linspace(60, 190, 64).round().to(torch.uint8)
    frames = ramp.repeat(1, 3, 64, 1)
    variance = float(torch.cov(frames[0].reshape(3, -1).float() / 255).trace())
    torch.manual_seed(3)
    torch.empty(()).uniform_(0, 1)
    alpha = float(torch.randn(3)[2])  # of the largest component, the last
    expected = round(255 * alpha * variance / 3**0.5)
    changed = augment_with_seed(FancyPCA(1.0), frames, 3)
    assert (changed.int() - frames.int()).unique().tolist() == [expected]


def test_hsv_shifts_reach_their_limits_and_no_further() -> None:
    colour = torch.tensor([200, 100, 60], dtype=torch.uint8)[None, :, None, None]
    frames = colour.repeat(1, 1, 4, 4)
    before = cv2.cvtColor(frames[0].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2HSV)[0, 0].astype(int)
    shift = ShiftHSV(hue_degrees=20, saturation=0.1, value=0.1)
    gaps = []
    for _ in range(200):
        hsv = cv2.cvtColor(shift(frames)[0].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2HSV)[0, 0]
        hue = (int(hsv[0]) - before[0] + 90) % 180 - 90
        gaps.append([hue, int(hsv[1]) - before[1], int(hsv[2]) - before[2]])
    # One level of rounding on the way to RGB and back.
    reached = np.abs(gaps).max(axis=0)
    assert (reached <= np.array([10, 26, 26]) + 2).all()
    assert (reached >= np.array([8, 20, 20])).all()


@pytest.mark.parametrize("size", [3, 5, 7])
def test_blur_is_a_gaussian_of_its_kernel(size: int) -> None:
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8  # OpenCV's rule
    ours = KernelBlur([size])(still(1)).int()
    theirs = v2.GaussianBlur(size, sigma)(still(1)).int()
    assert (ours - theirs).abs().float().mean() < 0.5
    assert (ours - still(1)).abs().sum() > 0


def test_jpeg_is_the_codec_of_the_quality_drawn() -> None:
    """Against Pillow: the same picture within rounding, and red stays red."""
    frames, losses = still(2), []
    for quality in (30, 90):
        ours = JPEGCompression([quality, quality])(frames)
        buffer = BytesIO()
        PIL.Image.fromarray(frames[0].permute(1, 2, 0).numpy()).save(
            buffer, "JPEG", quality=quality
        )
        theirs = torch.from_numpy(np.array(PIL.Image.open(buffer))).permute(2, 0, 1)
        gap = (ours[0].int() - theirs.int()).abs().float().mean()
        assert gap < 1
        losses.append(float((ours[0].int() - frames[0].int()).abs().float().mean()))
    assert losses[0] > 1.5 * losses[1]


def test_downscaling_takes_the_detail() -> None:
    checks = torch.tensor([0, 255], dtype=torch.uint8).repeat(32)
    frames = (checks[:, None] ^ checks[None]).repeat(1, 3, 1, 1)
    assert Downscale([0.5, 0.5])(frames).float().std() < 0.2 * frames.float().std()
    torch.testing.assert_close(Downscale([1, 1])(frames), frames)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DropFrames([0.5, 1.5]), r"fraction must be two numbers within \[0, 1\].*1\.5"),
        (lambda: Downscale([0.8, 0.3]), r"scale must be two numbers"),
        (lambda: SensorNoise([0.1, 0.2], p=2), r"p must lie in \[0, 1\], got 2"),
        (lambda: KernelBlur([4]), r"kernel_sizes must be odd.*\[4\]"),
        (lambda: JPEGCompression([0, 50]), r"quality must be two numbers within \[1, 100\]"),
        (lambda: FancyPCA(-1), r"alpha_std must be at least 0, got -1"),
        (lambda: ShiftHSV(hue_degrees=181, saturation=0, value=0), r"hue_degrees .*got 181"),
        (lambda: BorderedAffine(5, border="blue"), r"border must be one of .*'blue'"),
        (lambda: BorderedAffine(5, p=-0.1), r"p must lie in \[0, 1\], got -0\.1"),
    ],
)
def test_a_bad_knob_is_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "transform",
    [
        DropFrames([0.5, 0.5], p=0),
        KernelBlur([7], p=0),
        JPEGCompression([5, 5], p=0),
        Downscale([0.5, 0.5], p=0),
        SensorNoise([0.1, 0.1], p=0),
        FancyPCA(1, p=0),
        ShiftHSV(hue_degrees=90, saturation=1, value=1, p=0),
        BorderedAffine([45, 45], p=0),
    ],
)
def test_probability_zero_changes_nothing(transform: torch.nn.Module) -> None:
    assert all(torch.equal(transform(still(3)), still(3)) for _ in range(5))


def test_probability_one_half_changes_half_of_the_clips() -> None:
    transform, frames = KernelBlur([7], p=0.5), still(1, 16)
    changed = sum(
        not torch.equal(augment_with_seed(transform, frames, seed), frames) for seed in range(400)
    )
    assert 160 < changed < 240


def test_the_published_parameters_stand_in_the_files() -> None:
    """DeepfakeBench's configuration; system B's angle. See docs/augmentation.md for sources."""
    dfb = node("dfb")["transforms"]
    assert dfb["flip"]["p"] == 0.5
    assert (dfb["rotate"]["degrees"], dfb["rotate"]["p"]) == (10, 0.5)
    assert (dfb["blur"]["kernel_sizes"], dfb["blur"]["p"]) == ([3, 5, 7], 0.5)
    jitter, pca, hsv = dfb["colour"]["transforms"][0]["transforms"]
    assert dfb["colour"]["p"] == 0.5
    assert (jitter["brightness"], jitter["contrast"]) == (0.1, 0.1)
    assert pca["_target_"].endswith("FancyPCA")
    assert [hsv["hue_degrees"] / 2, round(255 * hsv["saturation"]), round(255 * hsv["value"])] == [
        20, 30, 20,
    ]  # fmt: skip
    assert (dfb["jpeg"]["quality"], dfb["jpeg"]["p"]) == ([40, 100], 0.5)
    keras = node("keras")["transforms"]
    assert (keras["affine"]["degrees"], keras["flip"]["p"]) == (20, 0.5)
    assert {"drop_frames", "affine", "colour", "blur", "noise", "jpeg", "downscale", "cutout"} <= (
        set(node("extreme")["transforms"])
    )


def test_a_transform_is_reached_by_its_name() -> None:
    changed = node("dfb", "data.augmentation.transforms.rotate.p=0")
    assert changed["transforms"]["rotate"]["p"] == 0
    fewer = node("extreme", "~data.augmentation.transforms.cutout")
    assert "cutout" not in fewer["transforms"]

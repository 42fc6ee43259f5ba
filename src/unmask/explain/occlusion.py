"""Occlusion: what the detector loses when a patch of one frame turns grey."""

from collections.abc import Iterator

import torch
from torch import Tensor

from unmask.explain.clip import Class, HeatMaps, check_clip, evidence, explaining, heat_maps
from unmask.models.detector import ClipDetector, FrameDetector

GREY = 127
_ROUNDING = 1e-5


def occlusion(
    detector: ClipDetector,
    frames: Tensor,
    is_frame: Tensor,
    *,
    towards: Class = "fake",
    patch_fraction: float = 0.25,
    steps_per_patch: int = 2,
    batch_size: int = 32,
) -> HeatMaps:
    """Slide a grey patch over each frame and see by how much the evidence drops.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section
    4.2. Only one frame is covered at a time, the others stay. A pixel gets the mean over the
    patches that cover it; what makes the evidence rise is cut off.

    Args:
        detector: Any. Its modes are as before afterwards.
        frames: One clip, RGB, ``(1, frames, 3, height, width)``, uint8.
        is_frame: False where a frame is padding, ``(1, frames)``.
        towards: The class that is spoken for.
        patch_fraction: Side of a patch over that of the frame, in (0, 1].
        steps_per_patch: Patches start this many times per patch side.
        batch_size: Images, or of TALL clips, that pass the network together.

    Returns:
        The maps; 1 stands for a drop of ``scale`` in the difference of the two logits.

    Raises:
        ValueError: If there is not one clip, or a number is out of its range.
    """
    check_clip(frames, is_frame)
    _check(patch_fraction, steps_per_patch, batch_size)
    num_frames, size = int(is_frame.sum()), frames.shape[-1]
    side = max(1, round(patch_fraction * size))
    corners = _corners(size, side, max(1, side // steps_per_patch))
    real, is_real = frames[:, :num_frames], is_frame[:, :num_frames]
    drops = torch.zeros(num_frames, size, size)
    covers = torch.zeros(size, size)
    for row, column in corners:
        covers[row : row + side, column : column + side] += 1
    with torch.no_grad(), explaining(detector):
        before = float(evidence(detector(real, is_real), towards))
        for frame in range(num_frames):
            scores = _scores_without(detector, real, is_real, frame, corners, side, batch_size)
            after = [value for logits in scores for value in evidence(logits, towards).tolist()]
            for (row, column), value in zip(corners, after, strict=True):
                # Batches of other sizes round in other ways, which is no drop.
                drop = before - value if abs(before - value) > _ROUNDING * abs(before) else 0.0
                drops[frame, row : row + side, column : column + side] += drop
    return heat_maps((drops / covers).relu(), is_frame, unit="drop of the difference of the logits")


def _check(patch_fraction: float, steps_per_patch: int, batch_size: int) -> None:
    if not 0 < patch_fraction <= 1:
        raise ValueError(f"patch_fraction must be in (0, 1], got {patch_fraction}.")
    for name, value in (("steps_per_patch", steps_per_patch), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")


def _corners(size: int, side: int, step: int) -> list[tuple[int, int]]:
    """Return upper left corners of patches that together cover a square, its far edges too."""
    starts = [*range(0, size - side, step), size - side]
    return [(row, column) for row in starts for column in starts]


def _scores_without(
    detector: ClipDetector,
    frames: Tensor,
    is_frame: Tensor,
    frame: int,
    corners: list[tuple[int, int]],
    side: int,
    batch_size: int,
) -> Iterator[Tensor]:
    """Yield logits of the clip with each patch of one frame covered, in batches."""
    features = None
    if isinstance(detector, FrameDetector):
        # Frames pass the backbone one by one, so the others need not pass it again.
        features = detector.encode(frames, is_frame)
    for start in range(0, len(corners), batch_size):
        some = corners[start : start + batch_size]
        covered = frames[0, frame].repeat(len(some), 1, 1, 1)
        for image, (row, column) in zip(covered, some, strict=True):
            image[:, row : row + side, column : column + side] = GREY
        are_frames = is_frame.expand(len(some), -1)
        if features is None or not isinstance(detector, FrameDetector):
            clips = frames.repeat(len(some), 1, 1, 1, 1)
            clips[:, frame] = covered
            yield detector(clips, are_frames)
        else:
            states = features.repeat(len(some), 1, 1)
            states[:, frame] = detector.encode(covered[:, None], are_frames[:, :1])[:, 0]
            yield detector.classify(states, are_frames)

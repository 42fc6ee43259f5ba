"""The MTCNN cascade: three networks that propose, refine and confirm faces.

Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks",
2016. The networks and their weights are those of facenet-pytorch. The cascade around them is our
own: the library's resizes candidates one by one, which takes a third of its time, and it fails on
frames of up to 15 px and on candidates outside the frame. Both find the same boxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.ops import batched_nms

from unmask.faces.boxes import area
from unmask.faces.face import Face

# The first network sees windows of 12 px, 2 px apart.
WINDOW_PX = 12
WINDOW_STEP_PX = 2
# Each level of the image pyramid has half the area of the one before.
PYRAMID_FACTOR = 0.709
# The sides of what the second and third network see.
REFINE_PX = 24
CONFIRM_PX = 48
# More candidates than this at once would take hundreds of megabytes.
MAX_CANDIDATES_AT_ONCE = 512


@dataclass(frozen=True)
class _Candidates:
    """Possible faces: xyxy ``(n, 4)``, probability ``(n,)`` and the index of the image ``(n,)``."""

    boxes: NDArray[np.float32]
    probs: NDArray[np.float32]
    images: NDArray[np.int64]

    def __getitem__(self, chosen: NDArray[np.int64]) -> "_Candidates":
        return _Candidates(self.boxes[chosen], self.probs[chosen], self.images[chosen])


@torch.inference_mode()
def detect_faces(
    images: NDArray[np.uint8],
    *,
    min_face_px: float,
    thresholds: tuple[float, float, float],
    device: str = "cpu",
) -> list[list[Face]]:
    """Find the faces of images of one size.

    Args:
        images: RGB, ``(batch, height, width, 3)``, uint8, of any size.
        min_face_px: Side of the smallest face to look for; the time falls with its square.
        thresholds: Least probability after each of the three networks.
        device: Where the networks run.

    Returns:
        The faces of each image, the largest first.
    """
    propose, refine, confirm = cascade(device)
    sums = [cv2.integral(image) for image in images]
    found = _propose(propose, sums, min_face_px, thresholds[0], device)
    found = _refine(refine, sums, _inside(found, images.shape), thresholds[1], device)
    found = _inside(found, images.shape)
    found, landmarks = _confirm(confirm, sums, found, thresholds[2], device)
    return [_faces_of(image, found, landmarks) for image in range(len(images))]


@cache
def cascade(device: str) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Load the networks that propose, refine and confirm, once per process and device."""
    networks = (PNet(), RNet(), ONet())
    for network in networks:
        # With channels last, pooling on a CPU takes a fraction of the time.
        network.requires_grad_(False).eval().to(device, memory_format=torch.channels_last)
    return networks


def _normalised(pixels: Tensor) -> Tensor:
    """Map [0, 255] to the networks' [-1, 1]."""
    return ((pixels - 127.5) / 128).contiguous(memory_format=torch.channels_last)


def _run(
    network: nn.Module, patches: NDArray[np.float32], device: str
) -> tuple[NDArray[np.float32], ...]:
    """Run the second or third network; the last output holds the probability of a face."""
    pixels = _normalised(torch.from_numpy(patches).to(device))
    outputs = [network(part) for part in torch.split(pixels, MAX_CANDIDATES_AT_ONCE)]
    return tuple(torch.cat(parts).cpu().numpy() for parts in zip(*outputs, strict=True))


def _propose(
    network: nn.Module,
    sums: Sequence[NDArray[np.int32]],
    min_face_px: float,
    threshold: float,
    device: str,
) -> _Candidates:
    """Slide the first network over a pyramid of the images."""
    height, width = sums[0].shape[0] - 1, sums[0].shape[1] - 1
    none = np.zeros((0, 4), np.float32)
    levels = [_Candidates(none, np.zeros(0, np.float32), np.zeros(0, np.int64))]
    offsets = [none]
    scale = WINDOW_PX / min_face_px
    while min(height, width) * scale >= WINDOW_PX:
        size = (int(height * scale + 1), int(width * scale + 1))
        pixels = torch.from_numpy(_level(sums, size)).to(device)
        moves, probs = network(_normalised(pixels))
        level, level_offsets = _windows(moves, probs[:, 1], scale, threshold)
        keep = _suppress(level, 0.5)
        levels.append(level[keep])
        offsets.append(level_offsets[keep])
        scale *= PYRAMID_FACTOR
    found = _Candidates(
        np.concatenate([level.boxes for level in levels]),
        np.concatenate([level.probs for level in levels]),
        np.concatenate([level.images for level in levels]),
    )
    keep = _suppress(found, 0.7)
    boxes = _moved(found.boxes[keep], np.concatenate(offsets)[keep], edge=0)
    return _Candidates(_squares(boxes), found.probs[keep], found.images[keep])


def _level(sums: Sequence[NDArray[np.int32]], size: tuple[int, int]) -> NDArray[np.float32]:
    """Scale the images by averaging areas, as the library does, but without visiting each pixel.

    Args:
        sums: One summed-area table per image, ``(height + 1, width + 1, 3)``, all of one size.
        size: Height and width to scale to.

    Returns:
        ``(batch, 3, *size)``, in [0, 255].
    """
    num_rows, num_columns = (length - 1 for length in sums[0].shape[:2])
    (above,), (below,) = _cells(np.array([0]), np.array([num_rows]), size[0])
    (before,), (after,) = _cells(np.array([0]), np.array([num_columns]), size[1])
    num_pixels = (below - above)[:, None, None] * (after - before)[:, None]
    level = np.empty((len(sums), 3, *size), np.float32)
    for image, table in enumerate(sums):
        strips = table[below] - table[above]
        totals = strips[:, after] - strips[:, before]
        level[image] = (totals / num_pixels).transpose(2, 0, 1)
    return level


def _refine(
    network: nn.Module,
    sums: Sequence[NDArray[np.int32]],
    found: _Candidates,
    threshold: float,
    device: str,
) -> _Candidates:
    """Let the second network reject and move candidates."""
    # The networks cannot take a batch of nothing.
    if not len(found.boxes):
        return found
    offsets, probs = _run(network, _patches(sums, found, REFINE_PX), device)
    found = _Candidates(found.boxes, probs[:, 1], found.images)
    keep = np.flatnonzero(found.probs > threshold)
    keep = keep[_suppress(found[keep], 0.7)]
    boxes = _squares(_moved(found.boxes[keep], offsets[keep], edge=1))
    return _Candidates(boxes, found.probs[keep], found.images[keep])


def _confirm(
    network: nn.Module,
    sums: Sequence[NDArray[np.int32]],
    found: _Candidates,
    threshold: float,
    device: str,
) -> tuple[_Candidates, NDArray[np.float32]]:
    """Let the third network reject and move candidates; return their landmarks, too."""
    if not len(found.boxes):
        return found, np.zeros((0, 5, 2), np.float32)
    offsets, points, probs = _run(network, _patches(sums, found, CONFIRM_PX), device)
    keep = np.flatnonzero(probs[:, 1] > threshold)
    landmarks = _landmarks(found.boxes[keep], points[keep])
    boxes = _moved(found.boxes[keep], offsets[keep], edge=1)
    return _Candidates(boxes, probs[keep, 1], found.images[keep]), landmarks


def _windows(
    moves: Tensor, probs: Tensor, scale: float, threshold: float
) -> tuple[_Candidates, NDArray[np.float32]]:
    """Return the windows of one level that may hold a face, and how each should be moved.

    Args:
        moves: Offsets of the sides, ``(batch, 4, rows, columns)``.
        probs: ``(batch, rows, columns)``.
        scale: Side of this level over that of the image.
        threshold: Least probability.

    Returns:
        The windows in pixels of the image, and their offsets ``(n, 4)``.
    """
    is_face = probs >= threshold
    images, rows, columns = is_face.nonzero().cpu().numpy().T
    corners = np.stack([columns, rows], axis=1) * WINDOW_STEP_PX
    upper_left = np.floor((corners + 1) / scale)
    lower_right = np.floor((corners + WINDOW_PX) / scale)
    boxes = np.concatenate([upper_left, lower_right], axis=1).astype(np.float32)
    offsets: NDArray[np.float32] = moves.permute(0, 2, 3, 1)[is_face].cpu().numpy()
    return _Candidates(boxes, probs[is_face].cpu().numpy(), images), offsets


def _suppress(found: _Candidates, max_iou: float) -> NDArray[np.int64]:
    """Return which candidates to keep of those of one image that overlap, the likeliest first."""
    keep: NDArray[np.int64] = batched_nms(
        torch.from_numpy(found.boxes),
        torch.from_numpy(found.probs),
        torch.from_numpy(found.images),
        max_iou,
    ).numpy()
    return keep


def _moved(
    boxes: NDArray[np.float32], offsets: NDArray[np.float32], *, edge: int
) -> NDArray[np.float32]:
    """Move each side by its offset, a fraction of the box's size.

    The second and third network were trained with the right and lower edge inside the box:
    ``edge=1``.
    """
    sizes = boxes[:, 2:] - boxes[:, :2] + edge
    return boxes + offsets * np.tile(sizes, 2)


def _squares(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grow each box to a square of its longer side around the same centre."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    side = sizes.max(axis=1, keepdims=True)
    upper_left = boxes[:, :2] + sizes / 2 - side / 2
    return np.concatenate([upper_left, upper_left + side], axis=1)


def _landmarks(boxes: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place landmarks, five x and then five y as fractions of the box, in the image.

    Returns:
        ``(n, 5, 2)``, x and y.
    """
    fractions = points.reshape(-1, 2, 5).transpose(0, 2, 1)
    sizes = boxes[:, None, 2:] - boxes[:, None, :2] + 1
    placed: NDArray[np.float32] = fractions * sizes + boxes[:, None, :2] - 1
    return placed


def _pixel_bounds(boxes: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the part of each box in an image as whole pixels, xyxy with exclusive ends."""
    height, width = shape[1:3]
    # The networks count pixels from 1, with both ends inside.
    starts = np.maximum(np.trunc(boxes[:, :2]), 1) - 1
    ends = np.minimum(np.trunc(boxes[:, 2:]), [width, height])
    return np.concatenate([starts, ends], axis=1).astype(np.int64)


def _inside(found: _Candidates, shape: tuple[int, ...]) -> _Candidates:
    """Drop candidates without a pixel in their image, ``shape`` being that of the batch."""
    bounds = _pixel_bounds(found.boxes, shape)
    return found[np.flatnonzero((bounds[:, 2:] > bounds[:, :2]).all(axis=1))]


def _patches(
    sums: Sequence[NDArray[np.int32]], found: _Candidates, side: int
) -> NDArray[np.float32]:
    """Cut every candidate out and scale it by averaging areas, all at once.

    An area's sum is four look-ups in a table of sums, for any size.

    Args:
        sums: One summed-area table per image, ``(height + 1, width + 1, 3)``.
        found: Candidates with at least one pixel in their image.
        side: Side of a patch, in pixels.

    Returns:
        ``(n, 3, side, side)``, in [0, 255].
    """
    patches = np.zeros((len(found.boxes), 3, side, side), np.float32)
    for image, table in enumerate(sums):
        chosen = np.flatnonzero(found.images == image)
        width = table.shape[1]
        bounds = _pixel_bounds(found.boxes[chosen], (1, table.shape[0] - 1, width - 1))
        left, right = _cells(bounds[:, 0], bounds[:, 2], side)
        top, bottom = _cells(bounds[:, 1], bounds[:, 3], side)
        # Taking from one long list of pixels is twice as fast as indexing by row and column.
        pixels = table.reshape(-1, 3)
        rows_above, rows_below = width * top[:, :, None], width * bottom[:, :, None]
        before, after = left[:, None, :], right[:, None, :]
        # int32 may overflow in the table, but wraps around to the right difference.
        totals = np.take(pixels, rows_below + after, axis=0)
        totals -= np.take(pixels, rows_above + after, axis=0)
        totals -= np.take(pixels, rows_below + before, axis=0)
        totals += np.take(pixels, rows_above + before, axis=0)
        num_pixels = (bottom - top)[:, :, None] * (right - left)[:, None, :]
        patches[chosen] = (totals / num_pixels[..., None]).transpose(0, 3, 1, 2)
    return patches


def _cells(
    starts: NDArray[np.int64], ends: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cover each range by ``count`` cells of whole pixels, which overlap where it is shorter.

    Returns:
        Where cells start and end, each ``(n, count)``.
    """
    lengths, steps = (ends - starts)[:, None], np.arange(count)
    first = steps * lengths // count
    last = -(-(steps + 1) * lengths // count)
    return starts[:, None] + first, starts[:, None] + last


def _faces_of(image: int, found: _Candidates, landmarks: NDArray[np.float32]) -> list[Face]:
    """Return the faces of one image without those that lie inside a likelier one."""
    chosen = np.flatnonzero(found.images == image)
    chosen = chosen[np.argsort(-found.probs[chosen], kind="stable")]
    boxes = found.boxes[chosen].astype(np.float64)
    areas = area(boxes + np.array([0, 0, 1, 1]))
    kept: list[int] = []
    for index, box in enumerate(boxes):
        sides = np.minimum(box[2:], boxes[kept, 2:]) - np.maximum(box[:2], boxes[kept, :2]) + 1
        shared = np.clip(sides, 0, None).prod(axis=1)
        if (shared <= 0.7 * np.minimum(areas[index], areas[kept])).all():
            kept.append(index)
    kept.sort(key=lambda index: -areas[index])
    return [
        Face(
            boxes[index],
            landmarks[chosen[index]].astype(np.float64),
            float(found.probs[chosen[index]]),
        )
        for index in kept
    ]

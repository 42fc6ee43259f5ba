"""Boxes as ``(x1, y1, x2, y2)`` in pixels; the right and lower edges are exclusive."""

import numpy as np
from numpy.typing import NDArray


def iou(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the intersection over union of each box of one set with each of another.

    Args:
        first: xyxy, ``(m, 4)``.
        second: xyxy, ``(n, 4)``.

    Returns:
        ``(m, n)``, in [0, 1]; 0 where a box has no area.

    Example:
        >>> iou(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2], [5, 5, 6, 6]])).round(3)
        array([[0.333, 0.   ]])
    """
    upper_left = np.maximum(first[:, None, :2], second[None, :, :2])
    lower_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    intersection = np.clip(lower_right - upper_left, 0, None).prod(axis=2)
    union = area(first)[:, None] + area(second)[None, :] - intersection
    overlap: NDArray[np.float64] = np.divide(
        intersection, union, out=np.zeros(union.shape), where=union > 0
    )
    return overlap


def area(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the area of each box.

    Args:
        boxes: xyxy, ``(n, 4)``.

    Returns:
        ``(n,)``, square pixels; 0 for a box that is inside out.

    Example:
        >>> area(np.array([[0.0, 0, 2, 3], [1, 1, 0, 0]]))
        array([6., 0.])
    """
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).astype(np.float64)
    areas: NDArray[np.float64] = sides.prod(axis=1)
    return areas


def square_around(box: NDArray[np.floating], *, margin: float) -> tuple[int, int, int, int]:
    """Return the square around a box's centre whose side is ``margin`` times its longer side.

    Args:
        box: xyxy, ``(4,)``.
        margin: Above 0; 1.3 adds 15 % on each side.

    Returns:
        xyxy in whole pixels, at least one pixel wide; it may reach beyond the frame.

    Example:
        >>> square_around(np.array([10.0, 20, 30, 60]), margin=1.5)
        (-10, 10, 50, 70)
    """
    side = max(round(margin * float(max(box[2] - box[0], box[3] - box[1]))), 1)
    x1 = round(float(box[0] + box[2] - side) / 2)
    y1 = round(float(box[1] + box[3] - side) / 2)
    return x1, y1, x1 + side, y1 + side


def square_in_frame(
    box: NDArray[np.floating], *, margin: float, width: int, height: int
) -> tuple[int, int, int, int]:
    """Return the square to cut for a face: with its margin where the frame has room for it.

    MTCNN's boxes of close-ups reach far beyond the frame. A square around all of such a box would
    be mostly filler, so the box is first cut at the border, and the margin gives way before the
    square outgrows the frame's shorter side.

    Args:
        box: xyxy, ``(4,)``; it may reach beyond the frame.
        margin: Side of the square over the longer side of the visible part of the box.
        width: Width of the frame in pixels.
        height: Height of the frame in pixels.

    Returns:
        xyxy in whole pixels. It lies inside the frame, unless the visible part of the box is longer
        than the frame's shorter side.

    Example:
        >>> square_in_frame(np.array([-40.0, 10, 120, 90]), margin=1.3, width=100, height=100)
        (0, 0, 100, 100)
        >>> square_in_frame(np.array([40.0, 40, 60, 60]), margin=1.5, width=100, height=100)
        (35, 35, 65, 65)
    """
    limits = (width, height, width, height)
    visible = np.clip(box, 0, limits)
    longer = max(float(max(visible[2] - visible[0], visible[3] - visible[1])), 1.0)
    margin = min(margin, max(min(width, height) / longer, 1.0))
    return shift_inside(square_around(visible, margin=margin), width=width, height=height)


def shift_inside(
    square: tuple[int, int, int, int], *, width: int, height: int
) -> tuple[int, int, int, int]:
    """Move a square by as little as brings it inside a frame.

    Args:
        square: xyxy.
        width: Width of the frame in pixels.
        height: Height of the frame in pixels.

    Returns:
        xyxy of the same side. Along an axis on which it is larger than the frame, it stays where it
        was when it covers the frame, and is moved by as little as makes it cover the frame if not.

    Example:
        >>> shift_inside((-10, 10, 50, 70), width=100, height=60)
        (0, 0, 60, 60)
    """
    x1, y1, x2, y2 = square
    x1 = _shifted(x1, x2 - x1, width)
    y1 = _shifted(y1, y2 - y1, height)
    return x1, y1, x1 + square[2] - square[0], y1 + square[3] - square[1]


def _shifted(start: int, side: int, limit: int) -> int:
    low, high = sorted((0, limit - side))
    return min(max(start, low), high)

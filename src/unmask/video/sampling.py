"""Which frames of a video to look at: integers in, integers out.

A policy sees when each frame is shown and returns the indices to read. Sampling works by
presentation time and not by index, because in a video of variable frame rate the two differ: nine
tenths of its frames can lie in its first second.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

SamplingPolicy: TypeAlias = Callable[[Sequence[int], Fraction], list[int]]
"""Maps presentation times, in units of a time base in seconds, to distinct indices in order."""


def uniform_frame_indices(num_frames: int, count: int) -> list[int]:
    """Spread ``count`` indices evenly over a video, each at the centre of its segment.

    A video shorter than ``count`` yields repeated indices, never fewer of them.

    Args:
        num_frames: Frames in the video, at least 1.
        count: Indices to return, at least 1.

    Returns:
        ``count`` indices in ``[0, num_frames)``, in non-decreasing order.

    Raises:
        ValueError: If ``num_frames`` or ``count`` is less than 1.

    Example:
        >>> uniform_frame_indices(num_frames=100, count=4)
        [12, 37, 62, 87]
    """
    _check_at_least_one(num_frames=num_frames, count=count)
    return [(2 * segment + 1) * num_frames // (2 * count) for segment in range(count)]


@dataclass(frozen=True)
class UniformSampling:
    """The frame on screen at the centre of each of ``num_frames`` equal spans of time.

    A frame that stays on screen for several spans is taken once, and its neighbours serve the
    other spans, so the indices are distinct and there are ``num_frames`` of them, or all frames of
    a video that has fewer.

    Args:
        num_frames: Frames to read of each video, at least 1.

    Example:
        >>> UniformSampling(num_frames=4)(range(0, 400, 4), Fraction(1, 100))
        [12, 37, 62, 87]
        >>> UniformSampling(num_frames=4)([0, 1, 2, 3, 4, 5, 6, 7, 50, 93], Fraction(1))
        [6, 7, 8, 9]
    """

    num_frames: int = 10

    def __post_init__(self) -> None:
        _check_at_least_one(num_frames=self.num_frames)

    def __call__(self, pts: Sequence[int], time_base: Fraction) -> list[int]:  # noqa: ARG002
        """Return the distinct indices to read, in order.

        Args:
            pts: Strictly increasing presentation times, at least one.
            time_base: Seconds per unit of ``pts``; equal spans do not depend on it.
        """
        count = min(self.num_frames, len(pts))
        start, duration = pts[0], _end(pts) - pts[0]
        indices: list[int] = []
        for span in range(count):
            centre = start + (2 * span + 1) * duration // (2 * count)
            on_screen = bisect_right(pts, centre) - 1
            lowest = indices[-1] + 1 if indices else 0
            # Leave as many frames as there are spans to come.
            highest = len(pts) - (count - span)
            indices.append(min(max(on_screen, lowest), highest))
        return indices


@dataclass(frozen=True)
class FirstSampling:
    """The first ``num_frames`` frames, as some published systems do it.

    Later parts of a video are not seen. Use it to repeat those systems.

    Args:
        num_frames: Frames to read of each video, at least 1; a shorter video gives all of its own.

    Example:
        >>> FirstSampling(num_frames=3)(range(10), Fraction(1, 25))
        [0, 1, 2]
    """

    num_frames: int = 100

    def __post_init__(self) -> None:
        _check_at_least_one(num_frames=self.num_frames)

    def __call__(self, pts: Sequence[int], time_base: Fraction) -> list[int]:  # noqa: ARG002
        """Return the indices to read; the times do not matter."""
        return list(range(min(self.num_frames, len(pts))))


@dataclass(frozen=True)
class RateSampling:
    """The frame on screen at each tick of a clock that starts with the video.

    A video with fewer frames per second than the clock gives each of its frames once.

    Args:
        frames_per_second: Ticks per second, above 0.
        max_frames: Stop after so many frames; None for no limit.

    Example:
        >>> RateSampling(frames_per_second=2)(range(50), Fraction(1, 25))
        [0, 12, 25, 37]
    """

    frames_per_second: float = 1.0
    max_frames: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.frames_per_second < float("inf"):
            raise ValueError(f"frames_per_second must be above 0, got {self.frames_per_second}.")
        if self.max_frames is not None:
            _check_at_least_one(max_frames=self.max_frames)

    def __call__(self, pts: Sequence[int], time_base: Fraction) -> list[int]:
        """Return the distinct indices to read, in order.

        Args:
            pts: Strictly increasing presentation times, at least one.
            time_base: Seconds per unit of ``pts``.
        """
        # From a float to the fraction that was meant: 0.1 is 1/10.
        rate = Fraction(self.frames_per_second).limit_denominator(1_000_000) * time_base
        indices: list[int] = []
        ticks_before = 0
        # Walking over the frames and not the ticks ends for all time stamps.
        for index, next_pts in enumerate([*pts[1:], _end(pts)]):
            ticks = -((pts[0] - next_pts) * rate // 1)
            if ticks > ticks_before:
                indices.append(index)
            ticks_before = ticks
        return indices[: self.max_frames]


def _end(pts: Sequence[int]) -> int:
    """Return when the last frame leaves the screen, if it stays as long as the median frame."""
    gaps = sorted(later - earlier for earlier, later in pairwise(pts))
    return pts[-1] + (gaps[len(gaps) // 2] if gaps else 1)


def _check_at_least_one(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")

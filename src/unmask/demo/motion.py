"""What a person does on screen: where the head is, how it turns, blinks and talks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

MAX_YAW_DEGREES = 17.0
MAX_PITCH_DEGREES = 10.0
MAX_ROLL_DEGREES = 8.0
BLINK_SECONDS = 0.3


@dataclass(frozen=True)
class Pose:
    """Where the head is in one frame.

    Attributes:
        x: Horizontal place of the point between the eyes, as a fraction of the picture's width.
        y: Its vertical place, as a fraction of the picture's height.
        scale: Length of one face unit, as a fraction of the picture's height.
        yaw: Turn to the right of the picture, in radians.
        pitch: Nod downwards, in radians.
        roll: Clockwise tilt, in radians.
    """

    x: float
    y: float
    scale: float
    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True)
class Expression:
    """What the face does in one frame.

    Attributes:
        eye_open: 0 (closed) to 1 (open).
        mouth_open: 0 (closed) to 1 (wide open).
        smile: -0.5 (corners down) to 1 (smiling).
        brow_raise: -1 (frowning) to 1 (raised).
        gaze_x: Where the eyes look, -1 (left of the picture) to 1.
        gaze_y: The same upwards (-1) to downwards (1).
    """

    eye_open: float
    mouth_open: float
    smile: float
    brow_raise: float
    gaze_x: float
    gaze_y: float


@dataclass(frozen=True)
class Performance:
    """One take: a pose and an expression for every frame."""

    poses: tuple[Pose, ...]
    expressions: tuple[Expression, ...]

    def with_expressions_of(self, other: "Performance", *, share: float = 1.0) -> "Performance":
        """Return this take with the mouth and eyes driven by another take of the same length.

        Args:
            other: Whose expressions to use.
            share: 0 keeps the own expressions, 1 takes the other's.
        """
        driven = tuple(
            replace(
                own,
                eye_open=_mix(own.eye_open, theirs.eye_open, share),
                mouth_open=_mix(own.mouth_open, theirs.mouth_open, share),
                smile=_mix(own.smile, theirs.smile, share),
            )
            for own, theirs in zip(self.expressions, other.expressions, strict=True)
        )
        return replace(self, expressions=driven)


def _mix(first: float, second: float, share: float) -> float:
    return (1 - share) * first + share * second


def make_performance(
    rng: np.random.Generator,
    *,
    num_frames: int,
    frames_per_second: float,
    scale: tuple[float, float] = (0.29, 0.345),
) -> Performance:
    """Invent a take of somebody who talks to the camera.

    Args:
        num_frames: Length of the take, at least 1.
        frames_per_second: Its rate, which sets the pace of blinks and syllables.
        scale: Smallest and largest length of a face unit, as fractions of the picture's height.

    Returns:
        A take whose head moves smoothly and stays inside the picture.

    Raises:
        ValueError: If ``num_frames`` is less than 1.
    """
    if num_frames < 1:
        raise ValueError(f"num_frames must be at least 1, got {num_frames}.")
    times = np.arange(num_frames) / frames_per_second
    base = rng.uniform(-1, 1, size=6)
    sway = [0.55 * base[axis] + 0.45 * _wander(rng, times, hertz=0.5) for axis in range(6)]
    radians = np.radians([MAX_YAW_DEGREES, MAX_PITCH_DEGREES, MAX_ROLL_DEGREES])
    size = rng.uniform(*scale) * (1 + 0.03 * _wander(rng, times, hertz=0.3))
    poses = tuple(
        Pose(
            x=0.5 + 0.06 * sway[0][i],
            y=0.48 + 0.025 * sway[1][i],
            scale=float(size[i]),
            yaw=float(radians[0] * sway[2][i]),
            pitch=float(radians[1] * sway[3][i]),
            roll=float(radians[2] * sway[4][i]),
        )
        for i in range(num_frames)
    )
    return Performance(poses=poses, expressions=_expressions(rng, times))


def _expressions(rng: np.random.Generator, times: NDArray[np.float64]) -> tuple[Expression, ...]:
    eye_open = rng.uniform(0.8, 1.0) * (1 - _blinks(rng, times))
    mouth = _talking(rng, times)
    smile = rng.uniform(-0.2, 0.6) + 0.25 * _wander(rng, times, hertz=0.4)
    brow = 0.5 * _wander(rng, times, hertz=0.6)
    gaze = [0.5 * _wander(rng, times, hertz=0.4) for _ in range(2)]
    return tuple(
        Expression(
            eye_open=float(eye_open[i]),
            mouth_open=float(mouth[i]),
            smile=float(np.clip(smile[i], -0.5, 1.0)),
            brow_raise=float(brow[i]),
            gaze_x=float(gaze[0][i]),
            gaze_y=float(0.5 * gaze[1][i]),
        )
        for i in range(len(times))
    )


def _wander(
    rng: np.random.Generator, times: NDArray[np.float64], *, hertz: float
) -> NDArray[np.float64]:
    """Return a smooth curve in [-1, 1]: three sines around ``hertz`` with random phases."""
    rates = hertz * rng.uniform(0.5, 1.8, size=3)
    phases = rng.uniform(0, 2 * np.pi, size=3)
    waves = np.sin(2 * np.pi * rates[:, None] * times + phases[:, None])
    return np.asarray(waves.mean(axis=0))


def _blinks(rng: np.random.Generator, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the eyes are closed: a short bell at each blink, every 2 to 4 seconds."""
    closed = np.zeros_like(times)
    moment = rng.uniform(0.0, 2.0)
    while moment < times[-1] + BLINK_SECONDS:
        closed = np.maximum(closed, np.exp(-(((times - moment) / (BLINK_SECONDS / 2.5)) ** 2)))
        moment += rng.uniform(2.0, 4.0)
    return closed


def _talking(rng: np.random.Generator, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the mouth opens: syllables at about 3 a second, with pauses between words."""
    syllables = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(2.2, 3.4) * times + rng.uniform(0, 6.28))
    words = np.clip(0.6 + _wander(rng, times, hertz=0.7), 0, 1)
    return np.asarray(rng.uniform(0.45, 0.9) * syllables * words)

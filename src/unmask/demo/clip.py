"""One clip of an invented face, in memory and in a second: for pictures and trials."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.core.reproducibility import derive_seed
from unmask.demo.head import Landmarks
from unmask.demo.motion import make_performance
from unmask.demo.people import make_person
from unmask.demo.relief import Map
from unmask.demo.scene import make_camera, make_light
from unmask.demo.take import Footage, film, make_take

# Side of the square that is cut, over the longer side of the inner face from brows to chin.
MARGIN = 1.7


def face_clip(seed: int, *, num_frames: int, size: int) -> NDArray[np.uint8]:
    """Film a real talking head and cut its face out, without a codec or a face detector.

    Args:
        seed: Names the person and everything about the take.
        num_frames: Frames of the clip, an eighth of a second apart, at least 1.
        size: Side of the crops in pixels.

    Returns:
        RGB, ``(num_frames, size, size, 3)``, uint8; one square for all frames.
    """
    rng = np.random.default_rng(derive_seed(seed, "clip"))
    footage = _filmed(seed, rng, num_frames=num_frames, size=size)
    camera = make_camera(rng, noise_level=0.012, blur_px=(0.35, 0.6))
    return _face_of(footage, camera.shoot(footage.frames, rng), size)


@dataclass(frozen=True)
class PlantedClip:
    """A real clip, a forged one that differs in a part of the face, and that part.

    Attributes:
        real: RGB, ``(frames, size, size, 3)``, uint8.
        forged: The same with the artefact, under the same noise.
        masks: True where the artefact is, ``(frames, size, size)``.
    """

    real: NDArray[np.uint8]
    forged: NDArray[np.uint8]
    masks: NDArray[np.bool_]


def planted_clip(seed: int, *, num_frames: int, size: int, strength: float = 0.12) -> PlantedClip:
    """Lay a generator's upsampling grid on one eye or on the mouth, and say where.

    Where it is differs from clip to clip and moves with the face, so that a heat map cannot be
    right by knowing where faces are.

    Args:
        seed: Names the person, everything about the take, and the part of the face.
        num_frames: Frames of the clip, an eighth of a second apart, at least 1.
        size: Side of the crops in pixels.
        strength: Height of the grid over the picture, as displayed, in [0, 1].
    """
    rng = np.random.default_rng(derive_seed(seed, "clip"))
    footage = _filmed(seed, rng, num_frames=num_frames, size=size)
    camera = make_camera(rng, noise_level=0.012, blur_px=(0.35, 0.6))
    part = int(np.random.default_rng(derive_seed(seed, "part")).integers(3))
    masks = [_disc(marks, part, frame) for marks, frame in zip(
        footage.landmarks, footage.frames, strict=True)]  # fmt: skip
    rows, columns = np.indices(masks[0].shape)
    grid = np.where((rows // 2 + columns // 2) % 2 == 0, strength, -strength)[..., None]
    forged = [
        np.clip(frame + grid * mask[..., None], 0, 1).astype(np.float32)
        for frame, mask in zip(footage.frames, masks, strict=True)
    ]
    noise = derive_seed(seed, "noise")
    real, fake = (
        _face_of(footage, camera.shoot(frames, np.random.default_rng(noise)), size)
        for frames in (footage.frames, forged)
    )
    levels = [np.repeat(np.rint(255 * mask[..., None]), 3, axis=2) for mask in masks]
    return PlantedClip(real, fake, _face_of(footage, levels, size)[..., 0] > 127)


def _filmed(seed: int, rng: np.random.Generator, *, num_frames: int, size: int) -> Footage:
    take = make_take(
        make_person(derive_seed(seed, "person")),
        make_performance(rng, num_frames=num_frames, frames_per_second=8),
        light=make_light(rng),
        rng=rng,
        height=2 * size,
        width=2 * size,
    )
    return film(take)


def _disc(marks: Landmarks, part: int, frame: Map) -> NDArray[np.float32]:
    """Return 1 in a disc around an eye or the mouth, and 0 elsewhere."""
    centre = np.asarray((*marks.eyes, marks.mouth)[part]).mean(axis=0)
    radius = 0.2 * float(np.ptp(marks.outline[:, 0]))
    rows, columns = np.indices(frame.shape[:2])
    inside = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 < radius**2
    return np.asarray(inside, dtype=np.float32)


def _face_of(footage: Footage, frames: Sequence[NDArray[Any]], size: int) -> NDArray[np.uint8]:
    """Cut one square around the face out of all frames."""
    width = footage.frames[0].shape[1]
    outline = np.concatenate([landmarks.outline for landmarks in footage.landmarks])
    low, high = outline.min(axis=0), outline.max(axis=0)
    side = round(min(MARGIN * float((high - low).max()), width))
    left, top = (
        int(np.clip(round(float(middle) - side / 2), 0, width - side))
        for middle in (low + high) / 2
    )
    crops = [
        cv2.resize(
            frame[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA
        )
        for frame in frames
    ]
    return np.stack(crops).astype(np.uint8)

"""One clip of an invented face, in memory and in a second: for pictures and trials."""

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.core.reproducibility import derive_seed
from unmask.data.synthetic.motion import make_performance
from unmask.data.synthetic.people import make_person
from unmask.data.synthetic.scene import make_camera, make_light
from unmask.data.synthetic.take import film, make_take

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
    height = width = 2 * size
    take = make_take(
        make_person(derive_seed(seed, "person")),
        make_performance(rng, num_frames=num_frames, frames_per_second=8),
        light=make_light(rng),
        rng=rng,
        height=height,
        width=width,
    )
    footage = film(take)
    camera = make_camera(rng, noise_level=0.012, blur_px=(0.35, 0.6))
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
        for frame in camera.shoot(footage.frames, rng)
    ]
    return np.stack(crops).astype(np.uint8)

"""Clips of synthetic people as long and large as real ones, for benchmarks."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.demo.motion import make_performance
from unmask.demo.people import make_person
from unmask.demo.scene import make_camera, make_light
from unmask.demo.take import film, make_take
from unmask.video.writer import write_video

FRAMES_PER_SECOND = 30
# Rendered pictures per second; each is shot several times, with new noise of the camera.
PICTURES_PER_SECOND = 6
RENDERED_HEIGHT = 540


def make_clip(path: Path, *, seed: int, width: int, height: int, seconds: int, gop: int) -> None:
    """Film one person and encode it like a video site: H.264, crf 23; nothing if it is there."""
    if path.exists():
        return
    rng = np.random.default_rng(seed)
    rendered_height = min(height, RENDERED_HEIGHT)
    take = make_take(
        make_person(seed),
        make_performance(
            rng, num_frames=seconds * PICTURES_PER_SECOND, frames_per_second=PICTURES_PER_SECOND
        ),
        light=make_light(rng),
        rng=rng,
        height=rendered_height,
        width=round(rendered_height * width / height / 2) * 2,
    )
    camera = make_camera(rng, noise_level=0.012, blur_px=(0.35, 0.6))
    footage = film(take)

    def frames() -> Iterator[NDArray[np.uint8]]:
        for picture in footage.frames:
            repeated = [picture] * (FRAMES_PER_SECOND // PICTURES_PER_SECOND)
            for shot in camera.shoot(repeated, rng):
                large = cv2.resize(shot, (width, height), interpolation=cv2.INTER_CUBIC)
                yield np.asarray(large, np.uint8)

    write_video(path, frames(), fps=FRAMES_PER_SECOND, gop=gop)

"""Write a small H.264 video: the embedded data set and the tests make theirs with it."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from unmask.core.files import atomic_path


def write_video(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    *,
    fps: Fraction | int,
    crf: int = 23,
    gop: int = 12,
    preset: str = "veryfast",
    pts: Sequence[int] | None = None,
) -> None:
    """Encode frames as H.264 (yuv420p) in an MP4 file, whole or not at all.

    One encoder thread and no time stamps of the clock: equal frames and settings give equal bytes.

    Args:
        path: The file to write, e.g. ``"clip.mp4"``; its folder is made when missing.
        frames: RGB, ``(height, width, 3)``, uint8, all of one size with even sides; read lazily.
        fps: Frames per second.
        crf: Constant rate factor of x264 in ``[0, 51]``; lower is better, 0 is lossless in yuv420p.
        gop: Largest distance between key frames, in frames.
        preset: x264's preset of speed, e.g. ``"ultrafast"`` or ``"medium"``.
        pts: Presentation time of each frame in units of ``1 / fps``, strictly increasing, for a
            variable frame rate; None for 0, 1, 2, ...

    Raises:
        ValueError: If there is no frame, a frame has another shape or type than the first, or a
            side is odd.
    """
    ordered = iter(frames)
    first = next(ordered, None)
    if first is None:
        raise ValueError(f"A video needs at least one frame, but none was given for {path}.")
    height, width = _checked_size(first)
    # "bitexact" keeps the muxer from writing its version into the file.
    muxing = {"fflags": "+bitexact"}
    with (
        atomic_path(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options=muxing) as container,
    ):
        stream = _add_stream(container, Fraction(fps), crf=crf, gop=gop, preset=preset)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index, image in enumerate(chain([first], ordered)):
            frame = _to_video_frame(image, first.shape, index)
            frame.pts = index if pts is None else pts[index]
            frame.time_base = 1 / Fraction(fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _add_stream(
    container: av.container.OutputContainer, fps: Fraction, *, crf: int, gop: int, preset: str
) -> av.video.stream.VideoStream:
    stream = container.add_stream(
        "libx264",
        rate=fps,
        options={
            "crf": str(crf),
            "preset": preset,
            "g": str(gop),
            "threads": "1",
            # With it, x264 gives small frames other bytes in one of ten calls.
            "x264-params": "mbtree=0",
        },
    )
    stream.codec_context.time_base = 1 / fps
    return stream


def _checked_size(first: NDArray[np.uint8]) -> tuple[int, int]:
    if first.ndim != 3 or first.shape[2] != 3 or first.dtype != np.uint8:
        raise ValueError(
            f"A frame must be RGB uint8 of shape (height, width, 3), got {first.dtype} "
            f"of shape {first.shape}."
        )
    height, width = first.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"H.264 in yuv420p needs even sides, got {width}x{height} px.")
    return height, width


def _to_video_frame(image: NDArray[np.uint8], shape: tuple[int, ...], index: int) -> av.VideoFrame:
    if image.shape != shape or image.dtype != np.uint8:
        raise ValueError(
            f"Frame {index} is {image.dtype} of shape {image.shape}, but all frames must be uint8 "
            f"of the first one's shape {shape}."
        )
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")

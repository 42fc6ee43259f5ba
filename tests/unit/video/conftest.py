"""Videos, whole and damaged, that each test can afford to make."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from unmask.video.writer import write_video

NUM_FRAMES = 30
TKHD_MATRIX_OFFSET = 44  # of the display matrix after the name of a version 0 track header


def numbered_frames(num_frames: int = NUM_FRAMES) -> list[NDArray[np.uint8]]:
    """Frames that differ: a bright square moves over a gradient."""
    gradient = np.linspace(0, 120, 96, dtype=np.uint8)
    frames = []
    for index in range(num_frames):
        frame = np.repeat(np.tile(gradient, (64, 1))[..., None], 3, axis=2)
        cv2.rectangle(frame, (2 * index, index), (2 * index + 16, index + 16), (250, 200, 90), -1)
        frames.append(frame)
    return frames


@pytest.fixture(scope="session")
def frames() -> list[NDArray[np.uint8]]:
    return numbered_frames()


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames at 10 per second, a key frame at least every 12, B-frames between."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    write_video(path, numbered_frames(), fps=10)
    return path


@pytest.fixture(scope="session")
def uneven_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 frames in the first second, then five that stay for a second each."""
    path = tmp_path_factory.mktemp("video") / "uneven.mp4"
    pts = [*range(25), *range(25, 150, 25)]
    write_video(path, numbered_frames(), fps=25, pts=pts)
    return path


@pytest.fixture(scope="session", params=[90, 180, 270])
def rotated_video(
    request: pytest.FixtureRequest, video: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, int]:
    """The video with a note to show it turned, and by how many degrees clockwise."""
    degrees = request.param
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = b"".join(
        (value << bits).to_bytes(4, "big", signed=True)
        for value, bits in zip((cos, sin, 0, -sin, cos, 0, 0, 0, 1), [16, 16, 30] * 3, strict=True)
    )
    content = bytearray(video.read_bytes())
    start = content.index(b"tkhd") + TKHD_MATRIX_OFFSET
    content[start : start + 36] = matrix
    path = tmp_path_factory.mktemp("video") / f"turned{degrees}.mp4"
    path.write_bytes(content)
    return path, degrees


@pytest.fixture(scope="session")
def streamable_video(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The video with its index before its frames, so that it can be read although truncated."""
    path = tmp_path_factory.mktemp("video") / "fast.mp4"
    with (
        av.open(str(video)) as source,
        av.open(str(path), "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return path


@pytest.fixture(scope="session")
def audio_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        for index in range(4):
            sound = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 44100, index * 1024, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path

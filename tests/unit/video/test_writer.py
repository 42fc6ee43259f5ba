from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from unmask.video.writer import write_video

Image = NDArray[np.uint8]


def test_equal_frames_give_equal_bytes(tmp_path: Path, frames: list[Image]) -> None:
    contents = set()
    for repetition in range(10):
        write_video(tmp_path / f"{repetition}.mp4", frames, fps=10)
        contents.add((tmp_path / f"{repetition}.mp4").read_bytes())
    assert len(contents) == 1


def test_video_shows_the_frames_at_their_times(tmp_path: Path, frames: list[Image]) -> None:
    write_video(tmp_path / "a.mp4", frames[:3], fps=Fraction(30000, 1001), crf=0, pts=[0, 1, 5])
    with av.open(str(tmp_path / "a.mp4")) as container:
        decoded = list(container.decode(video=0))
    assert [frame.time for frame in decoded] == pytest.approx([0, 1001 / 30000, 5005 / 30000])
    for frame, original in zip(decoded, frames, strict=False):
        difference = frame.to_ndarray(format="rgb24").astype(int) - original
        assert np.abs(difference).mean() < 3  # what halving the colour's resolution costs


def test_gop_limits_the_distance_of_key_frames(tmp_path: Path, frames: list[Image]) -> None:
    write_video(tmp_path / "a.mp4", frames, fps=10, gop=5)
    with av.open(str(tmp_path / "a.mp4")) as container:
        keys = [index for index, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert max(np.diff(keys)) <= 5


def test_failing_frames_leave_no_file(tmp_path: Path, frames: list[Image]) -> None:
    def broken() -> Iterator[Image]:
        yield frames[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_video(tmp_path / "a.mp4", broken(), fps=10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "needs at least one frame"),
        ([np.zeros((64, 63, 3), np.uint8)], "needs even sides, got 63x64 px"),
        ([np.zeros((64, 64), np.uint8)], r"got uint8 of shape \(64, 64\)"),
        ([np.zeros((64, 64, 3))], "got float64"),
        (
            [np.zeros((64, 64, 3), np.uint8), np.zeros((32, 64, 3), np.uint8)],
            r"Frame 1 is uint8 of shape \(32, 64, 3\)",
        ),
    ],
)
def test_bad_frames_are_named(tmp_path: Path, images: list[Image], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / "a.mp4", images, fps=10)

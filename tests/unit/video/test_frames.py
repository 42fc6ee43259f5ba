from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmask.core.errors import VideoError
from unmask.video.frames import FramesReader, list_frames
from unmask.video.reader import ImageReader


@pytest.fixture
def make_frames(tmp_path: Path) -> Callable[..., Path]:
    def make(*names: str) -> Path:
        for name in names:
            brightness = int("".join(filter(str.isdigit, name)))
            cv2.imwrite(str(tmp_path / name), np.full((6, 8, 3), brightness, np.uint8))
        return tmp_path

    return make


def test_frames_come_in_the_order_of_their_numbers(make_frames: Callable[..., Path]) -> None:
    folder = make_frames("10.png", "2.png", "frame_003.png")
    assert [path.name for path in list_frames(folder)] == ["2.png", "frame_003.png", "10.png"]


def test_chosen_frames_are_read_with_their_place(make_frames: Callable[..., Path]) -> None:
    folder = make_frames("1.png", "5.png", "9.png")
    reader = FramesReader()
    timeline = reader.timeline(folder)
    assert (len(timeline.pts), timeline.width, timeline.height) == (3, 8, 6)
    frames = list(reader.read(folder, timeline, [0, 2]))
    assert [(f.index, f.pts_seconds, int(f.image[0, 0, 0])) for f in frames] == [
        (0, 0.0, 1),
        (2, 2.0, 9),
    ]


def test_a_place_outside_the_folder_is_refused(make_frames: Callable[..., Path]) -> None:
    folder = make_frames("1.png")
    reader = FramesReader()
    with pytest.raises(ValueError, match=r"lie in \[0, 1\) for .*, got \[1\]"):
        list(reader.read(folder, reader.timeline(folder), [1]))


def test_a_large_image_behind_a_small_one_is_refused(make_frames: Callable[..., Path]) -> None:
    folder = make_frames("1.png", "2.png")
    cv2.imwrite(str(folder / "2.png"), np.zeros((60, 80, 3), np.uint8))
    reader = FramesReader(ImageReader(max_pixels=100))
    timeline = reader.timeline(folder)
    with pytest.raises(VideoError, match=r"2\.png has 80x60 pixels, more than 100"):
        list(reader.read(folder, timeline, [0, 1]))


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / ".hidden.png").touch()
    with pytest.raises(VideoError, match="holds no image"):
        FramesReader().timeline(tmp_path)
    with pytest.raises(VideoError, match=r"no folder of frames .*gone"):
        FramesReader().timeline(tmp_path / "gone")

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from unmask.faces.extract import FaceCrop
from unmask.faces.face import Face
from unmask.faces.face_video import FaceVideo
from unmask.video.reader import PyAVReader


def crop(track_id: int, frame_index: int) -> FaceCrop:
    face = Face(np.zeros(4), np.zeros((5, 2)), 1.0)
    image = np.full((64, 64, 3), 40 + 20 * frame_index + 5 * track_id, np.uint8)
    return FaceCrop(track_id, frame_index, 0.0, face, 1.0, (0, 0, 1, 1), image, (64, 64))


def test_the_main_face_is_written_in_order_of_time(tmp_path: Path) -> None:
    crops = [crop(1, 0), crop(0, 4), crop(0, 2), crop(0, 0), crop(0, 8)]
    FaceVideo(size=32, max_frames=3).write(tmp_path / "face.mp4", crops)
    reader = PyAVReader()
    timeline = reader.timeline(tmp_path / "face.mp4")
    assert (timeline.width, timeline.height, len(timeline.pts)) == (32, 32, 3)
    assert (timeline.pts[1] - timeline.pts[0]) * timeline.time_base == Fraction(1, 30)
    frames = reader.read(tmp_path / "face.mp4", timeline, [0, 1, 2])
    assert [round(float(frame.image.mean()), -1) for frame in frames] == [40, 80, 120]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FaceVideo(size=33), "size must be even and at least 16, got 33"),
        (lambda: FaceVideo(frames_per_second=0), "frames_per_second must be at least 1, got 0"),
        (lambda: FaceVideo(max_frames=0), "max_frames must be at least 1, got 0"),
        (lambda: FaceVideo(crf=52), r"crf must lie in \[0, 51\], got 52"),
    ],
)
def test_bad_knobs_are_named(make: Callable[[], FaceVideo], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

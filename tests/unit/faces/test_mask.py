from pathlib import Path

import numpy as np
import pytest

from unmask.core.errors import VideoError
from unmask.faces.crop import SquareCropper
from unmask.faces.extract import FaceCrop
from unmask.faces.face import Face
from unmask.faces.mask import cut_masks
from unmask.video.reader import PyAVReader
from unmask.video.writer import write_video

CROPPER = SquareCropper(crop_size=32, margin=1)


def crop(track_id: int, frame_index: int, box: tuple[int, int, int, int]) -> FaceCrop:
    face = Face(np.array(box, np.float64), np.zeros((5, 2)), 1.0)
    image, square = CROPPER(np.zeros((64, 96, 3), np.uint8), face)
    return FaceCrop(track_id, frame_index, 0.0, face, 1.0, square, image, (96, 64))


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """Frame 0 is black; in frame 1 the right third is white."""
    frames = [np.zeros((64, 96, 3), np.uint8) for _ in range(2)]
    frames[1][:, 64:] = 255
    write_video(tmp_path / "mask.mp4", frames, fps=2, crf=0)
    return tmp_path / "mask.mp4"


def cut(mask: Path, *crops: FaceCrop) -> list[np.ndarray]:
    return cut_masks(mask, crops, reader=PyAVReader(), cropper=CROPPER)


def test_a_mask_shows_what_its_crop_shows(mask: Path) -> None:
    right, left, before = cut(
        mask, crop(0, 1, (64, 16, 96, 48)), crop(1, 1, (0, 16, 32, 48)), crop(0, 0, (64, 0, 96, 32))
    )
    assert right.shape == (32, 32)
    assert right.mean() > 245
    assert left.mean() < 10
    assert before.mean() < 10


def test_a_mask_of_fewer_frames_is_refused(mask: Path) -> None:
    with pytest.raises(VideoError, match=r"has 2 frames, .* a face in frame 5") as caught:
        cut(mask, crop(0, 5, (0, 0, 32, 32)))
    assert caught.value.reason == "mask_differs"


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "small.mp4", [np.zeros((32, 48, 3), np.uint8)], fps=1)
    with pytest.raises(VideoError, match="48x32 px, but those of its video have 96x64"):
        cut(tmp_path / "small.mp4", crop(0, 0, (0, 0, 32, 32)))

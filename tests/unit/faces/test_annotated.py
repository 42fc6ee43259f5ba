from math import inf, isnan, nan
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmask.core.errors import VideoError
from unmask.faces.annotated import AnnotatedBox, cut_annotated
from unmask.faces.boxes import square_in_frame
from unmask.faces.crop import SquareCropper
from unmask.faces.extract import FaceCrop
from unmask.video.reader import ImageReader

CROPPER = SquareCropper(crop_size=32, margin=1)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """96 x 64 px, black, with a white square from (60, 20) to (80, 40)."""
    image = np.zeros((64, 96, 3), np.uint8)
    image[20:40, 60:80] = 255
    cv2.imwrite(str(tmp_path / "photo.png"), image)
    return tmp_path / "photo.png"


def cut(photo: Path, *corners: float, size: tuple[int, int] | None = None) -> FaceCrop:
    return cut_annotated(
        photo,
        AnnotatedBox(corners, size),  # type: ignore[arg-type]
        reader=ImageReader(),
        cropper=CROPPER,
    )


def test_the_box_decides_what_is_cut(photo: Path) -> None:
    assert cut(photo, 60, 20, 80, 40).image.min() == 255
    assert cut(photo, 0, 0, 20, 20).image.max() == 0


def test_nothing_is_claimed_that_only_a_detector_could_know(photo: Path) -> None:
    crop = cut(photo, 60, 20, 80, 40, size=(96, 64))
    assert (crop.track_id, crop.frame_index, crop.pts_seconds) == (0, 0, 0.0)
    assert crop.face.box.tolist() == [60, 20, 80, 40]
    assert crop.frame_size == (96, 64)
    assert isnan(crop.face.prob)
    assert isnan(crop.verifier_prob)
    assert np.isnan(crop.face.landmarks).all()


@pytest.mark.parametrize(
    "corners", [(-30, 30, 20, 60), (70, 40, 1e9, 1e9), (-5, -5, 500, 500), (90, 60, 96, 64)]
)
def test_a_box_beyond_the_border_is_cut_as_a_detected_one_is(
    photo: Path, corners: tuple[float, ...]
) -> None:
    crop = cut(photo, *corners)
    expected = square_in_frame(np.array(corners, np.float64), margin=1, width=96, height=64)
    assert crop.crop_box == expected
    assert crop.face.box.tolist() == list(corners)


@pytest.mark.parametrize(
    "corners", [(5, 5, 5, 20), (5, 5, 20, 4), (nan, 0, 9, 9), (nan,) * 4, (0, 0, inf, 9)]
)
def test_a_box_that_spans_nothing_is_refused(photo: Path, corners: tuple[float, ...]) -> None:
    with pytest.raises(VideoError, match=r"box \(.*\) in .*photo.png spans nothing") as caught:
        cut(photo, *corners)
    assert caught.value.reason == "bad_box"


@pytest.mark.parametrize(
    "corners", [(96, 0, 120, 20), (-20, -20, 0, 0), (10, 63.5, 20, 90), (1e8, 0, 1e9, 9)]
)
def test_a_box_outside_the_image_is_refused(photo: Path, corners: tuple[float, ...]) -> None:
    with pytest.raises(VideoError, match=r"outside .*photo\.png, which has 96x64 px") as caught:
        cut(photo, *corners)
    assert caught.value.reason == "outside_image"


def test_an_image_of_another_size_than_annotated_is_refused(photo: Path) -> None:
    with pytest.raises(VideoError, match=r"has 96x64 px, but .* annotated at 192x128") as caught:
        cut(photo, 0, 0, 20, 20, size=(192, 128))
    assert caught.value.reason == "size_differs"

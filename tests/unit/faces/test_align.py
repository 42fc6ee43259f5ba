from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.faces.align import ARCFACE_POINTS, AlignedCropper, similarity
from unmask.faces.crop import SquareCropper
from unmask.faces.detect import MTCNNDetector
from unmask.faces.extract import FaceExtractor
from unmask.faces.face import Face


def turned(degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    radians = np.deg2rad(degrees)
    turn = scale * np.array(
        [[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]]
    )
    return np.column_stack([turn, shift])


def face_at(landmarks: np.ndarray) -> Face:
    box = np.concatenate([landmarks.min(axis=0) - 10, landmarks.max(axis=0) + 10])
    return Face(box, landmarks, 1.0)


@given(st.floats(-180, 180), st.floats(0.1, 10), st.tuples(st.floats(-99, 99), st.floats(-99, 99)))
def test_a_similarity_is_found_again(
    degrees: float, scale: float, shift: tuple[float, float]
) -> None:
    matrix = turned(degrees, scale, shift)
    target = ARCFACE_POINTS @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(similarity(ARCFACE_POINTS, target), matrix, atol=1e-8)


def test_it_is_the_similarity_of_opencv_on_noisy_points() -> None:
    noisy = ARCFACE_POINTS + np.random.default_rng(0).normal(0, 2, (5, 2))
    expected, _ = cv2.estimateAffinePartial2D(
        ARCFACE_POINTS, noisy, method=cv2.LMEDS, ransacReprojThreshold=1e9
    )
    assert np.abs(similarity(ARCFACE_POINTS, noisy) - expected).max() < 5
    residual = ARCFACE_POINTS @ similarity(ARCFACE_POINTS, noisy)[:, :2].T
    residual += similarity(ARCFACE_POINTS, noisy)[:, 2] - noisy
    other = ARCFACE_POINTS @ expected[:, :2].T + expected[:, 2] - noisy
    assert (residual**2).sum() <= (other**2).sum() + 1e-9


def test_points_that_are_one_do_not_fail() -> None:
    crop, _ = AlignedCropper()(np.zeros((50, 60, 3), np.uint8), face_at(np.full((5, 2), 20.0)))
    assert crop.shape == (224, 224, 3)


def test_scale_one_is_the_template_itself() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    crop, square = AlignedCropper(crop_size=112, scale=1)(frame, face_at(ARCFACE_POINTS))
    np.testing.assert_array_equal(crop, frame)
    assert square == (0, 0, 112, 112)


def test_a_turned_face_gives_the_same_crop(draw_faces: Callable[..., np.ndarray]) -> None:
    frame = draw_faces([(160, 120)])
    cropper = AlignedCropper(crop_size=96)
    (face,) = MTCNNDetector()([frame])[0]
    upright, _ = cropper(frame, face)
    for degrees in (0.0, 25.0):
        matrix = turned(degrees, 2.0, (150.0, 20.0))
        larger = cv2.warpAffine(frame, matrix, (800, 800), borderMode=cv2.BORDER_REPLICATE)
        landmarks = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        crop, _ = cropper(np.asarray(larger, np.uint8), face_at(landmarks))
        assert np.abs(crop.astype(float) - upright).mean() < 3


def test_the_square_holds_what_was_cut() -> None:
    matrix = turned(45, 1, (100, 50))
    landmarks = ARCFACE_POINTS @ matrix[:, :2].T + matrix[:, 2]
    _, (x1, y1, x2, y2) = AlignedCropper(crop_size=112, scale=1)(
        np.zeros((300, 300, 3), np.uint8), face_at(landmarks)
    )
    corners = np.array([[0, 0], [112, 0], [0, 112], [112, 112]]) @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose([x1, y1], corners.min(axis=0), atol=1)
    np.testing.assert_allclose([x2, y2], corners.max(axis=0), atol=1)


def test_the_verifier_finds_aligned_faces_in_their_place(
    tmp_path: Path,
    draw_faces: Callable[..., np.ndarray],
) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), draw_faces([(160, 120)])[:, :, ::-1])
    aligned, square = (
        FaceExtractor(cropper=cropper).extract(tmp_path / "face.png", "image")
        for cropper in (AlignedCropper(), SquareCropper())
    )
    assert len(aligned) == len(square) == 1
    assert aligned[0].verifier_prob > 0.9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AlignedCropper(crop_size=8), "crop_size must be at least 16, got 8"),
        (lambda: AlignedCropper(scale=0.5), r"scale must lie in \[1, 4\], got 0.5"),
    ],
)
def test_bad_knobs_are_named(make: Callable[[], AlignedCropper], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

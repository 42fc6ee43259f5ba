from collections.abc import Callable

import numpy as np
import pytest

from unmask.faces.crop import SquareCropper, box_in_crop
from unmask.faces.detect import MTCNNDetector
from unmask.faces.verify import MTCNNVerifier


@pytest.fixture(scope="module")
def crop_and_box(draw_faces: Callable[..., np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    frame = draw_faces([(160, 120)])
    (face,) = MTCNNDetector()([frame])[0]
    crop, square = SquareCropper()(frame, face)
    return crop, box_in_crop(face.box, square, crop_size=224)


def test_a_face_is_confirmed(crop_and_box: tuple[np.ndarray, np.ndarray]) -> None:
    crop, box = crop_and_box
    (prob,) = MTCNNVerifier()([crop], [box])
    assert prob > 0.9


def test_a_crop_without_a_face_has_probability_zero(crop_and_box) -> None:  # noqa: ANN001
    crop, box = crop_and_box
    assert MTCNNVerifier()([np.full_like(crop, 90)], [box]) == [0.0]


def test_a_face_in_another_place_does_not_count(crop_and_box) -> None:  # noqa: ANN001
    crop, _ = crop_and_box
    assert MTCNNVerifier()([crop], [np.array([0.0, 0, 30, 30])]) == [0.0]


def test_no_crops_have_no_probabilities() -> None:
    assert MTCNNVerifier()([], []) == []


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"min_prob": 2.0}, r"min_prob must lie in \[0, 1\], got 2.0"),
        ({"min_iou": -1.0}, r"min_iou must lie in \[0, 1\], got -1.0"),
        ({"min_face_fraction": 0.0}, "min_face_fraction must lie between 0 and 1, got 0.0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ],
)
def test_bad_knobs_are_named(knobs: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MTCNNVerifier(**knobs)

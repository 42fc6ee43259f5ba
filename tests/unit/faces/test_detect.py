from collections.abc import Callable

import numpy as np
import pytest
import torch
from facenet_pytorch import MTCNN
from facenet_pytorch.models.utils.detect_face import detect_face

from unmask.faces.boxes import iou
from unmask.faces.detect import MTCNNDetector
from unmask.faces.mtcnn import detect_faces

Draw = Callable[..., np.ndarray]


def test_a_face_is_found_where_it_is(draw_faces: Draw) -> None:
    (faces,) = MTCNNDetector()([draw_faces([(160, 120)])])
    (face,) = faces
    assert face.prob > 0.95
    np.testing.assert_allclose((face.box[:2] + face.box[2:]) / 2, [160, 122], atol=10)
    left_eye, right_eye, nose, mouth_left, mouth_right = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert mouth_left[0] < nose[0] < mouth_right[0]
    assert left_eye[1] < nose[1] < mouth_left[1]


def test_two_faces_come_with_the_larger_first(draw_faces: Draw) -> None:
    frame = np.hstack([draw_faces([(160, 120)], size=80), draw_faces([(160, 120)], size=130)])
    (faces,) = MTCNNDetector()([frame])
    assert [face.box[0] > 320 for face in faces] == [True, False]


def test_a_frame_without_a_face_gives_none() -> None:
    flat = np.full((240, 320, 3), 128, np.uint8)
    assert MTCNNDetector()([flat, flat]) == [[], []]
    assert MTCNNDetector()([]) == []


@pytest.mark.parametrize("side", [1, 2, 11, 12, 13, 15, 16, 40])
def test_tiny_frames_do_not_raise(side: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (side, 2 * side, 3), dtype=np.uint8)
    assert len(MTCNNDetector(min_face_px=12)([noise, noise])) == 2


def test_large_frames_are_reduced_and_boxes_mapped_back(draw_faces: Draw) -> None:
    frame = draw_faces([(160, 120)], size=120)
    large = frame.repeat(6, axis=0).repeat(6, axis=1)
    (face,), (found,) = MTCNNDetector()([frame, large])
    assert iou(face.box[None] * 6, found.box[None]).item() > 0.85
    np.testing.assert_allclose(found.landmarks / 6, face.landmarks, atol=6)


def test_batches_and_neighbours_do_not_matter(draw_faces: Draw) -> None:
    frames = [draw_faces([(100 + 10 * index, 120)]) for index in range(5)]
    frames.insert(2, draw_faces([(60, 120)], width=200))
    together = MTCNNDetector(batch_size=4)(frames)
    for faces, frame in zip(together, frames, strict=True):
        (alone,) = MTCNNDetector(batch_size=1)([frame])
        assert len(faces) == len(alone) == 1
        np.testing.assert_allclose(faces[0].box, alone[0].box, atol=0.01)


@pytest.mark.parametrize("min_face_px", [20, 60])
def test_cascade_finds_what_the_library_finds(draw_faces: Draw, min_face_px: int) -> None:
    frames = np.stack([draw_faces([(90, 110), (230, 130)], size=size) for size in (60, 90, 105)])
    thresholds = (0.6, 0.7, 0.7)
    library = MTCNN(keep_all=True)
    with torch.inference_mode():
        boxes, points = detect_face(
            frames, min_face_px, library.pnet, library.rnet, library.onet, thresholds, 0.709, "cpu"
        )
    ours = detect_faces(frames, min_face_px=min_face_px, thresholds=thresholds)
    assert sum(len(found) for found in ours) >= 4
    for found, library_boxes, library_points in zip(ours, boxes, points, strict=True):
        assert len(found) == len(library_boxes)
        for face in found:
            nearest = np.abs(library_boxes[:, :4].astype(float) - face.box).max(axis=1).argmin()
            expected = library_boxes[nearest].astype(float)
            np.testing.assert_allclose(face.box, expected[:4], atol=0.05)
            assert face.prob == pytest.approx(expected[4], abs=1e-3)
            np.testing.assert_allclose(
                face.landmarks, library_points[nearest].astype(float), atol=0.05
            )


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"min_face_px": 11}, "min_face_px must be at least 12.*got 11"),
        ({"longer_side": 50}, "longer_side=50 leaves no room for faces of min_face_px=60"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"min_prob": 1.5}, r"must lie in \[0, 1\], got 1.5"),
        ({"thresholds": (0.6, -0.1, 0.7)}, r"must lie in \[0, 1\], got -0.1"),
    ],
)
def test_bad_knobs_are_named(knobs: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MTCNNDetector(**knobs)


def test_knobs_have_an_effect(draw_faces: Draw) -> None:
    frame = draw_faces([(160, 120)], size=60)
    assert [len(MTCNNDetector(min_face_px=px)([frame])[0]) for px in (30, 120)] == [1, 0]
    assert MTCNNDetector(min_face_px=30, min_prob=1.0)([frame]) == [[]]
    assert MTCNNDetector(min_face_px=30, longer_side=60)([frame]) == [[]]
    assert MTCNNDetector(min_face_px=30, thresholds=(1, 1, 1))([frame]) == [[]]

"""The point of plausible people: a face detector that was trained on photographs finds them."""

from pathlib import Path

import av
import numpy as np
import pytest
from facenet_pytorch import MTCNN

MIN_PROB = 0.9
MIN_FACE_PX = 50


def frames_of(root: Path, pattern: str) -> list[np.ndarray]:
    frames = []
    for path in sorted(root.rglob(pattern)):
        with av.open(str(path)) as container:
            frames.append(next(container.decode(video=0)).to_ndarray(format="rgb24"))
    return frames


@pytest.fixture(scope="module")
def detector() -> MTCNN:
    return MTCNN(keep_all=True, min_face_size=40)


@pytest.mark.parametrize("data_set", ["ffpp_root", "celebdf_root"])
def test_every_first_frame_holds_one_face(
    data_set: str, detector: MTCNN, request: pytest.FixtureRequest
) -> None:
    frames = frames_of(request.getfixturevalue(data_set), "*.mp4")
    boxes, probs = detector.detect(frames)
    found = [
        any(prob is not None and prob >= MIN_PROB for prob in frame_probs)
        and np.max(frame_boxes[:, 3] - frame_boxes[:, 1]) >= MIN_FACE_PX
        for frame_boxes, frame_probs in zip(boxes, probs, strict=True)
    ]
    assert np.mean(found) >= 0.95

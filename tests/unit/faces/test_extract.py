from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmask.core.errors import VideoError
from unmask.faces.crop import SquareCropper
from unmask.faces.extract import FaceExtractor
from unmask.faces.verify import MTCNNVerifier
from unmask.video.sampling import FirstSampling, UniformSampling
from unmask.video.writer import write_video

Draw = Callable[..., np.ndarray]
EXTRACTOR = FaceExtractor(sampling=UniformSampling(num_frames=5))


def test_each_face_of_each_sampled_frame_is_cut_out(two_people: Path) -> None:
    crops = EXTRACTOR.extract(two_people, "video")
    by_track = {track: [c for c in crops if c.track_id == track] for track in (0, 1)}
    assert [len(by_track[track]) for track in (0, 1)] == [5, 5]
    assert [crop.frame_index for crop in by_track[0]] == [1, 3, 6, 8, 10]
    assert [crop.pts_seconds for crop in by_track[0]] == pytest.approx(
        [1 / 6, 3 / 6, 6 / 6, 8 / 6, 10 / 6]
    )
    assert min(crop.face.box[0] for crop in by_track[0]) > 160  # the larger face is track 0


def test_crops_lie_inside_the_frame_and_show_the_face(two_people: Path) -> None:
    for crop in EXTRACTOR.extract(two_people, "video"):
        x1, y1, x2, y2 = crop.crop_box
        assert 0 <= x1 < x2 <= 400
        assert 0 <= y1 < y2 <= 240
        assert crop.image.shape == (224, 224, 3)
        assert crop.verifier_prob >= 0.9
        assert x1 < crop.face.landmarks[:, 0].min()
        assert x2 > crop.face.landmarks[:, 0].max()


def test_max_tracks_keeps_the_largest(two_people: Path) -> None:
    extractor = FaceExtractor(sampling=FirstSampling(num_frames=2), max_tracks=1)
    crops = extractor.extract(two_people, "video")
    assert [(crop.track_id, crop.frame_index) for crop in crops] == [(0, 0), (0, 1)]
    with pytest.raises(ValueError, match="max_tracks must be at least 1 or null, got 0"):
        FaceExtractor(max_tracks=0)


def test_an_image_is_a_clip_of_one_frame(tmp_path: Path, draw_faces: Draw) -> None:
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), draw_faces([(160, 120)])[:, :, ::-1])
    (crop,) = EXTRACTOR.extract(path, "image")
    assert (crop.track_id, crop.frame_index, crop.pts_seconds) == (0, 0, 0.0)


def test_long_videos_are_read_in_pieces(two_people: Path) -> None:
    crops = FaceExtractor(sampling=FirstSampling(num_frames=12)).extract(two_people, "video")
    assert [crop.frame_index for crop in crops if crop.track_id == 0] == list(range(12))


@pytest.mark.parametrize(
    ("sides", "sizes"),
    [
        # Of 1,000 pixels at once: frames of 100, then of 900, which the first one does not declare.
        ([10, 10, 10, 30, 30, 30], [4, 1, 1]),
        ([30, 10, 10, 10], [1, 3]),
        ([20, 20, 20, 20, 20], [2, 2, 1]),
        ([5] * 10, [8, 2]),
        ([40, 40], [1, 1]),
    ],
)
def test_frames_held_at_once_are_bounded_by_the_pixels_that_they_have(
    sides: list[int], sizes: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unmask.faces.extract.PIXELS_AT_ONCE", 1_000)
    for number, side in enumerate(sides):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((side, side, 3), np.uint8))
    extractor = FaceExtractor(sampling=FirstSampling(num_frames=len(sides)))
    timeline, indices = extractor.choose(tmp_path, "frames")
    batches = list(extractor.read(tmp_path, "frames", timeline, indices))
    assert [len(batch) for batch in batches] == sizes
    assert [frame.index for batch in batches for frame in batch] == indices


def test_a_video_without_a_face_is_said_so(tmp_path: Path) -> None:
    write_video(tmp_path / "flat.mp4", [np.full((64, 96, 3), 90, np.uint8)] * 3, fps=3)
    with pytest.raises(VideoError, match=r"0 found in 3 frame\(s\)") as caught:
        EXTRACTOR.extract(tmp_path / "flat.mp4", "video")
    assert caught.value.reason == "no_face"


def test_faces_that_nothing_confirms_are_said_so(two_people: Path) -> None:
    strict = FaceExtractor(sampling=FirstSampling(1), verifier=MTCNNVerifier(min_prob=1.0))
    with pytest.raises(VideoError, match=r"2 found in 1 frame") as caught:
        strict.extract(two_people, "video")
    assert caught.value.reason == "no_verified_face"


def test_without_a_verifier_every_face_is_kept(two_people: Path) -> None:
    loose = FaceExtractor(sampling=FirstSampling(1), verifier=None)
    assert [crop.verifier_prob for crop in loose.extract(two_people, "video")] == [1.0, 1.0]


def test_the_cropper_sets_the_size(two_people: Path) -> None:
    small = FaceExtractor(sampling=FirstSampling(1), cropper=SquareCropper(crop_size=64))
    assert {crop.image.shape for crop in small.extract(two_people, "video")} == {(64, 64, 3)}


def test_an_unknown_kind_is_named(two_people: Path) -> None:
    with pytest.raises(ValueError, match="kind must be one of video, image, frames, got 'audio'"):
        EXTRACTOR.extract(two_people, "audio")

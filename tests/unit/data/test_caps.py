"""How many faces of a video are used."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.data.caps import AllFaces, Cap, FaceCap, FirstFramesCap, MeanFramesCap
from unmask.data.dataset import ClipLayout, FaceClips


def faces_of(*lengths: int, step: int = 10) -> pd.DataFrame:
    rows = [
        (f"v{n}", 0, step * place) for n, length in enumerate(lengths) for place in range(length)
    ]
    return pd.DataFrame(rows, columns=["video_id", "track_id", "frame_index"])


def lengths_of(cap: Cap, *lengths: int) -> list[int]:
    return cap(faces_of(*lengths)).groupby("video_id").size().tolist()


def test_all_faces_are_kept_without_a_cap() -> None:
    assert lengths_of(AllFaces(), 3, 40) == [3, 40]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 20))
def test_a_face_cap_keeps_the_first_of_each_track(lengths: list[int], most: int) -> None:
    faces = faces_of(*lengths).sample(frac=1, random_state=0)
    kept = FaceCap(most)(faces)
    assert kept.groupby("video_id").size().tolist() == [min(n, most) for n in lengths]
    assert kept["frame_index"].max() == 10 * (min(max(lengths), most) - 1)


def test_only_the_first_frames_of_the_video_count() -> None:
    assert lengths_of(FirstFramesCap(100), 3, 40) == [3, 10]


def test_the_mean_caps_long_tracks() -> None:
    assert lengths_of(MeanFramesCap(), 2, 4, 8) == [2, 4, 5]


@pytest.mark.parametrize(
    ("cap", "message"),
    [
        (FaceCap, "clips.cap.max_faces must be at least 1, got 0"),
        (FirstFramesCap, "num_frames .* 0"),
    ],
)
def test_a_cap_of_nothing_is_refused(cap: type, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cap(0)


def test_clips_are_cut_from_what_the_cap_leaves(make_store) -> None:  # noqa: ANN001
    store = make_store(num_frames=5)
    layout = ClipLayout(num_frames=5, cap=FaceCap(2))
    clips = FaceClips(store, "train", layout=layout, image_size=32).clips
    assert set(clips["num_frames"]) == {2}
    assert all(path.endswith(("0_0.png", "0_1.png")) for p in clips["crop_paths"] for path in p)

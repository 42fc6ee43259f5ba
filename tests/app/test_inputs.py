"""Which upload is judged, and what a question may say."""

from pathlib import Path

import pytest

from unmask.app.inputs import pick_input
from unmask.app.session import settings_of
from unmask.core.errors import ConfigError, VideoError


@pytest.mark.parametrize(
    ("given", "chosen", "sentence"),
    [
        (("f.zip", "i.png", "v.mp4"), "f.zip",
         "A folder, an image and a video were given; the folder f.zip is judged."),
        (("f.zip", None, "v.mp4"), "f.zip",
         "A folder and a video were given; the folder f.zip is judged."),
        ((None, "i.png", "v.mp4"), "i.png",
         "An image and a video were given; the image i.png is judged."),
        ((None, None, "v.mp4"), "v.mp4", ""),
        ((None, "i.png", None), "i.png", ""),
    ],
)  # fmt: skip
def test_the_folder_comes_before_the_image_and_the_image_before_the_video(
    given: tuple[str | None, str | None, str | None], chosen: str, sentence: str
) -> None:
    assert pick_input(*given) == (Path(chosen), sentence)


def test_nothing_given_is_said() -> None:
    with pytest.raises(
        VideoError, match="upload a video, a zip of a folder of frames, or an image"
    ):
        pick_input(None, None, None)


def test_a_sentence_names_a_file_without_its_folder() -> None:
    assert "secret" not in pick_input("/secret/f.zip", "/secret/i.png", None)[1]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"models": []}, "Choose at least one model"),
        ({"models": ["a", "b", "a"]}, "The model 'a' is chosen twice; it votes once"),
        ({"voting": "loudest"}, "no voting rule 'loudest'; take hard, soft"),
        ({"num_frames": 101}, "between 1 and 100, or be 0 .* but it is 101"),
        ({"num_frames": 2.5}, "must be whole, got 2.5"),
        ({"num_frames": "many"}, "must be numbers, got 'many'"),
        ({"num_frames": "inf"}, "must be numbers, got 'inf'"),
        ({"min_face_prob": "nan"}, r"must lie in \[0, 1\], got nan"),
        ({"min_face_prob": 1.01}, r"must lie in \[0, 1\], got 1.01"),
        ({"min_face_prob": None}, "must be numbers, got .* 'None'"),
    ],
)
def test_a_setting_out_of_bounds_is_named(changes: dict[str, object], problem: str) -> None:
    good: dict[str, object] = {
        "models": ["a"], "voting": "soft", "num_frames": 10, "min_face_prob": 0.9,
        "heat_maps": False,
    }  # fmt: skip
    assert settings_of(**good).num_frames == 10
    with pytest.raises(ConfigError, match=problem):
        settings_of(**(good | changes))

"""Which upload is judged, and what a question may say."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from unmask.app.inputs import pick_input
from unmask.app.models import ModelPool, Question
from unmask.core.errors import ConfigError, VideoError
from unmask.verdict.models import LocalModel
from unmask.verdict.source import InputLimits

CONF = Path(__file__).parents[2] / "conf"


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
        ({"min_face_prob": "much"}, "must be numbers, got .* 'much'"),
    ],
)
def test_a_setting_out_of_bounds_is_named(changes: dict[str, object], problem: str) -> None:
    good: dict[str, object] = {
        "models": ["a"], "voting": "soft", "num_frames": 10, "min_face_prob": 0.9,
        "heat_maps": False,
    }  # fmt: skip
    assert Question.of(**good).num_frames == 10
    with pytest.raises(ConfigError, match=problem):
        Question.of(**(good | changes))


@pytest.mark.parametrize(("sent", "asked"), [(0, None), (None, None), (0.9, 0.9), ("0.01", 0.01)])
def test_nothing_or_0_asks_for_faces_as_in_training(
    sent: object, asked: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    class Asked:
        """Stands where the predictor does."""

        def __init__(self, *_: object, **__: object) -> None:
            pass

        def predict(self, _: Path, *, min_face_prob: object, **__: object) -> None:
            seen.append(min_face_prob)

    monkeypatch.setattr("unmask.app.models.Predictor", Asked)
    pool = ModelPool([LocalModel(tmp_path / "m.ckpt", None)], limits=InputLimits())
    pool.predict(tmp_path / "v.mp4", Question.of(["m"], "soft", 0, sent, False))
    assert seen == [asked]


def test_the_page_asks_at_first_what_predict_asks() -> None:
    for verb in ("app", "predict"):
        config = OmegaConf.load(CONF / f"{verb}.yaml")
        assert (config.num_frames, config.min_face_prob, config.voting) == (None, None, "soft")
    asked = Question(("m",))
    assert (asked.num_frames, asked.min_face_prob, asked.voting) == (0, 0, "soft")

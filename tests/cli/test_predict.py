"""A verdict on files, as a user asks for it."""

import json
import shutil
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml

from unmask import load_detector
from unmask.cli.main import main
from unmask.evaluation.aggregate import video_scores
from unmask.evaluation.predictions import read_predictions
from unmask.training.checkpoint import read_checkpoint
from unmask.training.release import card_hash
from unmask.verdict.page import render_html
from unmask.verdict.predictor import Predictor
from unmask.video.writer import write_video


@pytest.fixture(scope="session")
def test_videos(trained_run: Path) -> pd.DataFrame:
    """Return the run's test videos: path and the score that `evaluate` gave."""
    config = yaml.safe_load((trained_run / "config.yaml").read_text())
    predictions = read_predictions(trained_run / "predictions.parquet")
    videos = video_scores(predictions[predictions["split"] == "test"])
    card = json.loads((trained_run / "run.json").read_text())
    store = Path(card["stores"]["synthetic_ffpp"])
    table = pd.read_parquet(store / "videos.parquet").set_index("video_id")["path"]
    root = Path(config["data"]["root"])
    return videos.assign(path=[root / table[video_id] for video_id in videos["video_id"]])


@pytest.fixture
def ask(
    paths: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, Path]]:
    """Return a function that calls `unmask predict`: exit code, what it said, its folder."""

    def call(*words: str) -> tuple[int, str, Path]:
        capsys.readouterr()
        out, code = tmp_path / "out", 0
        try:
            main(["predict", *paths, f"out={out}", "device=cpu", *words])
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, " ".join((said.out + said.err).split()), out

    return call


def test_predict_equals_evaluate(trained_run: Path, test_videos: pd.DataFrame) -> None:
    predictor = Predictor([trained_run], device="cpu")
    said = [predictor.predict(path).video_score for path in test_videos["path"]]
    assert len(said) >= 10
    np.testing.assert_allclose(said, test_videos["score"], rtol=0, atol=1e-6)


def test_several_files_get_their_verdicts_and_pages(
    trained_run: Path, test_videos: pd.DataFrame, ask: Callable[..., tuple[int, str, Path]]
) -> None:
    files = [str(path) for path in test_videos["path"][:2]]
    code, said, out = ask(*files, "--html", f"checkpoint={trained_run}/model.ckpt")
    assert code == 0
    folders = sorted(path for path in out.iterdir() if (path / "evidence.json").is_file())
    assert len(folders) == 2
    for folder, score in zip(folders, test_videos["score"], strict=False):
        evidence = json.loads((folder / "evidence.json").read_text())
        assert evidence["video_score"] == pytest.approx(score, abs=1e-6)
        assert evidence["verdict"] in ("real", "fake", "uncertain")
        assert "synthetic_only" in {caution["code"] for caution in evidence["cautions"]}
        page = (folder / "verdict.html").read_text()
        assert "http" not in page.replace("http://www.w3.org/", "")
        assert str(trained_run.parent) not in page + json.dumps(evidence)
    assert "only ever seen synthetic people" in said


def test_the_newest_demo_model_answers_where_none_is_named(
    trained_run: Path, test_videos: pd.DataFrame, ask: Callable[..., tuple[int, str, Path]]
) -> None:
    code, said, out = ask(str(test_videos["path"][0]))
    assert code == 0
    assert "No checkpoint was named, so the demo model" in said
    assert json.loads((out / "evidence.json").read_text())["models"][0]["card"]["is_synthetic"]


def test_without_any_model_predict_says_how_to_get_one(
    ask: Callable[..., tuple[int, str, Path]], tmp_path: Path
) -> None:
    code, said, _ = ask("x.mp4", f"paths.outputs_dir={tmp_path}/none")
    assert code == 2
    assert "make demo" in said


def test_the_card_travels_inside_the_model(trained_run: Path, test_videos: pd.DataFrame) -> None:
    checkpoint = read_checkpoint(trained_run / "model.ckpt")
    card = checkpoint["unmask"]["card"]
    metrics = json.loads((trained_run / "metrics.json").read_text())
    [row] = [row for row in card["metrics"] if row["split"] == "test"]
    measured = metrics["datasets"]["synthetic_ffpp"]["test"]["video"]
    assert row["auc"] == measured["auc"]
    assert (row["num_real"], row["num_fake"]) == (measured["num_real"], measured["num_fake"])
    assert card["threshold"] == metrics["threshold"]["value"]
    assert card["is_synthetic"]
    assert set(checkpoint) == {"unmask", "state_dict", "epoch"}
    validation = read_predictions(trained_run / "predictions.parquet")
    validation = video_scores(validation[validation["split"] == "val"])
    assert [row[-1] for row in card["validation"]["rows"]] == validation["score"].tolist()
    # The run's own checkpoint finds the card that its release holds.
    best = load_detector(trained_run / "checkpoints/best.ckpt", device="cpu")
    evidence = best.predict(test_videos["path"][0])
    assert evidence.models[0].card_sha256 == card_hash(card)
    assert evidence.band.source == "synthetic_ffpp, val"


@pytest.mark.one_in(5)
@pytest.mark.parametrize(
    "voting",
    ["stacking", "soft", "hard", "auc", "grid"],
)
def test_an_ensemble_answers_as_its_combination_of_predictions(
    voting: str,
    trained_run: Path,
    other_run: Path,
    test_videos: pd.DataFrame,
    paths: list[str],
    tmp_path: Path,
) -> None:
    main([
        "ensemble", f"runs=[{trained_run},{other_run}]", f"rule={voting}", *paths,
        "eval.num_resamples=20", f"hydra.run.dir={tmp_path}/ensemble",
    ])  # fmt: skip
    expected = video_scores(read_predictions(tmp_path / "ensemble/predictions.parquet"))
    expected = expected[expected["split"] == "test"]["score"].tolist()
    predictor = Predictor([trained_run, other_run], voting=voting, device="cpu")
    said = [predictor.predict(path).video_score for path in test_videos["path"][:3]]
    np.testing.assert_allclose(said, expected[:3], rtol=0, atol=1e-5)


def test_an_ensemble_shows_every_vote(
    trained_run: Path,
    other_run: Path,
    test_videos: pd.DataFrame,
    ask: Callable[..., tuple[int, str, Path]],
) -> None:
    names = [trained_run.name, other_run.name]
    words = [f"checkpoint=[{trained_run},{other_run}]", "voting=soft"]
    code, _, out = ask(str(test_videos["path"][0]), *words)
    evidence = json.loads((out / "evidence.json").read_text())
    assert code == 0
    votes = evidence["tracks"][0]["votes"]
    assert [vote["model"] for vote in votes] == names
    assert evidence["score"] == pytest.approx(np.mean([vote["score"] for vote in votes]), abs=1e-9)
    assert "all models together" in evidence["band"]["source"]


def test_frames_zip_and_image_of_a_video_get_verdicts(
    trained_run: Path, test_videos: pd.DataFrame, tmp_path: Path
) -> None:
    predictor = Predictor([trained_run], device="cpu")
    video = cv2.VideoCapture(str(test_videos["path"][0]))
    folder = tmp_path / "frames"
    folder.mkdir()
    number = 0
    while (read := video.read())[0]:
        cv2.imwrite(str(folder / f"{number}.png"), read[1])
        number += 1
    with zipfile.ZipFile(tmp_path / "frames.bin", "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"clip/{file.name}")
    shutil.copy(folder / "0.png", tmp_path / "photo.mp4")
    of_folder = predictor.predict(folder)
    of_zip = predictor.predict(tmp_path / "frames.bin")
    of_image = predictor.predict(tmp_path / "photo.mp4")
    kinds = [one.input.kind for one in (of_folder, of_zip, of_image)]
    assert kinds == ["frames", "zip", "image"]
    assert of_folder.score == of_zip.score
    assert [frame.index for frame in of_image.frames] == [0]
    assert of_image.score is not None
    page = render_html(of_folder)
    assert page.count("<figure>") == len(of_folder.pictures)
    assert "<svg" in page


def test_one_bad_file_does_not_stop_the_others(
    trained_run: Path,
    test_videos: pd.DataFrame,
    tmp_path: Path,
    ask: Callable[..., tuple[int, str, Path]],
) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    content = test_videos["path"][0].read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    bad = [str(tmp_path / name) for name in ("text.mp4", "empty.mp4", "cut.mp4", "gone.mp4")]
    code, said, out = ask(*bad, str(test_videos["path"][0]), f"checkpoint={trained_run}")
    assert code == 2
    assert "text.mp4 is neither a video, nor an image, nor a zip of frames" in said
    assert "empty.mp4 is empty" in said
    assert "cut.mp4 is truncated" in said
    assert "no file gone.mp4" in said
    assert "4 of the inputs could not be used" in said
    assert len([*out.glob("*/evidence.json")]) == 1


def test_a_video_without_a_face_is_answered_so(
    trained_run: Path, tmp_path: Path, ask: Callable[..., tuple[int, str, Path]]
) -> None:
    grey = np.full((96, 128, 3), 127, np.uint8)
    write_video(tmp_path / "grey.mp4", [grey] * 6, fps=Fraction(5))
    code, said, out = ask(str(tmp_path / "grey.mp4"), f"checkpoint={trained_run}", "html=true")
    evidence = json.loads((out / "evidence.json").read_text())
    assert code == 0
    assert (evidence["verdict"], evidence["score"]) == ("no_face", None)
    assert "No face was found in" in said


def test_models_lists_what_runs_have_released(
    trained_run: Path, paths: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["models", *paths])
    said = capsys.readouterr().out
    assert f"{trained_run}/model.ckpt (" in said
    assert "plain_cnn_m" in said
    assert "say nothing about photographs" in said.replace("\n", " ")


def test_other_settings_than_the_training_look_elsewhere(
    trained_run: Path, test_videos: pd.DataFrame, ask: Callable[..., tuple[int, str, Path]]
) -> None:
    file = str(test_videos["path"][0])
    _, _, out = ask(file, f"checkpoint={trained_run}", "sampling=first", "num_frames=3")
    evidence = json.loads((out / "evidence.json").read_text())
    assert [frame["index"] for frame in evidence["frames"]] == [0, 1, 2]
    seen = [index for clip in evidence["tracks"][0]["clips"] for index in clip["frames"]]
    assert sorted(seen) == [0, 1, 2]


def test_names_of_files_are_no_markup(
    test_videos: pd.DataFrame, ask: Callable[..., tuple[int, str, Path]], tmp_path: Path
) -> None:
    file = tmp_path / "a [" / "b] of Interview [dQw4w9WgXcQ].mp4"
    file.parent.mkdir()
    shutil.copy(test_videos["path"][0], file)
    code, said, _ = ask(str(file))
    assert code == 0
    assert "a [/b] of Interview [dQw4w9WgXcQ].mp4" in said


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["device=gpu"], "device=gpu cannot be used here"),
        (["checkpoint=outputs/**.ckpt"], "checkpoint='outputs/**.ckpt' is not a pattern"),
        (["y" * 300], "File name too long"),
    ],
)
def test_words_that_cannot_be_used_are_a_sentence(
    words: list[str], problem: str, trained_run: Path, ask: Callable[..., tuple[int, str, Path]]
) -> None:
    code, said, _ = ask("x.mp4", *words)
    assert code == 2
    assert problem in said
    assert "Traceback" not in said

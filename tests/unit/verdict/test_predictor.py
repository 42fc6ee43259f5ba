"""Verdicts on files, by models that know nothing."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from unmask.core.errors import CheckpointError, ConfigError, VideoError
from unmask.evaluation.verdicts import Band
from unmask.faces.detect import MTCNNDetector
from unmask.verdict.page import render_html, timelines
from unmask.verdict.predictor import Predictor
from unmask.verdict.progress import CancelledError
from unmask.verdict.source import InputLimits
from unmask.video.reader import PyAVReader
from unmask.video.sampling import RateSampling, UniformSampling
from unmask.video.writer import write_video

SaveModel = Callable[..., Path]
MakeCard = Callable[..., dict[str, Any]]
CLIPS = {"_target_": "unmask.data.dataset.ClipLayout", "num_frames": 2, "num_clips": 2}


def predictor_of(*paths: Path, **options: Any) -> Predictor:
    return Predictor(list(paths), device="cpu", **options)


def codes(evidence: Any) -> set[str]:
    return {caution.code for caution in evidence.cautions}


def test_every_person_gets_a_verdict_and_the_most_suspicious_decides(
    card_of: MakeCard, save_model: SaveModel, two_people: Path
) -> None:
    predictor = predictor_of(save_model(card=card_of("toy")))
    evidence = predictor.predict(two_people)
    assert [track.track_id for track in evidence.tracks] == [0, 1]
    larger, smaller = evidence.tracks
    assert min(face.box[0] for face in larger.faces) > 160 > smaller.faces[0].box[0]
    suspicion = ["real", "uncertain", "fake"].index
    worst = max(evidence.tracks, key=lambda track: (suspicion(track.verdict), track.score))
    assert (evidence.verdict, evidence.score) == (worst.verdict, worst.score)
    # The layout of the training looks at the largest face alone, and so does `evaluate`.
    assert evidence.video_score == larger.score
    assert f"Person {worst.track_id + 1} of 2 decides" in evidence.reason
    for track in evidence.tracks:
        assert track.verdict == evidence.band.verdict(track.score)
        assert track.score == pytest.approx(np.mean([clip.score for clip in track.clips]))
        # A temperature of 2 halves the logit.
        odds = track.score / (1 - track.score)
        assert track.probability == pytest.approx(odds**0.5 / (1 + odds**0.5))


def test_a_person_who_is_seen_briefly_does_not_decide(
    card_of: MakeCard, save_model: SaveModel, draw_faces: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    alone = draw_faces([(120, 120)], width=480, size=120)
    both = draw_faces([(120, 120), (380, 120)], width=480, size=120)
    write_video(tmp_path / "a.mp4", [both if n == 3 else alone for n in range(8)], fps=4)
    # Thresholds below and above every score, so that everybody is called fake, or real.
    for ends, verdict in (((0.0, 0.0), "fake"), ((1.0, 1.0), "real")):
        band = Band(*ends, num_real=6, num_fake=6, source="toy, val").settings()
        path = save_model(verdict, card=card_of("toy", band=band))
        evidence = predictor_of(path).predict(tmp_path / "a.mp4", num_frames=8)
        assert [(track.decides, track.verdict) for track in evidence.tracks] == [
            (True, verdict), (False, verdict),
        ]  # fmt: skip
        assert ("brief_fake" in codes(evidence)) == (verdict == "fake")


def test_a_cap_on_the_people_of_stored_crops_holds_for_the_file(
    save_model: SaveModel, two_people: Path
) -> None:
    capped = {"_target_": "unmask.data.dataset.ClipLayout", "num_frames": 2, "num_clips": 2,
              "max_tracks": None}  # fmt: skip
    whole = predictor_of(save_model("all", clips=capped)).predict(two_people)
    path = save_model("one", clips=capped, max_tracks=1)
    evidence = predictor_of(path).predict(two_people)
    assert [track.score for track in evidence.tracks] == [track.score for track in whole.tracks]
    assert evidence.video_score == evidence.tracks[0].score != whole.video_score


def test_another_look_than_that_of_validation_is_said(
    save_model: SaveModel, one_person: Path, draw_faces: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    path, picture = save_model(), tmp_path / "face.png"
    cv2.imwrite(str(picture), draw_faces([(160, 120)])[:, :, ::-1])

    def said(file: Path, **options: Any) -> str:
        evidence = predictor_of(path).predict(file, **options)
        return " ".join(c.sentence for c in evidence.cautions if c.code == "other_look")

    assert said(one_person) == ""
    assert said(one_person, min_face_prob=0.9) == ""
    assert "(other frames)" in said(one_person, num_frames=7)
    assert "(another least probability of a face)" in said(one_person, min_face_prob=0.8)
    assert "one frame in the place of clips of 2" in said(picture)


def test_models_of_other_crops_share_one_look_and_say_what_each_says_alone(
    save_model: SaveModel, two_people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [
        save_model("a", seed=1),
        save_model("b", seed=2, cropper={"margin": 1.1, "crop_size": 96}),
        save_model("c", seed=3),
    ]
    alone = [predictor_of(path).predict(two_people) for path in paths]
    read, detect, calls = PyAVReader.read, MTCNNDetector.__call__, {"read": 0, "detect": 0}

    def counted_read(self: Any, *args: Any) -> Any:
        calls["read"] += 1
        return read(self, *args)

    def counted_detect(self: Any, frames: Any) -> Any:
        # The verifier looks for faces as well, but in crops.
        calls["detect"] += sum(frame.shape[:2] == (240, 400) for frame in frames)
        return detect(self, frames)

    monkeypatch.setattr(PyAVReader, "read", counted_read)
    monkeypatch.setattr(MTCNNDetector, "__call__", counted_detect)
    together = predictor_of(*paths).predict(two_people)
    assert calls == {"read": 1, "detect": 4}
    for place, track in enumerate(together.tracks):
        expected = [one.tracks[place].score for one in alone]
        assert [vote.score for vote in track.votes] == pytest.approx(expected, abs=1e-7)
        assert track.score == pytest.approx(np.mean(expected), abs=1e-7)


def test_models_that_look_in_other_ways_are_refused(save_model: SaveModel) -> None:
    plain = save_model("a")
    other = save_model("b", sampling={"num_frames": 8})
    with pytest.raises(ConfigError, match=r"another sampling.*num_frames=4 there, 8 here"):
        predictor_of(plain, other)
    predictor_of(plain, other, sampling=UniformSampling(5))
    picky = save_model("c", detector={"min_face_px": 90})
    with pytest.raises(ConfigError, match="another detector"):
        predictor_of(plain, picky)
    with pytest.raises(ConfigError, match=rf"checkpoint {plain.name} is named twice"):
        predictor_of(plain, plain)
    with pytest.raises(ConfigError, match="at least one checkpoint"):
        predictor_of()


def test_more_frames_than_the_training_had_are_all_scored(
    save_model: SaveModel, one_person: Path
) -> None:
    predictor = predictor_of(save_model(clips=CLIPS | {"num_frames": 4, "num_clips": 1}))
    [track] = predictor.predict(one_person, num_frames=10).tracks
    assert sorted(frame for clip in track.clips for frame in clip.frames) == sorted(
        face.frame for face in track.faces
    )
    assert len(track.clips) == 3
    rate = predictor_of(save_model(clips=CLIPS | {"num_frames": 4}), sampling=RateSampling(3))
    [track] = rate.predict(one_person).tracks
    frames = [frame for clip in track.clips for frame in clip.frames]
    assert frames == sorted(frames)
    assert [len(clip.frames) for clip in track.clips] == [4, 4, 4]


def test_progress_rises_to_the_end_and_a_stop_stops(
    save_model: SaveModel, one_person: Path
) -> None:
    predictor = predictor_of(save_model())
    told: list[tuple[str, float]] = []
    predictor.predict(one_person, on_stage=lambda stage, share: told.append((stage, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[-1] == ("done", 1.0)
    assert list(dict.fromkeys(stage for stage, _ in told)) == [
        "faces", "scores", "pictures", "done",
    ]  # fmt: skip
    for answers in ([True], [False, False, True]):
        waiting = iter(answers)
        with pytest.raises(CancelledError):
            predictor.predict(one_person, should_stop=lambda: next(waiting))  # noqa: B023


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (InputLimits(max_bytes=10), r"one\.mp4 has 0 MiB, more than"),
        (InputLimits(max_seconds=2), r"one\.mp4 is 4 s long, more than 2 s"),
        (InputLimits(max_pixels=1000), r"one\.mp4 has frames of 320x240 pixels, more than 1000"),
        (InputLimits(max_frames=3), r"takes 4 frames of one\.mp4, more than 3"),
    ],
)
def test_limits_are_said_with_the_name_alone(
    limits: InputLimits, sentence: str, save_model: SaveModel, one_person: Path
) -> None:
    with pytest.raises(VideoError, match=sentence) as refusal:
        predictor_of(save_model(), limits=limits).predict(one_person)
    assert str(one_person.parent) not in str(refusal.value)


@pytest.fixture
def counted(tmp_path: Path, write_bare_stream: Callable[..., Path]) -> Path:
    """Return two minutes without times, whose frames can only be counted."""
    return write_bare_stream(tmp_path / "still.h264", (3_000, 16))


@pytest.mark.parametrize(("max_seconds", "most_asked"), [(2, 600), (30, 4_000)])
def test_a_video_that_is_too_long_is_not_read_to_its_end(
    max_seconds: int, most_asked: int, save_model: SaveModel, counted: Path
) -> None:
    asked: list[None] = []
    limited = predictor_of(save_model(), limits=InputLimits(max_seconds=max_seconds))
    with pytest.raises(VideoError, match=rf"still\.h264 .*longer than {max_seconds} s") as refusal:
        limited.predict(counted, should_stop=lambda: bool(asked.append(None)))
    assert refusal.value.reason == "too_long"
    # Of 3,000 packets and as many frames.
    assert max_seconds * 25 < len(asked) < most_asked


def test_a_stop_does_not_wait_until_frames_are_counted(
    save_model: SaveModel, counted: Path
) -> None:
    asked: list[None] = []

    def is_enough() -> bool:
        asked.append(None)
        return len(asked) > 3_500

    with pytest.raises(CancelledError):
        predictor_of(save_model()).predict(counted, should_stop=is_enough)


def test_a_sentence_names_the_input_and_no_folder_of_the_machine(
    save_model: SaveModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = predictor_of(save_model())
    (tmp_path / "bad.mp4").write_text("words")
    (tmp_path / "none").mkdir()
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("0.png", b"words")
    monkeypatch.chdir(tmp_path / "none")
    for path in (tmp_path / "bad.mp4", tmp_path / "bad.zip", Path(), Path("../none")):
        with pytest.raises(VideoError) as refusal:
            predictor.predict(path)
        assert str(refusal.value).split()[0].partition("/")[0] in ("bad.mp4", "bad.zip", "none")
        assert "tmp" not in str(refusal.value)


def test_a_file_is_doubted_for_what_it_shows(
    save_model: SaveModel,
    one_person: Path,
    two_people: Path,
    draw_faces: Callable[..., np.ndarray],
    tmp_path: Path,
) -> None:
    predictor = predictor_of(save_model())
    sharp = predictor.predict(one_person)
    assert codes(sharp) == {"no_card", "thresholds"}
    face = draw_faces([(160, 120)], size=130)
    cv2.imwrite(str(tmp_path / "a.jpg"), face, [cv2.IMWRITE_JPEG_QUALITY, 20])
    assert "compression" in codes(predictor.predict(tmp_path / "a.jpg"))
    cv2.imwrite(str(tmp_path / "b.png"), cv2.GaussianBlur(face, (0, 0), 5))
    assert "blurred" in codes(predictor.predict(tmp_path / "b.png"))
    small = predictor.predict(two_people)
    assert max(face.box[2] - face.box[0] for face in small.tracks[1].faces) < 86
    assert "small_faces" in codes(small)
    write_video(tmp_path / "d.mp4", [face, *[np.full_like(face, 127)] * 7], fps=4)
    assert "few_faces" in codes(predictor.predict(tmp_path / "d.mp4", num_frames=8))


def test_evidence_is_json_and_its_page_shows_everything(
    card_of: MakeCard, save_model: SaveModel, two_people: Path
) -> None:
    card = card_of("toy", is_synthetic=True)
    evidence = predictor_of(save_model(card=card)).predict(two_people)
    content = json.loads(json.dumps(evidence.to_json(), allow_nan=False))
    assert content["format"] == 1
    assert content["input"]["seconds"] == pytest.approx(11 / 6)
    assert [len(track["faces"]) for track in content["tracks"]] == [4, 4]
    assert "validation" not in content["models"][0]["card"]
    assert str(two_people.parent) not in json.dumps(content)
    page = render_html(evidence)
    assert page.count("data:image/jpeg") == len(evidence.pictures) > 8
    assert page.count("<svg") == 2
    assert page.count("<circle") == 8
    assert "has only ever seen synthetic people" in page
    assert evidence._repr_html_() in page


def test_a_timeline_lies_inside_its_drawing(save_model: SaveModel, one_person: Path) -> None:
    [line] = timelines(predictor_of(save_model()).predict(one_person))
    assert all(34 <= x <= 712 and 8 <= y <= 128 for x, y, _ in line.dots)
    assert len(line.dots) == 4
    assert [x for x, _, _ in line.dots] == sorted(x for x, _, _ in line.dots)


def test_heat_maps_show_the_clip_that_decided(save_model: SaveModel, one_person: Path) -> None:
    checkpoint = save_model()
    plain = predictor_of(checkpoint).predict(one_person)
    evidence = predictor_of(checkpoint, heat_maps=True).predict(one_person)
    heat = [picture for picture in evidence.pictures if picture.kind == "heat"]
    clip = max(evidence.tracks[0].clips, key=lambda one: one.score)
    assert [picture.frame for picture in heat] == list(clip.frames)
    assert evidence.heat_maps is not None
    assert (evidence.heat_maps.method, evidence.heat_maps.model) == ("grad_cam", "plain")
    page = render_html(evidence)
    assert "Where it looks" in page
    assert evidence.heat_maps.words.split(",")[0] in page
    assert evidence.to_json()["heat_maps"]["track_id"] == evidence.tracks[0].track_id
    # To look does not change what is seen.
    assert (plain.score, plain.heat_maps) == (evidence.score, None)
    assert "Where it looks" not in render_html(plain)


def test_a_checkpoint_cannot_have_anything_else_built(save_model: SaveModel) -> None:
    foreign = save_model("a", reader={"_target_": "os.system", "command": "true"})
    with pytest.raises(CheckpointError, match=r"names 'os\.system'"):
        predictor_of(foreign)
    writer = save_model("b", reader={"_target_": "unmask.video.writer.write_video"})
    with pytest.raises(CheckpointError, match="write_video"):
        predictor_of(writer)


@pytest.mark.slow
def test_importing_unmask_is_light() -> None:
    code = "import sys, unmask; assert 'torch' not in sys.modules; unmask.load_detector; " \
           "assert 'torch' in sys.modules"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

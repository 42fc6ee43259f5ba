"""Bad input gets one clear sentence and exit code 2, without a traceback."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from unmask.cli.main import main
from unmask.models import weights
from unmask.video.writer import write_video

Train = Callable[..., Path]


def call_main(*arguments: str) -> None:
    main(list(arguments))


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs a command which must be refused, and returns what it said."""

    def run(*arguments: str, through: Callable[..., object] = call_main) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            through(*arguments)
        assert stop.value.code == 2
        said = capsys.readouterr().err
        assert said.startswith("unmask: ")
        assert "Traceback" not in said
        return " ".join(said.split())

    return run


def folder_of(root: Path, counts: dict[str, int]) -> Path:
    """Make a tree of small videos of noise, without faces, in folders such as `train/real`."""
    noise = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    for place, count in counts.items():
        for number in range(count):
            write_video(root / place / f"{number}.mp4", list(noise), fps=Fraction(5))
    root.mkdir(exist_ok=True)
    return root


def test_an_unknown_verb_gets_the_nearest(refusal: Callable[..., str]) -> None:
    assert "no verb 'trian'; did you mean 'train'?" in refusal("trian")


def test_an_unknown_model_gets_the_nearest(refusal: Callable[..., str]) -> None:
    assert "did you mean 'effb0_lstm'?" in refusal("train", "model=efb0_lstm")


def test_clips_too_long_for_a_thumbnail_are_refused_before_anything_is_made(
    refusal: Callable[..., str], paths: list[str], workplace: Path
) -> None:
    run_dir = workplace / "outputs/too-long"
    said = refusal(
        "train", "model=tall_swin", "model/backbone=plain_cnn", "data=synthetic_ffpp",
        "clips.num_frames=10", *paths, f"paths.data_dir={workplace}/none-yet",
        f"hydra.run.dir={run_dir}",
    )  # fmt: skip
    assert "10 frames does not fit a thumbnail of 2 x 2 tiles. Set clips.num_frames=4" in said
    assert not (workplace / "none-yet").exists()


def test_several_mistakes_are_answered_together(refusal: Callable[..., str]) -> None:
    said = refusal("train", "model=efb0_lstm", "sed=1", "loader.batch_size=0")
    assert "3 problems" in said


@pytest.mark.one_in(3)
@pytest.mark.parametrize("verb", ["index", "prepare", "train"])
def test_a_root_that_does_not_exist_is_named(
    refusal: Callable[..., str], verb: str, tmp_path: Path, paths: list[str]
) -> None:
    model = ["model=plain_cnn_mean"] if verb == "train" else []
    said = refusal(verb, "data=ffpp", f"data.root={tmp_path}/absent", *model, *paths)
    assert f"{tmp_path}/absent" in said


@pytest.mark.one_in(3)
@pytest.mark.parametrize("data", ["ffpp", "celebdf_v2", "folder"])
def test_an_empty_root_is_named(
    refusal: Callable[..., str], data: str, tmp_path: Path, paths: list[str]
) -> None:
    assert str(tmp_path) in refusal("index", f"data={data}", f"data.root={tmp_path}", *paths)


def test_missing_weights_are_said_before_any_crop_is_made(
    refusal: Callable[..., str], paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(weights, "_is_cached", lambda _: False)
    said = refusal("train", "model=effb0_lstm", "data=ffpp", f"data.root={tmp_path}", *paths)
    assert "model.backbone.pretrained=false" in said


def test_a_run_that_is_none_is_named(
    refusal: Callable[..., str], paths: list[str], tmp_path: Path
) -> None:
    assert "no run at" in refusal("evaluate", f"run={tmp_path}/absent", *paths)
    assert "run.json" in refusal("evaluate", f"run={tmp_path}", *paths)
    assert "No finished training run" in refusal("report", f"runs={tmp_path}/*", *paths)


@pytest.mark.slow
def test_an_unreadable_crop_is_named(
    refusal: Callable[..., str],
    trained_run: Path,
    train_tiny_in_one_process: Train,
    workplace: Path,
) -> None:
    [crop] = sorted(workplace.glob("data/faces/synthetic_ffpp-*/crops/**/*.jpg"))[:1]
    content = crop.read_bytes()
    crop.write_bytes(b"damaged")
    try:
        said = refusal(through=train_tiny_in_one_process)
    finally:
        crop.write_bytes(content)
    assert crop.name in said


def test_a_checkpoint_of_another_model_is_not_resumed(
    refusal: Callable[..., str], trained_run: Path, train_tiny_in_one_process: Train
) -> None:
    said = refusal(
        f"resume={trained_run}/checkpoints/last.ckpt",
        "model.backbone.filters=[4,4]",
        through=train_tiny_in_one_process,
    )
    assert "cannot be continued, because it was trained with another model" in said


def test_a_checkpoint_that_is_none_is_named(
    refusal: Callable[..., str], trained_run: Path, paths: list[str], tmp_path: Path
) -> None:
    (tmp_path / "x.ckpt").write_text("no checkpoint")
    said = refusal("evaluate", f"run={trained_run}", f"checkpoint={tmp_path}/x.ckpt", *paths)
    assert "x.ckpt is not a readable checkpoint" in said


def test_a_checkpoint_of_other_training_data_is_not_scored_under_a_runs_name(
    refusal: Callable[..., str], trained_run: Path, paths: list[str], tmp_path: Path
) -> None:
    before = (trained_run / "run.json").read_bytes()
    content = torch.load(trained_run / "checkpoints/best.ckpt", weights_only=True)
    content["unmask"] |= {"dataset": "synthetic_celebdf", "manifest_hash": "c0ffee"}
    torch.save(content, tmp_path / "other.ckpt")
    said = refusal("evaluate", f"run={trained_run}", f"checkpoint={tmp_path}/other.ckpt", *paths)
    assert f"other.ckpt is not of the run {trained_run}" in said
    assert "another dataset (synthetic_celebdf there, synthetic_ffpp here)" in said
    assert (trained_run / "run.json").read_bytes() == before


def test_a_test_set_of_the_training_sets_name_is_refused_and_not_left_out(
    refusal: Callable[..., str], tmp_path: Path, paths: list[str]
) -> None:
    words = ["train", "model=plain_cnn_mean", "data=folder", f"data.root={tmp_path}/a", *paths]
    said = refusal(
        *words, "+data@eval.datasets.site=folder", f"eval.datasets.site.root={tmp_path}/b"
    )
    assert "`data` and `eval.datasets.site` are different data sets of one name, 'folder'" in said
    assert "eval.datasets.site.name=folder_2" in said


def test_two_test_sets_of_one_name_are_refused_and_not_pooled(
    refusal: Callable[..., str], trained_run: Path, tmp_path: Path, paths: list[str]
) -> None:
    sites = [
        word for site in ("siteA", "siteB") for word in (
            f"+data@eval.datasets.{site}=folder", f"eval.datasets.{site}.root={tmp_path}/{site}",
        )
    ]  # fmt: skip
    said = refusal("evaluate", f"run={trained_run}", *sites, *paths)
    assert "`eval.datasets.siteA` and `eval.datasets.siteB` are different data sets" in said
    assert "eval.datasets.siteB.name=folder_2" in said
    # The words that it names are enough: now it is the first folder that is not there.
    named = ["eval.datasets.siteB.name=folder_2", "eval.datasets.siteB.source.name=folder_2"]
    said = refusal("evaluate", f"run={trained_run}", *sites, *named, *paths)
    assert f"{tmp_path}/siteA" in said


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"train/real": 1, "train/fake": 1, "test/real": 1, "test/fake": 1}, "'val'"),
        ({"train/real": 2, "val/real": 2, "test/real": 1}, "fake"),
    ],
    ids=["no validation split", "one class only"],
)
def test_data_that_cannot_be_trained_on_is_refused(
    refusal: Callable[..., str],
    tmp_path: Path,
    paths: list[str],
    counts: dict[str, int],
    expected: str,
) -> None:
    root = folder_of(tmp_path / "root", counts)
    said = refusal(
        "train", "model=plain_cnn_mean", "data=folder", f"data.root={root}",
        "data/split=official", *paths,
    )  # fmt: skip
    assert expected in said


def test_videos_without_a_face_are_said_and_not_trained_on(
    refusal: Callable[..., str], tmp_path: Path, paths: list[str]
) -> None:
    root = folder_of(tmp_path / "root", {"real": 6, "fake": 6})
    said = refusal(
        "train", "model=plain_cnn_mean", "data=folder", f"data.root={root}", "data.split.train=0.4",
        "data.split.val=0.3", "data.split.test=0.3", *paths,
    )  # fmt: skip
    assert "no usable face" in said
    assert "failures.parquet" in said


@pytest.mark.slow
def test_a_shell_sees_exit_code_2_and_no_traceback() -> None:
    command = [sys.executable, "-m", "unmask.cli.main", "train", "model=efb0_lstm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("unmask: ")
    assert "Traceback" not in done.stderr

"""What was scored once is not scored again, and whatever decides a score makes it anew."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
import numpy as np
import pandas as pd
import pytest
import torch

from unmask.core.errors import DataError
from unmask.data.dataset import ClipLayout, FaceClips
from unmask.data.store import FaceStore
from unmask.evaluation.embeddings import read_embeddings
from unmask.evaluation.predictions import read_predictions
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import ClipDetector, Detector
from unmask.models.heads.pooling import MeanHead
from unmask.models.plain_cnn import PlainCNN
from unmask.models.tall import TallDetector
from unmask.runs.card import RunCard
from unmask.runs.run import Run
from unmask.training import score as module
from unmask.training.callbacks.speed import ChannelsLast
from unmask.training.score import Evaluation, ScoredSplit, evaluate

TABLES = ("predictions.parquet", "unscored.parquet", "embeddings.parquet")
SIDE = 32
Score = Callable[..., Evaluation]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the splits that the network has scored, in order."""
    scored: list[str] = []
    real = module.score_clips

    def count(task: Any, clips: FaceClips, **settings: Any) -> Any:
        scored.append(f"{clips.clips['dataset'].iloc[0]}/{clips.clips['split'].iloc[0]}")
        return real(task, clips, **settings)

    monkeypatch.setattr(module, "score_clips", count)
    return scored


@pytest.fixture
def detector() -> Detector:
    torch.manual_seed(0)
    return Detector(PlainCNN((4, 8), image_size=SIDE), MeanHead).eval()


@pytest.fixture
def score(detector: Detector, tmp_path: Path) -> Score:
    """Return a function that evaluates splits given as (store, split)."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    card_of(run_dir)

    def run(
        *splits: tuple[FaceStore, str], network: ClipDetector = detector, **changes: Any
    ) -> Any:
        settings: dict[str, Any] = {
            "layout": ClipLayout(num_frames=2, num_clips=2), "batch_size": 4, "num_workers": 0,
            "run_dir": run_dir, "checkpoint_hash": "ab",
            "trainer": trainer_of(tmp_path),
        }  # fmt: skip
        return evaluate(network, [ScoredSplit(*one) for one in splits], **settings | changes)

    return run


def trainer_of(folder: Path, **settings: Any) -> Any:
    usual: dict[str, Any] = {"callbacks": [], "precision": "32-true"}
    return L.Trainer(
        default_root_dir=folder, logger=False, accelerator="cpu", enable_progress_bar=False,
        **usual | settings,
    )  # fmt: skip


def card_of(run_dir: Path, **facts: Any) -> None:
    card = RunCard(
        name="run", model="m", data="d", source_dataset="toy", seed=0, num_parameters=1,
        num_trainable=1, best_checkpoint="checkpoints/best.ckpt", best_epoch=0, val_video_auc=0.5,
    )  # fmt: skip
    card.model_copy(update=facts).save(run_dir)


def bytes_of(run_dir: Path) -> list[bytes]:
    return [(run_dir / name).read_bytes() for name in TABLES]


def test_a_second_evaluation_scores_nothing_and_writes_the_same_bytes(
    make_store: Any, score: Score, calls: list[str], tmp_path: Path
) -> None:
    store = make_store()
    first = score((store, "val"), (store, "test"))
    before = bytes_of(tmp_path / "run")
    second = score((store, "val"), (store, "test"))
    assert calls == ["toy/val", "toy/test"]
    assert bytes_of(tmp_path / "run") == before
    assert [outcome.seconds is None for outcome in first.outcomes] == [False, False]
    assert [str(outcome) for outcome in second.outcomes] == [
        "toy, val: 16 clips, already scored",
        "toy, test: 16 clips, already scored",
    ]
    assert first.scoring["num_clips"] == 32
    assert first.scoring["clips_per_second"] > 0
    assert "CPU" in first.scoring["device"]
    assert second.scoring == {}


def test_a_test_set_that_is_added_is_scored_alone_and_equals_one_scored_from_the_start(
    make_store: Any, score: Score, calls: list[str], tmp_path: Path
) -> None:
    own, other = make_store(), make_store(name="other", videos_per_class={"test": 3})
    score((own, "val"), (own, "test"))
    score((own, "val"), (own, "test"), (other, "test"))
    assert calls == ["toy/val", "toy/test", "other/test"]
    grown = bytes_of(tmp_path / "run")
    card_of(tmp_path / "whole")
    score((own, "val"), (own, "test"), (other, "test"), run_dir=tmp_path / "whole")
    assert bytes_of(tmp_path / "whole") == grown


def test_a_split_that_is_not_asked_for_stays(make_store: Any, score: Score, tmp_path: Path) -> None:
    own, other = make_store(), make_store(name="other", videos_per_class={"test": 3})
    score((own, "val"), (own, "test"))
    score((other, "test"))
    for name in ("predictions.parquet", "embeddings.parquet"):
        table = pd.read_parquet(tmp_path / "run" / name)
        assert set(zip(table["dataset"], table["split"], strict=True)) == {
            ("toy", "val"), ("toy", "test"), ("other", "test"),
        }  # fmt: skip


def test_other_weights_replace_everything_and_the_first_are_remembered(
    make_store: Any, score: Score, calls: list[str], tmp_path: Path
) -> None:
    store = make_store()
    score((store, "val"), (store, "test"))
    before = bytes_of(tmp_path / "run")
    torch.manual_seed(1)
    network = Detector(PlainCNN((4, 8), image_size=SIDE), MeanHead).eval()
    changed = score((store, "test"), network=network, checkpoint_hash="cd")
    assert changed.outcomes[0].changed == ("checkpoint",)
    assert set(read_predictions(tmp_path / "run/predictions.parquet")["split"]) == {"test"}
    assert RunCard.read(tmp_path / "run").scored_checkpoint == "cd"
    score((store, "val"), (store, "test"))
    assert calls == ["toy/val", "toy/test", "toy/test"]
    assert bytes_of(tmp_path / "run") == before


def another_picture(store: FaceStore) -> FaceStore:
    path = store.folder / store.faces.loc[
        store.faces["video_id"].str.contains("/test"), "crop_path"
    ].iloc[0]  # fmt: skip
    path.write_bytes((store.folder / store.faces["crop_path"].iloc[-1]).read_bytes())
    return store


def another_time(store: FaceStore) -> FaceStore:
    """Stand for a picture of as many bytes."""
    for name in store.faces["crop_path"]:
        os.utime(store.folder / name, (1, 1))
    return store


def another_label(store: FaceStore) -> FaceStore:
    chosen = store.videos["video_id"] == "toy/swap/test0"
    videos = store.videos.assign(label=store.videos["label"].mask(chosen, 0))
    return replace(store, videos=videos)


def fewer_crops(store: FaceStore) -> FaceStore:
    return replace(store, faces=store.faces[store.faces["frame_index"] > 0])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (another_picture, "crops"),
        (another_time, "crops"),
        (another_label, "clips"),
        (fewer_crops, "clips"),
    ],
)
def test_other_crops_are_scored_again(
    make_store: Any, score: Score, calls: list[str], change: Any, named: str
) -> None:
    store = make_store()
    score((store, "test"))
    [outcome] = score((change(store), "test")).outcomes
    assert calls == ["toy/test", "toy/test"]
    assert named in outcome.changed
    assert f"because of other {', '.join(outcome.changed)}" in str(outcome)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"layout": ClipLayout(num_frames=1)}, "clips"),
        ({"precision": "bf16-mixed"}, "precision"),
        ({"callbacks": [ChannelsLast()]}, "speed"),
    ],
)
def test_another_layout_or_precision_is_scored_again(
    make_store: Any,
    score: Score,
    calls: list[str],
    settings: dict[str, Any],
    named: str,
    tmp_path: Path,
) -> None:
    store = make_store()
    score((store, "test"))
    if "layout" not in settings:
        settings = {"trainer": trainer_of(tmp_path, **settings)}
    [outcome] = score((store, "test"), **settings).outcomes
    assert len(calls) == 2
    # A shorter clip leaves crops out, too.
    assert set(outcome.changed) - {"crops"} == {named}


def test_another_batch_size_is_not(make_store: Any, score: Score, calls: list[str]) -> None:
    store = make_store()
    score((store, "test"))
    score((store, "test"), batch_size=3)
    assert calls == ["toy/test"]


def test_a_change_of_another_split_is_not(make_store: Any, score: Score, calls: list[str]) -> None:
    store = make_store()
    score((store, "test"))
    chosen = store.videos["split"] == "val"
    score((replace(store, videos=store.videos[~chosen]), "test"))
    assert calls == ["toy/test"]


def test_a_damaged_file_of_scores_is_made_anew(
    make_store: Any, score: Score, calls: list[str], tmp_path: Path
) -> None:
    store = make_store()
    score((store, "test"))
    before = bytes_of(tmp_path / "run")
    files = sorted((tmp_path / "run/scores").iterdir())
    assert len(files) == 2
    for path in files:
        path.write_bytes(path.read_bytes()[:-20])
    score((store, "test"))
    assert len(calls) == 2
    assert bytes_of(tmp_path / "run") == before


def test_predictions_that_somebody_changed_are_put_right_without_the_network(
    make_store: Any, score: Score, calls: list[str], tmp_path: Path
) -> None:
    store = make_store()
    score((store, "test"))
    before = bytes_of(tmp_path / "run")
    path = tmp_path / "run/predictions.parquet"
    pd.read_parquet(path).assign(score=0.5).to_parquet(path)
    score((store, "test"))
    assert (len(calls), bytes_of(tmp_path / "run")) == (1, before)


def test_a_failure_keeps_the_finished_splits_and_the_old_tables(
    make_store: Any, score: Score, calls: list[str], tmp_path: Path
) -> None:
    store, other = make_store(), make_store(name="other", videos_per_class={"test": 3})
    score((store, "test"))
    before = bytes_of(tmp_path / "run")
    crop = other.folder / other.faces["crop_path"].iloc[0]
    whole = crop.read_bytes()
    crop.unlink()
    with pytest.raises(DataError, match="is missing"):
        score((store, "val"), (other, "test"))
    assert bytes_of(tmp_path / "run") == before
    crop.write_bytes(whole)
    score((store, "val"), (other, "test"))
    assert calls == ["toy/test", "toy/val", "other/test", "other/test"]


def test_a_call_killed_between_the_tables_leaves_none_that_are_kept(
    make_store: Any, score: Score, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store, run_dir = make_store(), tmp_path / "run"
    score((store, "val"), (store, "test"))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_predictions", die)
        with pytest.raises(KeyboardInterrupt):
            score((store, "test"), checkpoint_hash="cd")
    # What the file holds is still of "ab", and is taken for nobody's.
    assert RunCard.read(run_dir).scored_checkpoint is None
    score((store, "test"), checkpoint_hash="cd")
    assert set(read_predictions(run_dir / "predictions.parquet")["split"]) == {"test"}


def test_tables_of_two_calls_at_once_are_joined(
    make_store: Any, score: Score, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = make_store()
    score((store, "val"))
    real = module.score_clips

    def score_meanwhile(*args: Any, **settings: Any) -> Any:
        monkeypatch.setattr(module, "score_clips", real)
        score((make_store(name="other", videos_per_class={"test": 2}), "test"))
        return real(*args, **settings)

    monkeypatch.setattr(module, "score_clips", score_meanwhile)
    score((store, "test"))
    table = read_predictions(tmp_path / "run/predictions.parquet")
    assert set(zip(table["dataset"], table["split"], strict=True)) == {
        ("toy", "val"), ("toy", "test"), ("other", "test"),
    }  # fmt: skip


def test_tables_of_a_run_from_before_the_cache_are_kept(
    make_store: Any, score: Score, tmp_path: Path
) -> None:
    store, run_dir = make_store(), tmp_path / "run"
    score((store, "val"), (store, "test"), embeddings=False)
    assert not (run_dir / "embeddings.parquet").exists()
    for path in (run_dir / "scores").iterdir():
        path.unlink()
    score((store, "test"))
    assert set(read_predictions(run_dir / "predictions.parquet")["split"]) == {"val", "test"}
    with Run(run_dir).edit() as write:
        write(scored_checkpoint=None)
    score((store, "test"))
    assert set(read_predictions(run_dir / "predictions.parquet")["split"]) == {"test"}


def direct_means(detector: Detector, clips: FaceClips) -> dict[str, np.ndarray]:
    """Encode frame by frame and average over all frames of a video."""
    found: dict[str, list[np.ndarray]] = {}
    with torch.inference_mode():
        for row, video_id in enumerate(clips.clips["video_id"]):
            for frame in clips[row].frames:
                one = detector.encode(frame[None, None], torch.ones(1, 1, dtype=torch.bool))
                found.setdefault(video_id, []).append(one[0, 0].numpy())
    return {video_id: np.mean(vectors, axis=0) for video_id, vectors in found.items()}


def test_embeddings_are_the_means_over_all_frames(
    make_store: Any, score: Score, detector: Detector, tmp_path: Path
) -> None:
    store = make_store()
    # Three frames in clips of two and one: a mean of clips' means would be another.
    layout = ClipLayout(num_frames=2, num_clips=2)
    score((store, "test"), layout=layout, batch_size=3)
    table = read_embeddings(tmp_path / "run/embeddings.parquet")
    expected = direct_means(
        detector, FaceClips(store, "test", layout=layout, image_size=detector.image_size)
    )
    assert table["video_id"].tolist() == sorted(expected)
    assert table["split"].unique().tolist() == ["test"]
    for video_id, vector in zip(table["video_id"], table["vector"], strict=True):
        assert vector.dtype == np.float16
        np.testing.assert_allclose(vector, expected[video_id], rtol=1e-3, atol=1e-4)


def test_scores_are_the_same_with_and_without_embeddings(
    make_store: Any, score: Score, calls: list[str], tmp_path: Path
) -> None:
    store = make_store()
    score((store, "test"), embeddings=False)
    before = (tmp_path / "run/predictions.parquet").read_bytes()
    assert not (tmp_path / "run/embeddings.parquet").exists()
    [outcome] = score((store, "test")).outcomes
    assert (len(calls), outcome.changed) == (2, ("embeddings",))
    assert (tmp_path / "run/predictions.parquet").read_bytes() == before
    assert (tmp_path / "run/embeddings.parquet").is_file()


def test_a_network_that_reads_all_frames_at_once_has_no_embeddings(
    make_store: Any, score: Score, calls: list[str], tmp_path: Path
) -> None:
    store = make_store()
    make = partial(TimmBackbone, "mobilenetv3_small_050", pretrained=False)
    network = TallDetector(make(image_size=2 * SIDE)).eval()
    for _ in range(2):
        score((store, "test"), network=network)
    assert calls == ["toy/test"]
    assert not (tmp_path / "run/embeddings.parquet").exists()

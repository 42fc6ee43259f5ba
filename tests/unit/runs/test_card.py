"""The run card, also of earlier versions."""

import json
from pathlib import Path
from typing import Any

import pytest

from unmask.core.errors import DataError
from unmask.core.files import write_json
from unmask.core.reproducibility import package_versions
from unmask.runs.card import RunCard, headline_metrics, source_state
from unmask.runs.run import Run

OLDEST: dict[str, Any] = {
    "name": "run", "model": "m", "data": "d", "source_dataset": "d", "seed": 3,
    "num_parameters": 5, "num_trainable": 5, "best_checkpoint": "checkpoints/best.ckpt",
    "best_epoch": 1, "val_video_auc": 0.75,
}  # fmt: skip
# As version 0.1.0 wrote them before there was one card for both.
TRAINING_OF_OCTOBER = """{
  "best_checkpoint": "checkpoints/best.ckpt", "best_checkpoint_hash": "ab12", "best_epoch": 4,
  "config_hash": "cd34", "data": "synthetic_ffpp", "flops_per_clip": 20971520,
  "frames_per_clip": 8, "git": {"commit": "8c215b6", "dirty": false}, "leak_allowed": false,
  "leaks": {}, "manifest_hashes": {"toy": "ef56"}, "metrics": {}, "model": "plain_cnn_mean",
  "name": "2026-10-01_12-00-00_plain_cnn_mean_synthetic_ffpp_s0", "num_parameters": 24002,
  "num_trainable": 24002, "scored_checkpoint": "ab12",
  "scoring": {"clips_per_second": 210.5, "device": "x86_64 CPU, 2 threads", "num_clips": 40},
  "seed": 0, "source_dataset": "toy", "source_datasets": ["toy"],
  "split_hashes": {"toy": {"test": "0a", "train": "0b", "val": "0c"}},
  "stores": {"toy": "/data/faces/toy-12345678"}, "val_video_auc": 0.8125,
  "versions": {"python": "3.11.9", "torch": "2.8.0"}
}"""
ENSEMBLE_OF_OCTOBER = """{
  "data": "toy", "git": {"commit": "8c215b6", "dirty": false}, "intercept": 0.0,
  "kind": "ensemble", "leak_allowed": true, "leaks": {"video": 2},
  "manifest_hashes": {"toy": "ef56"},
  "members": {
    "one": {"model": "m", "predictions": "aa", "run": "/runs/one", "seed": 0, "weight": 0.5},
    "two": {"model": "m", "predictions": "bb", "run": "/runs/two", "seed": 1, "weight": 0.5}
  },
  "members_not_chosen": [], "members_not_confirmed": [], "model": "ensemble_soft",
  "name": "2026-10-01_13-00-00_soft", "num_parameters": 48004, "rule": "soft",
  "source_dataset": "toy", "source_datasets": ["toy"],
  "stores": {"toy": "/data/faces/toy-12345678"}, "ties": "", "val_video_auc": 0.84375,
  "versions": {"python": "3.11.9"}, "video_score": "mean"
}"""


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


METRICS = {
    "protocol": {"how": "mean", "seed": 7},
    "threshold": {"value": 0.4, "reason": ""},
    "datasets": {
        "d": {
            "test": {
                "clip": {"auc": estimate(0.1)},
                "video": {
                    "count": 9,
                    "auc": estimate(0.8),
                    "at_half": {"accuracy": estimate(0.7), "confusion": [[1, 2], [3, 4]]},
                    "at_threshold": None,
                    "expected_calibration_error": 0.2,
                },
            }
        }
    },
}
HEADLINES = {
    "protocol": {"how": "mean", "seed": 7},
    "threshold": 0.4,
    "datasets": {
        "d": {"test": {"count": 9, "auc": estimate(0.8), "at_half/accuracy": estimate(0.7)}}
    },
}


def test_a_card_survives_write_and_read(tmp_path: Path) -> None:
    card = RunCard(**OLDEST, split_hashes={"d": {"test": "ab"}}, flops_per_clip=10**12)
    card.save(tmp_path)
    assert RunCard.read(tmp_path) == card


def test_an_old_card_is_read_without_making_facts_up(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", OLDEST)
    card = RunCard.read(tmp_path)
    assert card.seed == 3
    # Not the versions and the commit of today.
    assert (card.versions, card.threads, card.git) == ({}, {}, {})
    assert (card.split_hashes, card.config_hash) == ({}, None)
    assert card.facts() == OLDEST


def test_a_card_of_now_says_what_it_was_made_with() -> None:
    card = RunCard.of_now(**OLDEST)
    assert card.versions == package_versions()
    assert card.git == source_state()
    assert {"versions", "threads", "git"} < card.facts().keys()


@pytest.mark.parametrize("text", [TRAINING_OF_OCTOBER, ENSEMBLE_OF_OCTOBER])
def test_what_earlier_versions_wrote_is_read_and_kept(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    run = Run.open(tmp_path)
    assert run.card.facts() == json.loads(text)
    with run.edit() as write:
        write(metrics=HEADLINES)
    found = json.loads((tmp_path / "run.json").read_text())
    assert found == json.loads(text) | {"metrics": HEADLINES}


def test_an_old_training_and_an_old_ensemble_are_told_apart(tmp_path: Path) -> None:
    for name, text in (("t", TRAINING_OF_OCTOBER), ("e", ENSEMBLE_OF_OCTOBER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    training, ensemble = Run.open(tmp_path / "t"), Run.open(tmp_path / "e")
    assert (training.is_ensemble, ensemble.is_ensemble) == (False, True)
    assert training.best == tmp_path / "t/checkpoints/best.ckpt"
    assert (training.source_datasets, ensemble.source_datasets) == (["toy"], ["toy"])
    assert list(ensemble.card.members) == ["one", "two"]
    assert (training.leaks, ensemble.leaks) == (None, {"video": 2})


def test_what_a_newer_version_wrote_is_kept(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", OLDEST | {"mood": "good"})
    with Run(tmp_path).edit() as write:
        write(scored_checkpoint="ab")
    content = json.loads((tmp_path / "run.json").read_text())
    assert (content["mood"], content["scored_checkpoint"]) == ("good", "ab")


def test_a_damaged_card_is_refused_by_what_is_wrong(tmp_path: Path) -> None:
    for text, message in (
        ('{"name": "run"}', r"run\.json cannot be read: it lacks \['source_dataset'\]"),
        ('{"name": "run", "source_dataset": "d", "leaks": 3}', "leaks: Input should be"),
        ("[1]", "holds no object"),
    ):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(DataError, match=message):
            RunCard.read(tmp_path)


def test_headlines_are_estimates_over_videos() -> None:
    assert headline_metrics(METRICS) == HEADLINES


def test_one_call_at_a_time_writes_a_run(tmp_path: Path) -> None:
    import threading

    order: list[str] = []

    def write() -> None:
        with Run(tmp_path).edit():
            order.append("second")

    with Run(tmp_path).edit():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(timeout=0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]

"""The run card, also of earlier versions."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unmask.core.errors import DataError
from unmask.core.files import write_json
from unmask.runs.card import (
    RunCard,
    add_metrics,
    change_card,
    headline_metrics,
    read_run_card,
    writing,
)

OLDEST: dict[str, Any] = {
    "name": "run", "model": "m", "data": "d", "source_dataset": "d", "seed": 3,
    "num_parameters": 5, "num_trainable": 5, "best_checkpoint": "checkpoints/best.ckpt",
    "best_epoch": 1, "val_video_auc": 0.75,
}  # fmt: skip


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
    assert read_run_card(tmp_path) == card


def test_an_old_card_is_read_without_making_facts_up(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", OLDEST)
    card = read_run_card(tmp_path)
    assert card.seed == 3
    # Not the versions and the commit of today.
    assert (card.versions, card.threads, card.git) == ({}, {}, {})
    assert (card.split_hashes, card.config_hash) == ({}, None)


def test_what_a_newer_version_wrote_is_kept(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", OLDEST | {"mood": "good"})
    change_card(tmp_path, lambda card: replace(card, scored_checkpoint="ab"))
    content = json.loads((tmp_path / "run.json").read_text())
    assert (content["mood"], content["scored_checkpoint"]) == ("good", "ab")
    assert "others" not in content


def test_a_card_without_what_a_run_needs_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"name": "run"})
    with pytest.raises(DataError, match=r"run\.json cannot be read: .*'model'"):
        read_run_card(tmp_path)
    (tmp_path / "run.json").write_text("[1]")
    with pytest.raises(DataError, match="holds no object"):
        read_run_card(tmp_path)


def test_headlines_are_estimates_over_videos() -> None:
    assert headline_metrics(METRICS) == HEADLINES


@pytest.mark.parametrize("facts", [OLDEST, {"kind": "ensemble", "name": "e", "rule": "soft"}])
def test_metrics_are_added_to_a_card_and_change_nothing_else(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    write_json(tmp_path / "run.json", facts)
    add_metrics(tmp_path, METRICS)
    assert json.loads((tmp_path / "run.json").read_text()) == facts | {"metrics": HEADLINES}


def test_one_call_at_a_time_writes_a_run(tmp_path: Path) -> None:
    import threading

    order: list[str] = []

    def write() -> None:
        with writing(tmp_path):
            order.append("second")

    with writing(tmp_path):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(timeout=0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]

"""A run is confirmed as it was left, and whatever is tampered with is found."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
import pytest
import torch

from unmask.config.build import build_untrained
from unmask.core.errors import DataError
from unmask.core.files import sha256_of_file, write_json
from unmask.data.dataset import ClipLayout
from unmask.data.manifest import write_table
from unmask.data.splits import split_hashes
from unmask.data.store import FaceStore
from unmask.evaluation.predictions import read_predictions, write_predictions
from unmask.report.protocol import Protocol
from unmask.report.write import report
from unmask.runs.card import RunCard
from unmask.runs.content import content_of, write_content
from unmask.training.checkpoint import Provenance, read_detector
from unmask.training.score import ScoredSplit, evaluate
from unmask.verbs.verify import RepeatedMetric, Verification, check_run

MODEL = {
    "_target_": "unmask.models.detector.Detector",
    "backbone": {
        "_target_": "unmask.models.plain_cnn.PlainCNN", "filters": [4, 8], "image_size": 32,
    },
    "head": {"_target_": "unmask.models.heads.pooling.MeanHead", "_partial_": True},
}  # fmt: skip
LAYOUT = ClipLayout(num_frames=2)
CONTENT = "videos, splits and face crops of toy"
BEST = "checkpoints/best.ckpt"


def trainer(default_root_dir: Path | str, **_: Any) -> Any:
    return L.Trainer(
        default_root_dir=default_root_dir, logger=False, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip


@pytest.fixture
def store(make_store: Any) -> FaceStore:
    made: FaceStore = make_store(brightness=(110, 130))
    return made


@pytest.fixture
def run_dir(store: FaceStore, tmp_path: Path) -> Path:
    """Return the folder of a run as `unmask train` leaves it, of a network that is untrained."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    torch.manual_seed(0)
    state = {f"detector.{k}": v for k, v in build_untrained(MODEL).state_dict().items()}
    facts = Provenance(MODEL, "toy", store.manifest_hash, 0).to_dict()
    torch.save({"unmask": facts, "state_dict": state}, folder / BEST)
    (folder / "config.yaml").write_text("seed: 0\n")
    write_content(folder, [content_of(store)])
    RunCard(
        name="run", model="m", data="d", source_dataset="toy", seed=0, num_parameters=1,
        num_trainable=1, best_checkpoint=BEST, best_epoch=0, val_video_auc=0.5,
        manifest_hashes={"toy": store.manifest_hash}, stores={"toy": str(store.folder)},
        split_hashes={"toy": split_hashes(store.videos)},
        config_hash=sha256_of_file(folder / "config.yaml"),
    ).save(folder)  # fmt: skip
    evaluate(
        read_detector(folder / BEST),
        [ScoredSplit(store, "val"), ScoredSplit(store, "test")],
        layout=LAYOUT, trainer=trainer(folder), batch_size=4, num_workers=0, run_dir=folder,
        checkpoint_hash=sha256_of_file(folder / BEST),
    )  # fmt: skip
    report(folder, Protocol(num_resamples=30))
    return folder


@pytest.fixture
def check(tmp_path: Path) -> Callable[[Path], Verification]:
    def run(folder: Path) -> Verification:
        before = contents_of(folder)
        verification = check_run(
            folder, layout=LAYOUT, make_trainer=trainer, batch_size=4, num_workers=0,
            data_dir=tmp_path / "data",
        )  # fmt: skip
        assert contents_of(folder) == before
        return verification

    return run


Verify = Callable[[Path], Verification]


def contents_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def differing(verification: Verification) -> list[str]:
    return [one.what for one in verification.checks if one.state == "differs"]


def test_a_run_is_confirmed_as_it_was_left(run_dir: Path, check: Verify) -> None:
    verification = check(run_dir)
    assert {one.what: one.state for one in verification.checks} == dict.fromkeys(
        [
            "weights, best.ckpt", "config.yaml", "manifest of toy",
            "videos and labels of toy, test", "videos and labels of toy, train",
            "videos and labels of toy, val", CONTENT,
            "scores of toy, test", "scores of toy, val",
            "metrics.json",
        ],
        "equal",
    )  # fmt: skip
    # Nine metrics of two splits.
    assert len(verification.comparisons) == 18
    assert all(one.is_equal and one.is_within for one in verification.comparisons)
    assert verification.exit_code == 0
    assert json.loads(json.dumps(verification.to_json()))["confirmed"] is True


def test_a_tampered_prediction_is_found(run_dir: Path, check: Verify) -> None:
    path = run_dir / "predictions.parquet"
    table = read_predictions(path)
    write_predictions(path, table.assign(score=table["score"].where(table.index > 0, 0.999)))
    verification = check(run_dir)
    assert differing(verification) == ["scores of toy, test"]
    assert verification.exit_code == 1


@pytest.mark.slow
def test_shuffled_predictions_are_found_in_the_metrics_too(run_dir: Path, check: Verify) -> None:
    path = run_dir / "predictions.parquet"
    table = read_predictions(path)
    is_test = table["split"] == "test"
    perfect = table["score"].mask(is_test, 0.4 + 0.2 * table["label"])
    write_predictions(path, table.assign(score=perfect))
    report(run_dir, Protocol(num_resamples=30))
    verification = check(run_dir)
    assert differing(verification) == ["scores of toy, test"]
    outside = {(one.split, one.metric) for one in verification.comparisons if not one.is_within}
    assert ("test", "auc") in outside
    assert {split for split, _ in outside} == {"test"}


@pytest.mark.slow
def test_a_deleted_row_and_a_turned_label_are_found(run_dir: Path, check: Verify) -> None:
    path = run_dir / "predictions.parquet"
    table = read_predictions(path)
    write_predictions(path, table[1:])
    [found] = [one for one in check(run_dir).checks if one.state == "differs"]
    assert found.detail == "1 of 8 clips are in one only"
    is_first = table["video_id"] == table["video_id"].iloc[0]
    write_predictions(path, table.assign(label=table["label"].mask(is_first, 1 - table["label"])))
    [found] = [one for one in check(run_dir).checks if one.state == "differs"]
    assert found.detail == "labels are not the same"
    path.unlink()
    [found] = [one for one in check(run_dir).checks if one.state == "differs"]
    assert "There is no predictions.parquet" in found.detail


@pytest.mark.slow
@pytest.mark.parametrize(("value", "exit_code"), [({"low": 0.0, "high": 1.0}, 1)])
def test_a_tampered_metric_is_found(
    run_dir: Path, check: Verify, value: dict[str, float], exit_code: int
) -> None:
    card = json.loads((run_dir / "run.json").read_text())
    card["metrics"]["datasets"]["toy"]["test"]["auc"] |= {"value": 0.123} | value
    write_json(run_dir / "run.json", card)
    verification = check(run_dir)
    [one] = [one for one in verification.comparisons if not one.is_equal]
    assert (one.metric, one.split, one.is_within) == ("auc", "test", True)
    assert differing(verification) == ["metrics.json"]
    assert verification.exit_code == exit_code


@pytest.mark.slow
def test_a_metric_outside_of_its_interval_is_not_confirmed(run_dir: Path, check: Verify) -> None:
    for name in ("run.json", "metrics.json"):
        content = json.loads((run_dir / name).read_text())
        parts = (content["metrics"] if name == "run.json" else content)["datasets"]["toy"]["test"]
        estimate = (parts if name == "run.json" else parts["video"])["brier_score"]
        estimate |= {"value": 0.001, "low": 0.0, "high": 0.002}
        write_json(run_dir / name, content)
    verification = check(run_dir)
    assert differing(verification) == []
    assert [one.metric for one in verification.comparisons if not one.is_within] == ["brier_score"]
    assert verification.exit_code == 1


@pytest.mark.slow
def test_other_weights_are_found(run_dir: Path, check: Verify) -> None:
    content = torch.load(run_dir / BEST, weights_only=True)
    for name, tensor in content["state_dict"].items():
        if name.startswith("detector.head."):
            tensor.mul_(-3)
    torch.save(content, run_dir / BEST)
    verification = check(run_dir)
    assert differing(verification)[0] == "weights, best.ckpt"
    assert not all(one.is_equal for one in verification.comparisons)
    assert verification.exit_code == 1


@pytest.mark.slow
def test_the_weights_that_were_scored_are_found_by_their_hash(run_dir: Path, check: Verify) -> None:
    (run_dir / BEST).rename(run_dir / "checkpoints/last.ckpt")
    shutil.copy(run_dir / "checkpoints/last.ckpt", run_dir / BEST)
    with (run_dir / BEST).open("ab") as file:
        file.write(b"of a later training")
    verification = check(run_dir)
    assert verification.checks[0].what == "weights, last.ckpt"
    assert verification.exit_code == 0


def test_a_changed_manifest_is_found_and_its_split_named(
    run_dir: Path, check: Verify, store: FaceStore
) -> None:
    is_first = store.videos["video_id"] == "toy/swap/train0"
    videos = store.videos.assign(label=store.videos["label"].mask(is_first, 0))
    write_table(store.folder / "videos.parquet", "videos", videos)
    verification = check(run_dir)
    assert differing(verification) == [
        "manifest of toy", "videos and labels of toy, train", CONTENT,
    ]  # fmt: skip
    [check_of_content] = [one for one in verification.checks if one.what == CONTENT]
    assert check_of_content.detail == "'toy': 1 with another label (toy/swap/train0)"
    assert verification.exit_code == 1


@pytest.mark.slow
def test_a_video_that_left_a_test_split_is_found(
    run_dir: Path, check: Verify, store: FaceStore
) -> None:
    videos = store.videos[store.videos["video_id"] != "toy/swap/test0"]
    write_table(store.folder / "videos.parquet", "videos", videos)
    assert differing(check(run_dir)) == [
        "manifest of toy", "videos and labels of toy, test", CONTENT, "scores of toy, test",
    ]  # fmt: skip


@pytest.mark.slow
def test_an_edited_configuration_is_found(run_dir: Path, check: Verify) -> None:
    (run_dir / "config.yaml").write_text("seed: 1\n")
    assert differing(check(run_dir)) == ["config.yaml"]


@pytest.mark.slow
def test_a_store_that_moved_is_found_below_the_data_folder(
    run_dir: Path, check: Verify, store: FaceStore, tmp_path: Path
) -> None:
    (tmp_path / "data/faces").mkdir(parents=True)
    store.folder.rename(tmp_path / "data/faces" / store.folder.name)
    assert check(run_dir).exit_code == 0
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(DataError, match=r"face crops of 'toy' are neither at .*paths\.data_dir"):
        check(run_dir)


@pytest.mark.slow
def test_what_an_old_card_does_not_record_is_said_and_not_held_against_it(
    run_dir: Path, check: Verify
) -> None:
    card = json.loads((run_dir / "run.json").read_text())
    for name in ("split_hashes", "config_hash"):
        del card[name]
    write_json(run_dir / "run.json", card)
    (run_dir / "splits.parquet").unlink()
    verification = check(run_dir)
    unknown = [one.what for one in verification.checks if one.state == "not recorded"]
    assert len(unknown) == 5
    assert verification.exit_code == 0
    del card["metrics"]
    write_json(run_dir / "run.json", card)
    with pytest.raises(DataError, match=r"no metrics to verify; `unmask evaluate run="):
        check(run_dir)


@pytest.mark.parametrize(
    ("found", "low", "high", "expected"),
    [
        (0.5, 0.4, 0.6, (True, True)),
        (0.6, 0.4, 0.6, (True, False)),
        (0.61, 0.4, 0.6, (False, False)),
        (None, 0.4, 0.6, (False, False)),
        (0.5, None, None, (True, True)),
        (0.51, None, None, (False, False)),
    ],
)
def test_within_means_between_the_ends_and_without_ends_the_same(
    found: float | None, low: float | None, high: float | None, expected: tuple[bool, bool]
) -> None:
    one = RepeatedMetric("d", "test", "auc", recorded=0.5, low=low, high=high, found=found)
    assert (one.is_within, one.is_equal) == expected

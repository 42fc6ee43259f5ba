"""What the notebooks call, on tables made by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from unmask.core.errors import DataError
from unmask.core.files import write_json
from unmask.evaluation.predictions import empty_unscored, write_predictions, write_unscored
from unmask.evaluation.significance import compare_aucs
from unmask.report.notebooks import (
    ContactSheet,
    auc_matrix,
    compare_with_best,
    crops_by_method,
    errors_by,
    face_sizes,
    finished_runs,
    hardest_videos,
    judged_videos,
    videos_tested,
)
from unmask.runs.run import Run


def table(seed: int, datasets: dict[str, list[str]]) -> pd.DataFrame:
    """Return predictions of 10 people with a real and a fake video of 2 clips for each split."""
    random = np.random.default_rng(seed)
    rows = [
        {
            "dataset": dataset, "video_id": f"{dataset}/{split}{person}_{label}", "track_id": 0,
            "clip_index": clip, "label": label, "method": ("youtube", "swap")[label],
            "group": f"{split}{person}", "split": split, "num_frames": 4,
            "score": float(np.clip(0.3 + 0.3 * label + random.normal(0, 0.3), 0, 1)),
            "example_crop": f"{person}.png",
        }
        for dataset, splits in datasets.items()
        for split in splits
        for person in range(10)
        for label in (0, 1)
        for clip in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def plant(folder: Path, seed: int, datasets: dict[str, list[str]]) -> None:
    folder.mkdir(parents=True)
    facts = {"name": folder.name, "source_dataset": "home", "stores": {"home": str(folder)}}
    write_json(folder / "run.json", facts)
    write_predictions(folder / "predictions.parquet", table(seed, datasets))
    write_unscored(folder / "unscored.parquet", empty_unscored())


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    plant(tmp_path / "a", 0, {"home": ["val", "test"], "away": ["test"]})
    plant(tmp_path / "b", 1, {"home": ["val", "test"]})
    (tmp_path / "broken_off").mkdir()
    return finished_runs(f"{tmp_path}/*")


def test_runs_are_read_in_order_and_unfinished_ones_left_out(runs: list[Run]) -> None:
    assert [run.name for run in runs] == ["a", "b"]


def test_runs_of_a_sweep_and_of_all_outputs_are_read(tmp_path: Path) -> None:
    plant(tmp_path / "train" / "x_sweep" / "0_a", 0, {"home": ["val", "test"]})
    plant(tmp_path / "train" / "b", 1, {"home": ["val", "test"]})
    for pattern in ("*", "train/*"):
        assert {run.name for run in finished_runs(f"{tmp_path}/{pattern}")} == {"0_a", "b"}


def test_without_runs_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\*'. `unmask train experiment=demo` makes one"):
        finished_runs(f"{tmp_path}/nothing*")


def test_the_matrix_holds_the_auc_of_video_means(runs: list[Run]) -> None:
    matrix = auc_matrix(runs)
    assert matrix.index.tolist() == ["a, trained on home", "b, trained on home"]
    assert matrix.columns.tolist() == ["away", "home"]
    assert np.isnan(matrix.loc["b, trained on home", "away"])
    clips = runs[0].predictions.query("split == 'test' and dataset == 'away'")
    videos = clips.groupby("video_id")[["label", "score"]].mean()
    exact = roc_auc_score(videos["label"], videos["score"])
    assert matrix.loc["a, trained on home", "away"] == pytest.approx(exact)


def test_the_best_run_is_compared_with_the_other_on_the_same_videos(runs: list[Run]) -> None:
    (row,) = compare_with_best(runs, "home", num_resamples=200).to_dict("records")
    best, other = (next(run for run in runs if run.name == row[word]) for word in ("best", "other"))
    exact = compare_aucs(
        videos_tested(best, "home"), videos_tested(other, "home"), num_resamples=200
    )
    assert row["difference"] == exact.difference >= 0
    assert (row["low"], row["high"]) == (exact.low, exact.high)
    assert row["p_holm"] == row["p_value"] == exact.p_value


def test_jobs_of_two_sweeps_that_are_named_alike_are_both_shown(tmp_path: Path) -> None:
    for seed, sweep in enumerate(("mon_sweep", "tue_sweep")):
        plant(tmp_path / sweep / "0_m", seed, {"home": ["val", "test"]})
    runs = finished_runs(f"{tmp_path}/*/*")
    assert auc_matrix(runs).index.tolist() == [
        "0_m (mon_sweep), trained on home",
        "0_m (tue_sweep), trained on home",
    ]
    (row,) = compare_with_best(runs, "home", num_resamples=20).to_dict("records")
    assert {row["best"], row["other"]} == {"0_m (mon_sweep)", "0_m (tue_sweep)"}
    assert row["difference"] > 0


def test_a_run_given_twice_is_named(runs: list[Run]) -> None:
    with pytest.raises(DataError, match=r"/a is given twice"):
        auc_matrix([*runs, runs[0]])


def test_one_run_alone_is_compared_with_none(runs: list[Run]) -> None:
    found = compare_with_best(runs[:1], "home")
    assert len(found) == 0
    assert "p_holm" in found


def test_errors_count_at_the_threshold_of_validation(runs: list[Run]) -> None:
    videos = judged_videos(runs[0])
    assert set(videos["split"]) == {"test"}
    assert videos["distance"].is_monotonic_decreasing
    reals = videos[videos["label"] == 0]
    assert (reals["is_wrong"] == reals["called_fake"]).all()
    highest_real, lowest_called = reals["score"], videos.loc[videos["called_fake"], "score"].min()
    assert ((highest_real >= lowest_called) == reals["is_wrong"]).all()


def test_errors_are_counted_by_value_with_wilsons_interval() -> None:
    videos = pd.DataFrame({"method": ["a"] * 10 + ["b"], "is_wrong": [True] * 2 + [False] * 9})
    found = errors_by(videos, "method")
    assert found["name"].tolist() == ["a (10)", "b (1)"]
    assert found["value"].tolist() == [0.2, 0.0]
    # Wilson's formula at z = 1.96 for 2 of 10.
    assert found.loc[0, ["low", "high"]].tolist() == pytest.approx([0.0567, 0.5098], abs=1e-4)


def test_the_size_of_a_face_is_its_longer_side() -> None:
    boxes = {
        "box_x1": [0.0, 5.0],
        "box_y1": [0.0, 5.0],
        "box_x2": [10.0, 7.0],
        "box_y2": [4.0, 25.0],
    }
    assert face_sizes(pd.DataFrame(boxes)).tolist() == [10.0, 20.0]


def test_the_middle_crop_of_the_largest_face_is_shown_by_method(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "v1.png")
    videos = pd.DataFrame(
        {"video_id": ["d/r", "d/f"], "label": [0, 1], "method": ["youtube", "swap"]}
    )
    faces = pd.DataFrame(
        {
            "video_id": ["d/r"] * 3 + ["d/f"] * 2,
            "track_id": [0, 0, 0, 0, 1],
            "frame_index": [0, 1, 2, 0, 0],
            "crop_path": ["v0.png", "v1.png", "v2.png", "gone.png", "other.png"],
        }
    )
    sheets = crops_by_method(videos, faces, tmp_path)
    assert [sheet.title for sheet in sheets] == ["real: youtube", "fake: swap"]
    assert str(sheets[0].crops[0][0]).startswith("data:image/jpeg")
    assert sheets[1].crops == [(None, "d/f")]


def test_the_hardest_videos_are_shown_with_their_crops(runs: list[Run], tmp_path: Path) -> None:
    for person in range(10):
        Image.new("RGB", (8, 8)).save(tmp_path / "a" / f"{person}.png")
    videos = judged_videos(runs[0])
    sheet = hardest_videos(runs[0], videos, count=40)
    assert len(sheet.crops) == 40
    assert sheet.crops[0][1].startswith(str(videos["video_id"].iloc[0]))
    # No store is known for the other data set.
    assert {text.startswith("home") for uri, text in sheet.crops if uri} == {True}
    assert {text.startswith("away") for uri, text in sheet.crops if uri is None} == {True}


def test_text_cannot_break_out_of_a_sheet() -> None:
    shown = ContactSheet("<b>", [("data:x", 'a"<script>'), (None, "b")])._repr_html_()
    assert "<script>" not in shown
    assert "&lt;b&gt;" in shown
    assert shown.count("<figure") == 2

"""`unmask ensemble`: several runs become one that is reported like a run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unmask.cli.main import main
from unmask.core.files import write_json
from unmask.evaluation.predictions import (
    UNSCORED,
    read_predictions,
    read_unscored,
    write_predictions,
    write_unscored,
)

Ensemble = Callable[..., Path]


def clips(dataset: str, split: str, videos: int, gap: float, seed: int) -> list[dict[str, Any]]:
    generator = np.random.default_rng(seed)
    return [
        {
            "dataset": dataset,
            "video_id": f"{dataset}/{method}/{split}{group}",
            "track_id": 0,
            "clip_index": clip,
            "label": int(method == "swap"),
            "method": method,
            "group": f"{dataset}/{split}{group}",
            "split": split,
            "score": float(
                np.clip(0.4 + gap * (method == "swap") + generator.normal(0, 0.2), 0, 1)
            ),
            "num_frames": 4,
            "example_crop": "",
        }
        for group in range(videos)
        for method in ("youtube", "swap")
        for clip in range(2)
    ]


def make_run(
    run_dir: Path, seed: int, *, splits: tuple[str, ...] = ("val", "test"), **facts: Any
) -> Path:
    run_dir.mkdir(parents=True)
    rows = [row for split in splits for row in clips("home", split, 8, 0.3, seed)]
    write_predictions(
        run_dir / "predictions.parquet", pd.DataFrame(rows + clips("away", "test", 8, 0.2, seed))
    )
    faceless = pd.DataFrame(
        [["home", "home/lost", 1, "swap", "home/lost", "test", "no_face"]], columns=UNSCORED.names
    )
    write_unscored(run_dir / "unscored.parquet", faceless)
    card = {"name": run_dir.name, "source_dataset": "home", "seed": seed, "num_parameters": 100}
    write_json(run_dir / "run.json", card | facts)
    return run_dir


@pytest.fixture
def runs(tmp_path: Path) -> str:
    for index, name in enumerate(("a", "b", "c")):
        make_run(tmp_path / "train" / name, index)
    return f"runs={tmp_path}/train/*"


@pytest.fixture
def ensemble(tmp_path: Path) -> Ensemble:
    def run(*words: str) -> Path:
        out_dir = tmp_path / f"ensemble{len(list(tmp_path.iterdir()))}"
        main(["ensemble", "eval.num_resamples=20", f"hydra.run.dir={out_dir}", *words])
        return out_dir

    return run


@pytest.mark.one_in(6)
@pytest.mark.parametrize("rule", ["grid", "hard", "soft", "accuracy", "auc", "stacking"])
def test_every_rule_leaves_a_run_with_a_report(
    runs: str, ensemble: Ensemble, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out_dir = ensemble(runs, f"rule={rule}")
    assert {path.name for path in out_dir.iterdir()} >= {
        "config.yaml", "ensemble.json", "metrics.json", "predictions.parquet", "report.html",
        "report.md", "run.json", "unscored.parquet",
    }  # fmt: skip
    metrics = json.loads((out_dir / "metrics.json").read_text())
    assert metrics["datasets"]["home"]["test"]["role"] == "in_domain"
    assert metrics["datasets"]["away"]["test"]["role"] == "cross_dataset"
    card = json.loads((out_dir / "run.json").read_text())
    assert (card["kind"], card["rule"], card["num_parameters"]) == ("ensemble", rule, 300)
    assert set(card["members"]) == {"a", "b", "c"}
    said = capsys.readouterr().out
    assert "How far members agree" in said
    assert ("Weights of a, b, c -> accuracy % on validation" in said) == (rule == "grid")
    assert ("a tie counts as fake" in said) == (rule == "hard")


@pytest.mark.slow
def test_the_number_of_clips_behind_a_score_counts(runs: str, ensemble: Ensemble) -> None:
    tables = []
    for top_k in (1, 2):
        out_dir = ensemble(runs, "eval.video_score=topk", f"eval.top_k={top_k}")
        card = json.loads((out_dir / "run.json").read_text())
        assert card["video_score"] == f"mean of its {top_k} highest clips"
        assert card["video_score"] in (out_dir / "report.md").read_text()
        tables.append(read_predictions(out_dir / "predictions.parquet")["score"])
    assert (tables[0] > tables[1]).all()


@pytest.mark.slow
def test_runs_below_a_matched_folder_do_not_join_unasked(
    tmp_path: Path, runs: str, ensemble: Ensemble
) -> None:
    make_run(tmp_path / "train/some_sweep/0_job", 3)
    card = json.loads((ensemble(runs) / "run.json").read_text())
    assert set(card["members"]) == {"a", "b", "c"}


@pytest.mark.slow
def test_soft_voting_of_equal_runs_is_that_run(tmp_path: Path, ensemble: Ensemble) -> None:
    one, two = make_run(tmp_path / "train/a", 0), make_run(tmp_path / "train/b", 0)
    out_dir = ensemble(f"runs=[{one},{two}]")
    main(["report", f"runs={one}", "eval.num_resamples=20", f"hydra.run.dir={tmp_path}/report"])
    alone, together = (
        json.loads((path / "metrics.json").read_text())["datasets"]["home"]["test"]["video"]
        for path in (one, out_dir)
    )
    assert together["auc"] == alone["auc"]
    assert together["at_half"] == alone["at_half"]


@pytest.mark.slow
def test_report_reads_an_ensemble_beside_its_members(
    runs: str, ensemble: Ensemble, tmp_path: Path
) -> None:
    together = tmp_path / "train/together"
    ensemble(runs, f"hydra.run.dir={together}")
    before = (together / "metrics.json").read_bytes()
    report_dir = tmp_path / "report"
    main(["report", runs, "eval.num_resamples=20", f"hydra.run.dir={report_dir}"])
    assert (together / "metrics.json").read_bytes() == before
    overview = (report_dir / "overview.md").read_text()
    assert all(f"| [{name}]" in overview for name in ("a", "b", "c", "together"))


def test_the_same_runs_give_the_same_bytes(runs: str, ensemble: Ensemble) -> None:
    one, two = ensemble(runs, "rule=stacking"), ensemble(runs, "rule=stacking")
    for name in ("predictions.parquet", "ensemble.json", "metrics.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_videos_without_a_face_and_leaks_carry_over(tmp_path: Path, ensemble: Ensemble) -> None:
    one = make_run(tmp_path / "train/a", 0)
    two = make_run(tmp_path / "train/b", 1, leak_allowed=True, leaks={"video": 2})
    out_dir = ensemble(f"runs=[{one},{two}]")
    assert read_unscored(out_dir / "unscored.parquet")["video_id"].tolist() == ["home/lost"]
    assert json.loads((out_dir / "run.json").read_text())["leaks"] == {"video": 2}
    assert json.loads((out_dir / "metrics.json").read_text())["leak_allowed"] is True


@pytest.mark.slow
def test_runs_of_one_name_are_kept_apart(tmp_path: Path, ensemble: Ensemble) -> None:
    one, two = make_run(tmp_path / "x/run", 0), make_run(tmp_path / "y/run", 1)
    card = json.loads((ensemble(f"runs=[{one},{two}]") / "run.json").read_text())
    assert set(card["members"]) == {"run", "run (y)"}


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("unmask: ")
    return " ".join(said.split())


def test_bad_input_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = (f"hydra.run.dir={tmp_path}/out{number}" for number in range(9))
    one = make_run(tmp_path / "one/a", 0)
    assert "at least two runs, got 1: 'a'." in refused(capsys, "ensemble", f"runs={one}", next(out))
    untested = make_run(tmp_path / "one/b", 0, splits=("val",))
    said = refused(capsys, "ensemble", f"runs=[{one},{untested}]", next(out))
    assert "Run 'b' has no score of video 'home/swap/test0' of 'home', split 'test'" in said
    blind = [make_run(tmp_path / "blind" / name, 0, splits=("test",)) for name in "cd"]
    said = refused(capsys, "ensemble", f"runs=[{blind[0]},{blind[1]}]", next(out))
    assert "no scores of the validation split of home" in said
    assert "No finished training run" in refused(
        capsys, "ensemble", f"runs={tmp_path}/x*", next(out)
    )
    assert "rule=median" in refused(capsys, "ensemble", f"runs={one}", "rule=median", next(out))
    assert not list(tmp_path.glob("out*/run.json"))


def test_an_ensemble_cannot_be_evaluated(
    runs: str, ensemble: Ensemble, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out_dir = ensemble(runs)
    said = refused(capsys, "evaluate", f"run={out_dir}", f"hydra.run.dir={tmp_path}/evaluate")
    assert "is an ensemble and has no network of its own" in said


def test_members_scores_are_combined_by_video(
    runs: str, ensemble: Ensemble, tmp_path: Path
) -> None:
    table = read_predictions(ensemble(runs) / "predictions.parquet")
    assert set(table["num_frames"]) == {8}
    parts = [pd.read_parquet(tmp_path / "train" / name / "predictions.parquet") for name in "abc"]
    mean = pd.concat(parts).groupby(["dataset", "video_id"])["score"].mean().to_numpy()
    assert table["score"].to_numpy() == pytest.approx(mean)

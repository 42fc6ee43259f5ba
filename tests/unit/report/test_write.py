import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from unmask.core.errors import DataError, PredictionsError
from unmask.core.files import sha256_of_file, write_json
from unmask.evaluation.predictions import empty_unscored, write_predictions, write_unscored
from unmask.report.protocol import Protocol
from unmask.report.write import ReportSummary, report, report_runs
from unmask.verbs.ensemble import combine

FEW = 40  # resamples
QUICK = Protocol(num_resamples=FEW)


def clips(dataset: str, split: str, groups: int, gap: float) -> list[dict[str, Any]]:
    generator = np.random.default_rng([groups, len(split)])
    return [
        {
            "dataset": dataset,
            "video_id": f"{dataset}/{method}/{split}{group}",
            "track_id": 0,
            "clip_index": clip,
            "label": int(method != "youtube"),
            "method": method,
            "group": f"{dataset}/{split}{group}",
            "split": split,
            "score": float(
                np.clip(0.5 + gap * (method != "youtube") + generator.normal(0, 0.2), 0, 1)
            ),
            "num_frames": 4,
            "example_crop": f"crops/{dataset}_{split}{group}.png",
        }
        for group in range(groups)
        for method in ("youtube", "swap", "edit")
        for clip in range(2)
    ]


def make_run(run_dir: Path, *, name: str = "demo", source: str = "home") -> Path:
    run_dir.mkdir(parents=True)
    predictions = pd.DataFrame(
        clips("home", "val", 5, 0.3) + clips("home", "test", 6, 0.3) + clips("away", "test", 7, 0.1)
    )
    write_predictions(run_dir / "predictions.parquet", predictions)
    write_unscored(run_dir / "unscored.parquet", empty_unscored())
    store_dir = run_dir.parent / "store"
    (store_dir / "crops").mkdir(parents=True, exist_ok=True)
    for path in predictions["example_crop"].unique():
        Image.new("RGB", (16, 16), "tan").save(store_dir / path)
    write_json(
        run_dir / "run.json",
        {
            "name": name,
            "source_dataset": source,
            "stores": {"home": str(store_dir), "away": str(store_dir)},
            "num_parameters": 5583000,
            "git": {"commit": "c0ffee", "dirty": True},
        },
    )
    (run_dir / "metrics.csv").write_text(
        "epoch,step,train/loss,val/loss,val/video_auc\n0,1,0.7,,\n0,2,,0.6,0.7\n1,3,0.5,,\n1,4,,0.5,0.8\n"
    )
    return run_dir


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> ReportSummary:
    """Return what is reported of a run, which tests read and leave as it is."""
    return report(make_run(tmp_path_factory.mktemp("reported") / "run"), QUICK)


class Links(HTMLParser):
    """Collects every address that a browser would fetch, and every open tag."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("img", "meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_tells_in_domain_and_cross_with_intervals(reported: ReportSummary) -> None:
    away = reported.metrics["datasets"]["away"]["test"]
    assert away["role"] == "cross_dataset"
    interval = f"[{away['video']['auc']['low']:.3f}, {away['video']['auc']['high']:.3f}]"
    for text in (reported.html.read_text(), reported.markdown.read_text()):
        assert interval in text
        assert "which it has never seen" in text


def test_a_manipulation_without_its_reals_is_marked_in_both_texts(run_dir: Path) -> None:
    path = run_dir / "predictions.parquet"
    table = pd.read_parquet(path)
    of_actors = table["video_id"].str.startswith("home/swap/test")
    write_predictions(path, table.assign(method=table["method"].mask(of_actors, "DFD_fake")))
    summary = report(run_dir, QUICK)
    for text in (summary.html.read_text(), summary.markdown.read_text()):
        plain = text.replace("&#39;", "'")
        assert "none: its real videos, 'DFD_real', are not here" in plain
        assert "no AUC of DFD_fake" in plain


def test_the_page_needs_no_other_file_and_closes_its_tags(reported: ReportSummary) -> None:
    page = Links()
    page.feed(reported.html.read_text())
    assert page.addresses
    assert all(address.startswith("data:") for address in page.addresses)
    assert page.open == []


def test_the_page_shows_curves_charts_and_faces(reported: ReportSummary) -> None:
    text = reported.html.read_text()
    charts = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", text)
    # ROC, PR and DET; of each of two test sets scores and calibration; training
    assert len(charts) == 3 + 2 * (1 + 1) + 2
    assert all(b"<svg" in base64.b64decode(chart) for chart in charts)
    assert text.count("data:image/jpeg;base64,") == 6 + 8 + 7 + 8
    assert "example pictures are missing" not in text


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (report(make_run(tmp_path / name / "run"), QUICK) for name in ("a", "b"))
    for name in ("metrics.json", "report.md", "report.html"):
        assert (one.html.parent / name).read_bytes() == (two.html.parent / name).read_bytes()


def test_metrics_json_is_strict_json_without_paths(reported: ReportSummary) -> None:
    text = (reported.html.parent / "metrics.json").read_text()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(text, parse_constant=refuse) == json.loads(json.dumps(reported.metrics))
    assert str(reported.html.parents[1]) not in text


def test_missing_crops_and_curves_are_told_and_do_not_stop_the_report(run_dir: Path) -> None:
    for path in (run_dir.parent / "store" / "crops").iterdir():
        path.unlink()
    (run_dir / "metrics.csv").unlink()
    text = report(run_dir, QUICK).html.read_text()
    assert "away, test: 15 of 15 example pictures are missing" in text
    assert "There are no training curves" in text


def test_a_run_without_validation_is_reported_at_one_half_only(run_dir: Path) -> None:
    write_predictions(run_dir / "predictions.parquet", pd.DataFrame(clips("home", "test", 6, 0.3)))
    summary = report(run_dir, QUICK)
    assert summary.metrics["threshold"]["value"] is None
    assert "decisions are shown at 0.5 only" in summary.html.read_text()


def test_a_run_name_cannot_inject_markup(tmp_path: Path) -> None:
    summary = report(make_run(tmp_path / "run", name="<script>x</script>"), QUICK)
    assert "<script>" not in summary.html.read_text()


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("run.json", "unmask train`"),
        ("predictions.parquet", "unmask evaluate run="),
        ("unscored.parquet", "unmask evaluate run="),
    ],
)
def test_a_missing_file_is_named_with_the_command_that_makes_it(
    run_dir: Path, name: str, command: str
) -> None:
    (run_dir / name).unlink()
    with pytest.raises(DataError, match=rf"no {re.escape(name)}.*`{command}"):
        report(run_dir)


def test_one_class_only_is_refused_and_leaves_no_report(run_dir: Path) -> None:
    fakes = [row for row in clips("home", "test", 6, 0.3) if row["label"] == 1]
    write_predictions(run_dir / "predictions.parquet", pd.DataFrame(fakes))
    with pytest.raises(PredictionsError, match="0 real and 24 fake ones"):
        report(run_dir)
    assert not (run_dir / "report.html").exists()


@pytest.mark.slow
def test_several_runs_stand_in_one_table_of_source_by_target(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "a" / "run", name="a"),
        make_run(tmp_path / "b" / "run", name="b", source="away"),
    ]
    summary = report_runs(runs, QUICK, out_dir=tmp_path / "report")
    text = summary.markdown.read_text()
    start = text.splitlines().index("| run | trained on | away (n=21) | home (n=18) |") + 2
    rows = text.splitlines()[start : start + 2]
    assert [row.count("**") for row in rows] == [2, 2]
    link = re.search(r"\]\((.*?)\)", rows[0])
    assert link is not None
    assert (summary.markdown.parent / link[1]).resolve() == summary.reports[1].html.resolve()
    assert "<strong>" in summary.html.read_text()


@pytest.mark.slow
def test_seeds_of_one_model_are_one_row_with_the_single_runs_below(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / str(seed) / "run", name=f"m{seed}") for seed in (1, 2)]
    for seed, run in enumerate(runs, start=1):
        facts = json.loads((run / "run.json").read_text())
        write_json(run / "run.json", {**facts, "model": "m", "data": "home", "seed": seed})
        (run / "config.yaml").write_text(f"seed: {seed}\nmodel: {{dropout: 0.1}}\n")
    summary = report_runs(runs, QUICK, out_dir=tmp_path / "report")
    text = summary.markdown.read_text()
    # The same predictions twice: no deviation.
    value = summary.reports[0].metrics["datasets"]["away"]["test"]["video"]["auc"]["value"]
    assert f"| m | home | 2 | {value:.3f} ± 0.000 (2 runs) |" in text
    assert "| [m1](" in text
    assert "of 1 variant</p>" in summary.html.read_text()


@pytest.mark.slow
def test_the_comparison_needs_no_network_and_says_the_same_twice(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name / "run", name=name) for name in ("a", "b")]
    first, second = (report_runs(runs, QUICK, out_dir=tmp_path / folder) for folder in ("x", "y"))
    page = Links()
    page.feed(first.html.read_text())
    assert all(one.startswith(("data:", "../")) for one in page.addresses)
    assert page.open == []
    for one, two in zip(
        (first.html, first.markdown, first.latex, first.csv),
        (second.html, second.markdown, second.latex, second.csv),
        strict=True,
    ):
        assert one.read_bytes() == two.read_bytes()
    numbers = pd.read_csv(first.csv)
    assert set(numbers["run"]) == {"a", "b"}
    assert first.latex.read_text().count(r"\toprule") == first.latex.read_text().count(r"\caption")


def add_features(run_dir: Path, *, gap: float, length: int) -> None:
    clips = pd.read_parquet(run_dir / "predictions.parquet")
    videos = clips.drop_duplicates("video_id")[
        ["dataset", "video_id", "split", "label", "method", "group"]
    ]
    generator = np.random.default_rng(0)
    vectors = [
        (generator.normal(0, 1, length) + gap * label).astype(np.float16)
        for label in videos["label"]
    ]
    videos.assign(vector=vectors).to_parquet(run_dir / "embeddings.parquet")


@pytest.mark.slow
def test_features_are_drawn_and_scored_where_the_run_has_them(run_dir: Path) -> None:
    add_features(run_dir, gap=3, length=4)
    text = report(run_dir, QUICK).markdown.read_text()
    section = text[text.index("## Features of the backbone") :]
    assert re.search(r"\| away, test \| (0\.9\d\d|1\.000) \|", section)


def test_nothing_is_scored_on_what_it_was_fitted_on(run_dir: Path) -> None:
    write_predictions(run_dir / "predictions.parquet", pd.DataFrame(clips("home", "val", 9, 0.3)))
    add_features(run_dir, gap=0, length=200)  # so many numbers tell any videos apart
    text = report(run_dir, QUICK).markdown.read_text()
    section = text[text.index("## Features of the backbone") :]
    assert re.search(r"\| home, val \| [^\d|]+ \| it was fitted on these videos \|", section)
    assert "platt (fitted on these videos)" in text
    assert "as scored (fitted" not in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "words"),
    [("mean", "mean over its clips"), ("max", "highest of its clips"),
     ("topk", "mean of its 2 highest clips")],
)  # fmt: skip
def test_it_says_what_a_videos_score_is(run_dir: Path, how: str, words: str) -> None:
    summary = report(run_dir, Protocol(num_resamples=FEW, how=how, top_k=2))
    pages = report_runs([run_dir], Protocol(num_resamples=FEW, how=how, top_k=2), out_dir=run_dir)
    for path in (summary.html, summary.markdown, pages.html, pages.markdown):
        assert f"A video's score is the {words}." in path.read_text()


def test_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No run to report"):
        report_runs([], out_dir=tmp_path)


def add_checkpoints(run: Path, *, seed: int, val_video_auc: float, scored: str) -> Path:
    """Give a run the checkpoints best.ckpt, of its eighth epoch, and last.ckpt."""
    (run / "checkpoints").mkdir()
    for name in ("best", "last"):
        (run / f"checkpoints/{name}.ckpt").write_text(f"{run} {name}")
    facts = json.loads((run / "run.json").read_text()) | {
        "model": "m", "data": "home", "seed": seed, "best_epoch": 7,
        "val_video_auc": val_video_auc, "best_checkpoint": "checkpoints/best.ckpt",
        "scored_checkpoint": sha256_of_file(run / f"checkpoints/{scored}.ckpt"),
    }  # fmt: skip
    write_json(run / "run.json", facts)
    return run


@pytest.mark.slow
def test_weights_that_validation_did_not_choose_are_marked_at_every_number(tmp_path: Path) -> None:
    mark = "(checkpoint not chosen on validation)"
    runs = [
        add_checkpoints(
            make_run(tmp_path / name / "run", name=name),
            seed=seed,
            val_video_auc=auc,
            scored=scored,
        )
        for seed, (name, auc, scored) in enumerate(
            [("a", 0.7, "best"), ("b", 0.8, "best"), ("other", 0.9, "last")]
        )
    ]
    summary = report_runs(runs, QUICK, out_dir=tmp_path / "report")
    chosen, _, other = summary.reports
    assert "Chosen epoch" in chosen.markdown.read_text()
    assert mark not in chosen.markdown.read_text()
    text = other.markdown.read_text()
    assert "Chosen epoch" not in text
    assert "The checkpoint and the threshold are chosen on validation" not in text
    assert all(mark in row for row in text.splitlines() if row.startswith("| home, test"))
    assert text.splitlines()[2].startswith(f"Of one real and one fake video of home, test {mark}")
    overview = summary.markdown.read_text()
    [row] = [row for row in overview.splitlines() if row.startswith("| [other](") and "±" not in row
             and row.count("|") == 5]  # fmt: skip
    assert row.count(mark) == 2
    # Its validation AUC is the highest, but of weights that were not scored.
    choice = overview[overview.index("Which run one would have chosen") :].splitlines()
    assert [row.split(" | ")[2:4] for row in choice if row.startswith("| home")] == [["2", "b"]]


@pytest.mark.slow
def test_an_ensemble_with_a_member_that_validation_did_not_choose_is_marked(
    tmp_path: Path,
) -> None:
    for scored, expected in (("best", []), ("last", ["b"])):
        folder = tmp_path / scored
        runs = [
            add_checkpoints(
                make_run(folder / name / "run", name=name), seed=0, val_video_auc=0.8, scored=which
            )
            for name, which in (("a", "best"), ("b", scored))
        ]
        card = combine(runs, rule="soft", out_dir=folder / "ensemble").card
        assert card.members_not_chosen == expected
        text = report(folder / "ensemble", QUICK).markdown.read_text()
        assert ("(checkpoint not chosen on validation)" in text) == bool(expected)


@pytest.mark.slow
def test_the_overview_of_one_run_has_published_rows_latex_and_csv(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    table = pd.read_parquet(run / "predictions.parquet")
    renamed = table["dataset"].replace("away", "ffpp_gend")
    write_predictions(run / "predictions.parquet", table.assign(dataset=renamed))
    summary = report_runs([run], QUICK, out_dir=tmp_path / "report")
    assert "Published for ffpp_gend, not ours" in summary.markdown.read_text()
    assert r"\toprule" in summary.latex.read_text()
    assert set(pd.read_csv(summary.csv)["run"]) == {"demo"}
    assert (run / "report.html").is_file()


def test_an_ensemble_of_which_nobody_can_tell_is_not_accused(tmp_path: Path) -> None:
    runs = [
        add_checkpoints(
            make_run(tmp_path / name / "run", name=name), seed=0, val_video_auc=0.8, scored="best"
        )
        for name in ("a", "b")
    ]
    for file in (runs[1] / "checkpoints").glob("*"):
        file.unlink()
    folder = tmp_path / "ensemble"
    made = combine(runs, rule="soft", out_dir=folder).card
    assert (made.members_not_chosen, made.members_not_confirmed) == ([], ["b"])
    text = report(folder, QUICK).markdown.read_text()
    assert "Nobody can tell whether validation chose the scored weights" in text
    assert "are not those that validation chose" not in text

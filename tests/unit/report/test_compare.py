from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unmask.core.errors import DataError
from unmask.evaluation.predictions import empty_unscored
from unmask.report.compare.costs import UNKNOWN, cost_table
from unmask.report.compare.csv_tables import COLUMNS, tidy_table
from unmask.report.compare.grouping import group_variants
from unmask.report.compare.matrix import (
    heat_marks,
    methods_table,
    run_table,
    variant_table,
)
from unmask.report.compare.published_tables import published_section
from unmask.report.compare.ranking import (
    compare_with_best,
    comparison_table,
    rank,
    ranking_table,
)
from unmask.report.compare.selection import choice_table, threshold_table
from unmask.report.compare.variants import ComparedRun, recipe_of
from unmask.report.measure import measure, measured_videos
from unmask.report.overview import render_overview
from unmask.report.protocol import Protocol
from unmask.runs.run import Run

PROTOCOL = Protocol(num_resamples=60)


def clips(dataset: str, split: str, gap: float, seed: int, num_groups: int) -> list[dict[str, Any]]:
    generator = np.random.default_rng([seed, len(dataset), len(split)])
    return [
        {
            "dataset": dataset,
            "video_id": f"{dataset}/{method}/{split}{group}",
            "track_id": 0,
            "clip_index": 0,
            "label": int(method != "youtube"),
            "method": method,
            "group": f"{dataset}/{split}{group}",
            "split": split,
            "score": float(
                np.clip(0.4 + gap * (method != "youtube") + generator.normal(0, 0.2), 0, 1)
            ),
            "num_frames": 4,
            "example_crop": "",
        }
        for group in range(num_groups)
        for method in ("youtube", "swap", "edit")
    ]


def run(
    name: str,
    *,
    seed: int | None = 0,
    gap: float = 0.2,
    targets: Sequence[str] = ("home", "away"),
    recipe: dict[str, str] | None = None,
    num_groups: int = 12,
    **facts: Any,
) -> ComparedRun:
    """Return a run trained on "home"."""
    rows = clips("home", "val", gap, seed or 0, num_groups)
    for target in targets:
        rows += clips(target, "test", gap, seed or 0, num_groups)
    table = pd.DataFrame(rows)
    metrics = measure(
        table, empty_unscored(), source_datasets=["home"], threshold_split="val", protocol=PROTOCOL
    )
    known = {"model": name, "data": "home", "seed": seed, "val_video_auc": 0.9, **facts}
    return ComparedRun(
        name=f"{name}_s{seed}",
        link=f"{name}_s{seed}/report.html",
        facts={key: value for key, value in known.items() if value is not None},
        metrics=metrics,
        videos=measured_videos(table, empty_unscored(), PROTOCOL),
        curves=pd.DataFrame(),
        recipe=recipe,
    )


@pytest.fixture(scope="module")
def runs() -> list[ComparedRun]:
    """Return a good model of three seeds and a poor one of one."""
    return [*(run("good", seed=seed, gap=0.4) for seed in (1, 2, 3)), run("poor", gap=0.05)]


def auc(one: ComparedRun, target: str) -> float:
    value: float = one.metrics["datasets"][target]["test"]["video"]["auc"]["value"]
    return value


# Which runs belong together


def test_runs_that_differ_in_their_seed_alone_are_one_variant(runs: list[ComparedRun]) -> None:
    variants = group_variants(runs)
    assert [(one.name, [run.seed for run in one.runs]) for one in variants] == [
        ("good", [1, 2, 3]),
        ("poor", [0]),
    ]


def test_another_setting_makes_another_variant_that_is_named_by_it() -> None:
    rates = [{"optimizer.lr": rate, "loss.x": "1"} for rate in ("0.1", "0.1", "0.2")]
    variants = group_variants([run("m", seed=seed, recipe=r) for seed, r in enumerate(rates)])
    assert [(one.name, len(one.runs)) for one in variants] == [
        ("m (optimizer.lr=0.1)", 2),
        ("m (optimizer.lr=0.2)", 1),
    ]


def test_another_manifest_makes_another_variant() -> None:
    hashes = [{"home": "a", "away": "x"}, {"home": "a", "away": "x"}, {"home": "b", "away": "x"}]
    variants = group_variants(
        [run("m", seed=seed, manifest_hashes=h) for seed, h in enumerate(hashes)]
    )
    assert sorted(len(one.runs) for one in variants) == [1, 2]
    assert len({one.name for one in variants}) == 2


def test_a_copy_of_what_was_trained_on_is_home_and_ranked_with_no_unseen_data() -> None:
    copied = run("m", targets=("home", "away"))
    copied.metrics["datasets"]["away"]["test"] |= {"role": "in_domain", "copy_of": "home"}
    [variant] = group_variants([copied])
    assert variant.cross_targets == ()
    assert [one.is_cross for one in rank([variant], PROTOCOL)] == [False]
    [row] = run_table([copied], ["away", "home"]).rows
    assert [cell.is_strong for cell in row[2:]] == [True, True]
    assert heat_marks([variant], ["away", "home", "ffpp"]).loc[variant.title].tolist() == [
        "*", "*", "",
    ]  # fmt: skip


def test_runs_without_a_seed_are_never_put_together() -> None:
    both = [run("ensemble_soft", seed=None), run("ensemble_soft", seed=None)]
    assert [len(one.runs) for one in group_variants(both)] == [1, 1]


def test_a_recipe_leaves_out_what_teaches_nothing(tmp_path: Path) -> None:
    texts = (
        "seed: 1\npaths: {data_dir: a}\nlogger: {csv: x}\nmodel: {dropout: 0.1}\n"
        "data: {name: d, root: /a}\n",
        "seed: 2\npaths: {data_dir: b}\nhydra: {x: 1}\nmodel: {dropout: 0.1}\n"
        "data: {name: d, root: /b}\n",
        "seed: 2\nmodel: {dropout: 0.2}\ndata: {name: d}\n",
    )
    recipes = []
    for text in texts:
        (tmp_path / "config.yaml").write_text(text)
        recipes.append(recipe_of(Run(tmp_path).config))
    assert recipes[0] == recipes[1] == {"model.dropout": "0.1", "data.name": '"d"'}
    assert recipes[2] != recipes[0]


def test_a_recipe_may_be_missing_and_a_broken_one_is_named(tmp_path: Path) -> None:
    assert recipe_of(Run(tmp_path).config) is None
    (tmp_path / "config.yaml").write_text("a: [")
    with pytest.raises(DataError, match=r"config\.yaml is not readable YAML"):
        recipe_of(Run(tmp_path).config)
    (tmp_path / "config.yaml").write_text("- a")
    with pytest.raises(DataError, match=r"holds no settings but a list"):
        recipe_of(Run(tmp_path).config)


# The matrix


def test_several_seeds_are_mean_and_deviation_and_a_single_run_has_its_interval(
    runs: list[ComparedRun],
) -> None:
    good, poor = variant_table(group_variants(runs), ["away", "home"]).rows
    values = [auc(one, "away") for one in runs[:3]]
    assert good[3].text == f"{fmean(values):.3f} ± {stdev(values):.3f}"
    assert good[3].note == "(3 runs)"
    assert poor[3].text == f"{auc(runs[3], 'away'):.3f}"
    assert poor[3].note.startswith("[")
    assert [cell.is_strong for cell in good[3:]] == [False, True]


def test_single_runs_stand_below_with_links(runs: list[ComparedRun]) -> None:
    table = run_table(runs, ["away", "home", "third"])
    assert [row[0].link for row in table.rows] == [one.link for one in runs]
    assert [row[-1].text for row in table.rows] == ["not tested"] * 4


def test_manipulations_are_columns_of_their_own(runs: list[ComparedRun]) -> None:
    table = methods_table(group_variants(runs), "away")
    assert table is not None
    assert list(table.columns) == ["model", "trained on", "edit (n=12)", "swap (n=12)"]
    methods = runs[3].metrics["datasets"]["away"]["test"]["methods"]["fake"]
    assert table.rows[1][2].text == f"{methods['edit']['auc']['value']:.3f}"
    assert methods_table(group_variants(runs), "third") is None


# The ranking


def test_the_ranking_is_the_mean_over_unseen_data_sets(runs: list[ComparedRun]) -> None:
    [ranking] = rank(group_variants(runs), PROTOCOL)
    assert (ranking.targets, ranking.is_cross) == (("away",), True)
    good, poor = ranking.places
    assert (good.variant.name, poor.variant.name) == ("good", "poor")
    assert good.value == pytest.approx(fmean(auc(one, "away") for one in runs[:3]))
    assert good.low is not None
    assert good.high is not None
    assert good.low <= good.value <= good.high
    assert poor.deviation is None
    assert ranking_table(ranking).rows[0][0].text == "1. good"


def test_one_run_on_one_target_has_the_interval_of_its_own_draws() -> None:
    many = Protocol(num_resamples=2000)
    [ranking] = rank(group_variants([run("m", targets=["home", "away"])]), many)
    own = measured_interval("m")
    assert ranking.places[0].low == pytest.approx(own["low"], abs=0.02)
    assert ranking.places[0].high == pytest.approx(own["high"], abs=0.02)


def measured_interval(name: str) -> dict[str, float]:
    table = pd.DataFrame(clips("home", "val", 0.2, 0, 12) + clips("away", "test", 0.2, 0, 12))
    metrics = measure(
        table,
        empty_unscored(),
        source_datasets=["home"],
        threshold_split="val",
        protocol=Protocol(num_resamples=2000, seed=7),
    )
    assert name == "m"
    interval: dict[str, float] = metrics["datasets"]["away"]["test"]["video"]["auc"]
    return interval


def test_means_over_different_data_sets_are_not_ranked_together() -> None:
    one = run("a", targets=["home", "away"])
    two = run("b", targets=["home", "away", "far"])
    alone = run("c", targets=["home"])
    rankings = rank(group_variants([one, two, alone]), PROTOCOL)
    assert [(r.targets, r.is_cross) for r in rankings] == [
        (("away",), True),
        (("away", "far"), True),
        (("home",), False),
    ]


def test_the_best_is_compared_with_each_other_and_corrected(runs: list[ComparedRun]) -> None:
    everything = [*runs, run("middle", gap=0.2, seed=5)]
    [ranking] = rank(group_variants(everything), PROTOCOL)
    found = compare_with_best(ranking, PROTOCOL)
    assert [one.other.name for one in found] == ["middle", "poor"]
    for one in found:
        assert one.found is not None
        assert one.found.p_value is not None
        assert one.p_holm is not None
        assert one.p_holm >= one.found.p_value
        assert one.found.difference > 0
    assert comparison_table(found).rows[1][2].text.startswith("+")


def test_what_cannot_be_compared_is_named_with_its_reason() -> None:
    one, other = run("a", gap=0.4), run("b")
    pattern = "youtube|swap/test0"
    two_videos = [
        replace(each, videos=each.videos[each.videos["video_id"].str.contains(pattern)])
        for each in (one, other)
    ]
    [ranking] = rank(group_variants([one, other]), PROTOCOL)
    places = [
        replace(place, variant=replace(place.variant, runs=[each]))
        for place, each in zip(ranking.places, two_videos, strict=True)
    ]
    [found] = compare_with_best(replace(ranking, places=places), PROTOCOL)
    assert found.found is None
    row = comparison_table([found]).rows[0]
    assert row[2].text == "not comparable"
    assert "at least 2 real and 2 fake" in row[2].note


# What validation chose, cost, published rows, numbers


def test_the_choice_of_validation_stands_beside_that_of_the_test() -> None:
    bad_choice = [run("a", gap=0.4, val_video_auc=0.8), run("b", gap=0.0, val_video_auc=0.9)]
    table = choice_table(bad_choice)
    assert table is not None
    row = table.rows[0]
    assert [cell.text for cell in row[:4]] == ["away (n=36)", "home", "2", "b_s0"]
    assert row[5].text == "a_s0"
    gap = auc(bad_choice[0], "away") - auc(bad_choice[1], "away")
    assert row[7].text == f"{gap:+.3f}"
    assert choice_table(bad_choice[:1]) is None


def test_every_run_and_target_has_its_oracle(runs: list[ComparedRun]) -> None:
    table = threshold_table(runs)
    assert len(table.rows) == 8
    oracle = runs[0].metrics["datasets"]["away"]["test"]["oracle"]["threshold"]
    gap = oracle["balanced_accuracy"]["gap"]
    assert table.rows[0][4].text == ("0.000" if gap < 0.0005 else f"{gap:+.3f}")


def test_costs_are_shown_where_they_are_recorded() -> None:
    known = run(
        "a",
        num_parameters=5583000,
        flops_per_clip=4_200_000_000,
        frames_per_clip=10,
        scoring={"clips_per_second": 31.25, "device": "a CPU"},
    )
    [row] = cost_table(group_variants([known])).rows
    assert [cell.text for cell in row[2:]] == ["5,583,000", UNKNOWN, "4.20", "31.25"]
    assert [cell.note for cell in row[4:]] == ["(10 frames)", "(a CPU)"]


def test_published_rows_stand_apart_with_source_and_protocol() -> None:
    section = published_section(["uadfv", "synthetic_ffpp"])
    [table] = section.folded
    assert list(table.columns[-2:]) == ["protocol", "source"]
    assert all(row[-1].text and row[-2].text for row in table.rows)
    assert "chosen with knowledge of a test set" in section.notes[0]
    assert "Nothing is recorded as published for synthetic_ffpp" in section.notes[1]


def test_the_table_of_numbers_has_each_once_with_its_interval(runs: list[ComparedRun]) -> None:
    table = tidy_table(group_variants(runs))
    assert list(table.columns) == COLUMNS
    key = ["run", "target", "split", "level", "metric"]
    assert not table.duplicated(key).any()
    one = table.set_index(key).loc[("good_s1", "away", "test", "video", "auc")]
    estimate = runs[0].metrics["datasets"]["away"]["test"]["video"]["auc"]
    assert (one["value"], one["low"], one["high"], one["n"]) == (*estimate.values(), 36)
    assert {"auc/swap", "log_loss/platt", "at_threshold/recall_fake", "accuracy/gap"} <= set(
        table["metric"]
    )


@pytest.mark.slow
def test_the_overview_says_the_same_in_each_form(runs: list[ComparedRun]) -> None:
    found = render_overview(runs, PROTOCOL)
    value = f"{auc(runs[3], 'away'):.3f}"
    for text in (found.html, found.markdown, found.latex):
        assert value in text
        assert "oracle (test-selected)" in text
    assert r"good\_s1" in found.latex
    assert "good_s1" not in found.latex
    assert found.html == render_overview(runs[::-1], PROTOCOL).html


def test_a_page_of_runs_by_evil_names_holds_no_markup() -> None:
    found = render_overview([run("<script>x</script>")], PROTOCOL)
    assert "<script>" not in found.html

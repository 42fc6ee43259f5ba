"""What may be pooled, ranked and drawn together, and what the overview says beside the numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unmask.evaluation.predictions import empty_unscored
from unmask.evaluation.report.compare.cautions import caution_section
from unmask.evaluation.report.compare.grouping import group_variants
from unmask.evaluation.report.compare.matrix import (
    columns_of,
    heat_marks,
    heat_values,
    methods_table,
    repeat_notes,
    run_table,
    variant_table,
)
from unmask.evaluation.report.compare.ranking import (
    compare_with_best,
    comparison_table,
    rank,
    ranking_rows,
    ranking_table,
    smallest_corrected,
)
from unmask.evaluation.report.compare.selection import choice_table, threshold_table
from unmask.evaluation.report.compare.tidy import tidy_table
from unmask.evaluation.report.compare.variants import ComparedRun, read_recipe, typical_run
from unmask.evaluation.report.measure import measure, measured_videos
from unmask.evaluation.report.overview import Overview, render_overview
from unmask.evaluation.report.pictures import (
    decision_pictures,
    lines_on,
    logged_lines,
    overview_curves,
)
from unmask.evaluation.report.protocol import Protocol
from unmask.evaluation.report.table import Table

PROTOCOL = Protocol(num_resamples=20)
EPOCHS = pd.DataFrame({"val/video_auc": [0.6, 0.8], "train/loss": [0.7, 0.5]})


def clips(dataset: str, split: str, groups: Sequence[int], gap: float, seed: int) -> pd.DataFrame:
    """Return a real and a fake video of each group."""
    random = np.random.default_rng([seed, len(dataset), len(split)])
    rows = [
        {
            "dataset": dataset, "video_id": f"{dataset}/{split}{group}_{label}", "track_id": 0,
            "clip_index": 0, "label": label, "method": ("youtube", "swap")[label],
            "group": f"{split}{group}", "split": split, "num_frames": 4, "example_crop": "",
            "score": float(np.clip(0.4 + gap * label + random.normal(0, 0.2), 0, 1)),
        }
        for group in groups
        for label in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def run(
    model: str,
    *,
    seed: int | None = 1,
    gap: float = 0.3,
    targets: Mapping[str, Sequence[int]] | None = None,
    folder: str = "",
    shared_groups: int = 0,
    unscored: pd.DataFrame | None = None,
    curves: pd.DataFrame | None = None,
    recipe: dict[str, str] | None = None,
    **facts: Any,
) -> ComparedRun:
    """Return a run that was trained on "home" and tested on groups of each target."""
    tested = {"home": range(8), "away": range(8)} if targets is None else targets
    home = clips("home", "val", range(6), gap, seed or 0)
    parts = [clips(target, "test", groups, gap, seed or 0) for target, groups in tested.items()]
    table = pd.concat([home, *parts], ignore_index=True)
    for group in range(shared_groups):
        is_one = (table["dataset"] == "home") & (table["group"] == f"val{group}")
        table.loc[is_one, "group"] = f"test{group}"
    missing = empty_unscored() if unscored is None else unscored
    metrics = measure(
        table, missing, source_datasets=["home"], threshold_split="val", protocol=PROTOCOL
    )
    name = f"{model}_s{seed}"
    known = {"model": model, "data": "home", "seed": seed, "val_video_auc": 0.9, **facts}
    return ComparedRun(
        name=name,
        link=f"{folder}{name}/report.html",
        facts={key: value for key, value in known.items() if value is not None},
        metrics=metrics,
        videos=measured_videos(table, missing, PROTOCOL),
        curves=pd.DataFrame() if curves is None else curves,
        recipe=recipe,
    )


def forms(overview: Overview) -> tuple[str, str, str]:
    return overview.html, overview.markdown, overview.latex


def cell_of(table: Table, column: int, row: int = 0) -> str:
    cell = table.rows[row][column]
    return f"{cell.text} {cell.note}"


# Numbers of other videos


@pytest.fixture(scope="module")
def partial() -> list[ComparedRun]:
    """Return one model of two seeds: one on the whole target, one on a part of it."""
    return [
        run("m", seed=1, targets={"away": range(40)}, manifest_hashes={"away": "whole"}),
        run("m", seed=2, targets={"away": range(5)}, manifest_hashes={"away": "part"}),
    ]


def test_seeds_on_other_videos_are_never_averaged(partial: list[ComparedRun]) -> None:
    variants = group_variants(partial)
    assert [(one.name, len(one.runs)) for one in variants] == [
        ("m (10 videos of away)", 1),
        ("m (80 videos of away)", 1),
    ]
    table = variant_table(variants, ["away"])
    assert [row[2].text for row in table.rows] == ["1", "1"]
    assert not any("±" in cell.text or "runs" in cell.note for row in table.rows for cell in row)


def test_the_number_of_videos_stands_in_the_cell_where_cells_differ(
    partial: list[ComparedRun],
) -> None:
    for table in (
        variant_table(group_variants(partial[::-1]), ["away"]),
        run_table(partial, ["away"]),
    ):
        notes = sorted(cell_of(table, -1, row).partition("] ")[2] for row in range(2))
        assert notes == ["n=10, set 2", "n=80, set 1"]
        assert table.columns[-1] == "away"


def test_the_number_of_videos_stands_in_the_heading_where_all_agree() -> None:
    runs = [run("a"), run("b"), run("c", targets={"home": range(8)})]
    variants = group_variants(runs)
    for table in (variant_table(variants, ["away"]), run_table(runs, ["away"])):
        assert table.columns[-1] == "away (n=16)"
        assert not any("n=" in cell.note for row in table.rows for cell in row)
    assert list(heat_values(variants, ["away"])) == ["away (n=16)"]
    methods = methods_table(variants, "away")
    assert methods is not None
    assert methods.columns[-1] == "swap (n=8)"


def test_videos_without_a_score_are_counted_beside_the_others() -> None:
    missing = pd.DataFrame(
        [
            {
                "dataset": "away", "video_id": "away/lost", "label": 1, "method": "swap",
                "group": "test1", "split": "test", "reason": "no_face",
            }
        ]
    )  # fmt: skip
    table = run_table([run("a", unscored=missing)], ["home", "away"])
    assert table.columns[-2:] == ["home (n=16)", "away (n=16, 1 unscored)"]


def test_the_same_videos_of_another_manifest_are_no_second_seed() -> None:
    hashes = ["c23", "c23", "c40"]
    runs = [run("m", seed=n, manifest_hashes={"away": one}) for n, one in enumerate(hashes)]
    assert sorted(len(one.runs) for one in group_variants(runs)) == [1, 2]
    [away] = columns_of(group_variants(runs), ["away"])
    assert sorted(away.texts.values()) == ["n=16, set 1", "n=16, set 2"]


def test_a_seed_that_was_tested_on_less_is_still_one_of_its_variant() -> None:
    runs = [run("m", seed=1), run("m", seed=2, targets={"home": range(8)})]
    [variant] = group_variants(runs)
    table = variant_table([variant], ["away", "home"])
    assert (table.rows[0][4].note, table.rows[0][3].note[0]) == ("(2 runs)", "[")


def test_models_on_other_videos_are_not_ranked_together() -> None:
    large = run("a", gap=0.1, targets={"away": range(40)}, manifest_hashes={"away": "whole"})
    small = run("b", gap=0.9, targets={"away": range(5)}, manifest_hashes={"away": "part"})
    rankings = rank(group_variants([large, small]), PROTOCOL)
    assert [(one.headings, [place.variant.name for place in one.places]) for one in rankings] == [
        (("away (n=80, set 1)",), ["a"]),
        (("away (n=10, set 2)",), ["b"]),
    ]
    assert ranking_table(rankings[0]).columns[-1] == "away (n=80, set 1)"
    page = render_overview([large, small], PROTOCOL)
    for text in forms(page):
        assert "away (n=80, set 1)" in text
        assert "away (n=10, set 2)" in text
    assert "The only variant tested on away (n=80, set 1)" in page.markdown
    assert "stand numbers of different videos" in page.markdown


def test_the_heat_map_says_how_many_videos_differ(partial: list[ComparedRun]) -> None:
    marks = heat_marks(group_variants(partial), ["away"])
    assert marks.iloc[:, 0].tolist() == [" n=10, set 2", " n=80, set 1"]


def test_a_choice_is_one_among_runs_on_the_same_videos(partial: list[ComparedRun]) -> None:
    assert choice_table(partial) is None
    third = run("m", seed=3, targets={"away": range(40)}, manifest_hashes={"away": "whole"})
    table = choice_table([*partial, third])
    assert table is not None
    assert [[cell.text for cell in row[:3]] for row in table.rows] == [
        ["away (n=80, set 1)", "home", "2"]
    ]


def test_lines_of_other_videos_say_so(partial: list[ComparedRun]) -> None:
    names = [name for name, _ in lines_on(group_variants(partial), "away")]
    assert [name.rpartition(" (")[2] for name in names] == ["n=10, set 2)", "n=80, set 1)"]


def test_the_table_of_numbers_tells_sets_of_videos_apart(partial: list[ComparedRun]) -> None:
    third = run("m", seed=3, targets={"away": range(40)}, manifest_hashes={"away": "whole"})
    table = tidy_table(group_variants([*partial, third]))
    tests = table[table["split"] == "test"].groupby("run")["videos"].unique()
    assert tests["m_s1"].tolist() == tests["m_s3"].tolist() != tests["m_s2"].tolist()


# Cautions


@pytest.fixture(scope="module")
def leaky() -> list[ComparedRun]:
    """Return a run whose home test shows a group of validation, and an honest one."""
    return [run("leaky", shared_groups=1), run("honest")]


def test_a_group_in_two_splits_is_said_and_marked_in_every_form(leaky: list[ComparedRun]) -> None:
    page = render_overview(leaky, PROTOCOL)
    for text in forms(page):
        assert "Leak: 1 identity group of home" in text
        assert "(groups shared)" in text
    numbers = page.numbers.groupby(["run", "target"])["mark"].unique()
    assert numbers["leaky_s1", "home"].tolist() == ["(groups shared)"]
    assert numbers["leaky_s1", "away"].tolist() == numbers["honest_s1", "home"].tolist() == [""]


def test_the_mark_stands_at_the_numbers_of_its_data_set_alone(leaky: list[ComparedRun]) -> None:
    variants = group_variants(leaky)
    tables = [
        variant_table(variants, ["home", "away"]),
        run_table(leaky[::-1], ["home", "away"]),
        methods_table(variants, "home"),
        threshold_table(leaky[::-1]),
        choice_table([leaky[0], replace(leaky[1], facts={"val_video_auc": 0.1})]),
    ]
    marked = [
        sorted({row[0].text for row in table.rows for cell in row if "groups shared" in cell.text})
        for table in tables
        if table is not None
    ]
    assert marked == [["leaky"], ["leaky_s1"], ["leaky"], ["leaky_s1"], ["home (n=16)"]]
    assert heat_marks(variants, ["home", "away"]).to_numpy().tolist() == [["*", ""], ["*!", ""]]


def test_a_ranking_on_the_data_trained_on_carries_the_mark(leaky: list[ComparedRun]) -> None:
    at_home = [run("leaky", targets={"home": range(8)}, shared_groups=1, gap=0.9)]
    at_home.append(run("honest", targets={"home": range(8)}, gap=0.0))
    [ranking] = rank(group_variants(at_home), PROTOCOL)
    assert ranking_table(ranking).rows[0][2].text.endswith(" (groups shared)")
    assert ranking_rows(ranking)["name"][0] == "leaky ← home (groups shared)"
    assert "(groups shared)" in comparison_table(compare_with_best(ranking, PROTOCOL)).caption
    assert (
        "with a mean AUC of 1.000 (groups shared)." in render_overview(at_home, PROTOCOL).markdown
    )


def test_marks_of_a_run_and_of_its_data_stand_once_each() -> None:
    one = run("m", seed=1, shared_groups=1)
    leaked = replace(one, metrics={**one.metrics, "leak_allowed": True, "leaks": {"group": 1}})
    other = replace(leaked, facts={**one.facts, "seed": 2})
    [variant] = group_variants([leaked, other])
    assert variant.mark_of("home", "away") == " (leak allowed) (groups shared)"
    assert variant.mark_of("away") == " (leak allowed)"


def test_a_caution_of_several_runs_stands_once_with_their_names(leaky: list[ComparedRun]) -> None:
    [table] = caution_section([*leaky, run("other")]).tables
    assert len({row[0].text for row in table.rows}) == len(table.rows)
    assert table.rows[0][0].text.startswith("Leak: 1 identity group of home")
    assert table.rows[0][1].text == "leaky_s1"
    assert table.rows[-1][0].text.startswith("The checkpoint and the threshold are chosen on")
    assert table.rows[-1][1].text == "all 3 runs"


# The same seed again, and settings that teach nothing


def test_the_same_seed_again_is_no_second_sample() -> None:
    first, again = (run("m", folder=folder, gap=gap) for folder, gap in (("1/", 0.2), ("2/", 0.3)))
    [variant] = group_variants([again, first])
    assert (variant.runs, variant.repeats) == ([again], [first])
    cell = variant_table([variant], ["away"]).rows[0][-1]
    assert "±" not in cell.text
    assert cell.note.startswith("[0.")
    table = tidy_table([variant])
    assert table.groupby("link")["in_mean"].unique().map(list).to_dict() == {
        "1/m_s1/report.html": [False],
        "2/m_s1/report.html": [True],
    }


def test_a_repeat_is_named_with_the_run_that_counts() -> None:
    runs = [run("m", folder="1/"), run("m", folder="2/"), run("m", seed=2)]
    page = render_overview(runs, PROTOCOL)
    for text in (page.html, page.markdown):
        assert "m_s1 (1) (seed 1, like m_s1 (2))" in text
    assert repeat_notes(group_variants(runs[1:])) == []


def test_of_a_repeated_seed_the_one_with_more_tests_counts() -> None:
    more = run("m", folder="1/")
    [variant] = group_variants([more, run("m", folder="2/", targets={"home": range(8)})])
    assert variant.runs == [more]


def test_what_only_limits_or_repeats_is_no_part_of_a_recipe(tmp_path: Path) -> None:
    text = (
        "rerun: {0}\nmodel: x\n"
        "prepare: {{time_limit_seconds: {1}, memory_limit_gb: {1}, size: 3}}\n"
        "data: {{sets: {{a: {{root: /{1}, name: a, split: {{root: s}}}}}}}}\n"
    )
    recipes = []
    for words in (("false", 1), ("true", 2)):
        (tmp_path / "config.yaml").write_text(text.format(*words))
        recipes.append(read_recipe(tmp_path))
    assert recipes[0] == recipes[1]
    assert recipes[0] == {
        "model": '"x"', "prepare.size": "3", "data.sets.a.name": '"a"',
        "data.sets.a.split.root": '"s"',
    }  # fmt: skip
    seeds = [run("m", seed=seed, recipe=recipe) for seed, recipe in enumerate(recipes)]
    assert [len(one.runs) for one in group_variants(seeds)] == [2]


# Large tables of comparisons


def test_a_difference_can_be_found_among_26_rows() -> None:
    targets = {name: range(30) for name in ("away", "far")}
    runs = [run("best", gap=0.9, targets=targets)]
    runs += [run(f"m{n:02}", seed=n, gap=0.0, targets=targets) for n in range(13)]
    [ranking] = rank(group_variants(runs), PROTOCOL)
    found = compare_with_best(ranking, PROTOCOL)
    assert len(found) == 26
    floor = smallest_corrected(found)
    assert floor is not None
    assert floor == pytest.approx(26 * 2 / 10_401)
    assert all(one.p_holm is not None and floor <= one.p_holm < 0.05 for one in found)


def test_the_floor_of_the_p_values_is_printed() -> None:
    page = render_overview([run("a"), run("b", gap=0.0)], PROTOCOL)
    assert "Of 400 draws, no p (Holm) of these 1 rows can be below 0.00499." in page.markdown


# Runs of one name


def test_runs_of_one_name_are_told_apart_by_their_sweep() -> None:
    runs = [run("a", folder="mon_sweep/"), run("a", folder="tue_sweep/", gap=0.1, data="other")]
    page = render_overview(runs, PROTOCOL)
    for text in forms(page):
        assert "mon" in text
        assert "tue" in text
    numbers = page.numbers
    assert sorted(set(numbers["run"])) == ["a_s1 (mon_sweep)", "a_s1 (tue_sweep)"]
    assert not numbers.duplicated(["run", "target", "split", "level", "metric"]).any()
    assert set(numbers["link"]) == {one.link for one in runs}


# Curves


@pytest.fixture(scope="module")
def sweep() -> list[ComparedRun]:
    """Return five models of three seeds; the last by name is the best."""
    return [
        run(
            f"m{model}", seed=seed, gap=0.1 * model, targets={"away": range(8)},
            val_video_auc=(0.9, 0.7, 0.8)[seed], curves=EPOCHS,
        )
        for model in range(1, 6)
        for seed in range(3)
    ]  # fmt: skip


def test_every_variant_has_one_line_that_validation_chose(sweep: list[ComparedRun]) -> None:
    lines = lines_on(group_variants(sweep), "away")
    assert [name for name, _ in lines] == [f"m{model} ← home, seed 2" for model in range(1, 6)]
    assert [run.name for _, run in lines] == [f"m{model}_s2" for model in range(1, 6)]


def test_the_page_draws_all_variants_in_the_order_of_the_ranking(sweep: list[ComparedRun]) -> None:
    page = render_overview(sweep, PROTOCOL)
    [ranking] = rank(group_variants(sweep), PROTOCOL)
    order = [place.variant.title for place in ranking.places]
    assert order[0] == "m5 ← home"
    assert f"ROC curves of {', '.join(f'{one}, seed 2' for one in order)}" in page.html
    assert f"by epoch: {', '.join(f'{one}, seed 2' for one in order)}" in page.html
    assert page.markdown.count("10 other runs of these variants are not drawn") == 2
    assert page.html.count("Confusion matrix of") == page.html.count("Scores of real and fake") == 4
    assert f"Not drawn; their own reports show them: {order[4]}, seed 2." in page.markdown


def test_a_run_without_epochs_is_named_under_the_learning_curves() -> None:
    runs = [run("logged", curves=EPOCHS), run("silent")]
    assert [name for name, _ in logged_lines(group_variants(runs))] == ["logged ← home"]
    page = render_overview(runs, PROTOCOL)
    assert "Without logged epochs, and hence not drawn: silent ← home." in page.markdown


def test_variants_without_room_are_named() -> None:
    one = run("m", targets={"away": range(4)})
    runs = [
        replace(one, name=f"v{n:02}", link=f"{n}/r", facts={**one.facts, "model": f"v{n:02}"})
        for n in range(22)
    ]
    page = render_overview(runs, PROTOCOL)
    assert "The first 20 of 22 variants. Not drawn: v20 ← home; v21 ← home." in page.markdown


def test_the_typical_run_is_the_lower_median_on_validation() -> None:
    one = run("m")
    runs = [
        replace(one, name=str(auc), facts={"seed": seed, "val_video_auc": auc})
        for seed, auc in enumerate((0.9, 0.6, 0.8, 0.7))
    ]
    assert typical_run(runs).name == "0.7"
    assert typical_run(runs[:3]).name == "0.8"
    unknown = replace(one, name="unknown", facts={"seed": 9})
    assert typical_run([*runs, unknown]).name == "0.9"


def test_the_charts_of_a_target_leave_room_for_ten_on_a_page_of_5_mb() -> None:
    one = run("m", targets={"away": range(300)}, gap=0.15)
    lines = [(f"efficientnet_b{n}_transformer ← home", one) for n in range(20)]
    charts = [*overview_curves(lines, "away"), *decision_pictures(lines[:4], "away")]
    assert sum(len(picture.uri) for picture in charts) < 400_000

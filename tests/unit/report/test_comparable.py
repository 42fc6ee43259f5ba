"""What may be pooled, ranked and drawn together, and what the overview says beside the numbers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from unmask.report.compare.cautions import caution_section
from unmask.report.compare.csv_tables import tidy_table
from unmask.report.compare.grouping import group_variants
from unmask.report.compare.matrix import (
    columns_of,
    heat_marks,
    heat_values,
    methods_table,
    repeat_notes,
    run_table,
    variant_table,
)
from unmask.report.compare.ranking import (
    compare_with_best,
    comparison_table,
    rank,
    ranking_rows,
    ranking_table,
)
from unmask.report.compare.selection import choice_table, threshold_table
from unmask.report.compare.variants import ComparedRun, recipe_of
from unmask.report.overview import Overview, render_overview
from unmask.report.pictures import lines_on
from unmask.report.protocol import Protocol
from unmask.report.table import Table
from unmask.runs.run import Run

PROTOCOL = Protocol(num_resamples=20)
MakeRun = Callable[..., ComparedRun]


def forms(overview: Overview) -> tuple[str, str, str]:
    return overview.html, overview.markdown, overview.latex


def cell_of(table: Table, column: int, row: int = 0) -> str:
    cell = table.rows[row][column]
    return f"{cell.text} {cell.note}"


# Numbers of other videos


@pytest.fixture(scope="module")
def partial(make_run: MakeRun) -> list[ComparedRun]:
    """Return one model of two seeds: one on the whole target, one on a part of it."""
    return [
        make_run("m", seed=1, targets={"away": range(40)}, manifest_hashes={"away": "whole"}),
        make_run("m", seed=2, targets={"away": range(5)}, manifest_hashes={"away": "part"}),
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


def test_the_number_of_videos_stands_in_the_heading_where_all_agree(make_run: MakeRun) -> None:
    runs = [make_run("a"), make_run("b"), make_run("c", targets={"home": range(8)})]
    variants = group_variants(runs)
    for table in (variant_table(variants, ["away"]), run_table(runs, ["away"])):
        assert table.columns[-1] == "away (n=16)"
        assert not any("n=" in cell.note for row in table.rows for cell in row)
    assert list(heat_values(variants, ["away"])) == ["away (n=16)"]
    methods = methods_table(variants, "away")
    assert methods is not None
    assert methods.columns[-1] == "swap (n=8)"


def test_videos_without_a_score_are_counted_beside_the_others(make_run: MakeRun) -> None:
    missing = pd.DataFrame(
        [
            {
                "dataset": "away", "video_id": "away/lost", "label": 1, "method": "swap",
                "group": "test1", "split": "test", "reason": "no_face",
            }
        ]
    )  # fmt: skip
    table = run_table([make_run("a", unscored=missing)], ["home", "away"])
    assert table.columns[-2:] == ["home (n=16)", "away (n=16, 1 unscored)"]


def test_the_same_videos_of_another_manifest_are_no_second_seed(make_run: MakeRun) -> None:
    hashes = ["c23", "c23", "c40"]
    runs = [make_run("m", seed=n, manifest_hashes={"away": one}) for n, one in enumerate(hashes)]
    assert sorted(len(one.runs) for one in group_variants(runs)) == [1, 2]
    [away] = columns_of(group_variants(runs), ["away"])
    assert sorted(away.texts.values()) == ["n=16, set 1", "n=16, set 2"]


def test_a_seed_that_was_tested_on_less_is_still_one_of_its_variant(make_run: MakeRun) -> None:
    runs = [make_run("m", seed=1), make_run("m", seed=2, targets={"home": range(8)})]
    [variant] = group_variants(runs)
    table = variant_table([variant], ["away", "home"])
    assert (table.rows[0][4].note, table.rows[0][3].note[0]) == ("(2 runs)", "[")


def test_models_on_other_videos_are_not_ranked_together(make_run: MakeRun) -> None:
    large = make_run("a", gap=0.1, targets={"away": range(40)}, manifest_hashes={"away": "whole"})
    small = make_run("b", gap=0.9, targets={"away": range(5)}, manifest_hashes={"away": "part"})
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


def test_a_choice_is_one_among_runs_on_the_same_videos(
    partial: list[ComparedRun], make_run: MakeRun
) -> None:
    assert choice_table(partial) is None
    third = make_run("m", seed=3, targets={"away": range(40)}, manifest_hashes={"away": "whole"})
    table = choice_table([*partial, third])
    assert table is not None
    assert [[cell.text for cell in row[:3]] for row in table.rows] == [
        ["away (n=80, set 1)", "home", "2"]
    ]


def test_lines_of_other_videos_say_so(partial: list[ComparedRun]) -> None:
    names = [name for name, _ in lines_on(group_variants(partial), "away")]
    assert [name.rpartition(" (")[2] for name in names] == ["n=10, set 2)", "n=80, set 1)"]


def test_the_table_of_numbers_tells_sets_of_videos_apart(
    partial: list[ComparedRun], make_run: MakeRun
) -> None:
    third = make_run("m", seed=3, targets={"away": range(40)}, manifest_hashes={"away": "whole"})
    table = tidy_table(group_variants([*partial, third]))
    tests = table[table["split"] == "test"].groupby("run")["videos"].unique()
    assert tests["m_s1"].tolist() == tests["m_s3"].tolist() != tests["m_s2"].tolist()


# Cautions


@pytest.fixture(scope="module")
def leaky(make_run: MakeRun) -> list[ComparedRun]:
    """Return a run whose home test shows a group of validation, and an honest one."""
    return [make_run("leaky", shared_groups=1), make_run("honest")]


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_ranking_on_the_data_trained_on_carries_the_mark(
    leaky: list[ComparedRun], make_run: MakeRun
) -> None:
    at_home = [make_run("leaky", targets={"home": range(8)}, shared_groups=1, gap=0.9)]
    at_home.append(make_run("honest", targets={"home": range(8)}, gap=0.0))
    [ranking] = rank(group_variants(at_home), PROTOCOL)
    assert ranking_table(ranking).rows[0][2].text.endswith(" (groups shared)")
    assert ranking_rows(ranking)["name"][0] == "leaky ← home (groups shared)"
    assert "(groups shared)" in comparison_table(compare_with_best(ranking, PROTOCOL)).caption
    assert (
        "with a mean AUC of 1.000 (groups shared)." in render_overview(at_home, PROTOCOL).markdown
    )


def test_marks_of_a_run_and_of_its_data_stand_once_each(make_run: MakeRun) -> None:
    one = make_run("m", seed=1, shared_groups=1)
    leaked = replace(one, metrics={**one.metrics, "leak_allowed": True, "leaks": {"group": 1}})
    other = replace(leaked, facts={**one.facts, "seed": 2})
    [variant] = group_variants([leaked, other])
    assert variant.mark_of("home", "away") == " (leak allowed) (groups shared)"
    assert variant.mark_of("away") == " (leak allowed)"


def test_a_caution_of_several_runs_stands_once_with_their_names(
    leaky: list[ComparedRun], make_run: MakeRun
) -> None:
    [table] = caution_section([*leaky, make_run("other")]).tables
    assert len({row[0].text for row in table.rows}) == len(table.rows)
    assert table.rows[0][0].text.startswith("Leak: 1 identity group of home")
    assert table.rows[0][1].text == "leaky_s1"
    assert table.rows[-1][0].text.startswith("The checkpoint and the threshold are chosen on")
    assert table.rows[-1][1].text == "all 3 runs"


# The same seed again, and settings that teach nothing


def test_the_same_seed_again_is_no_second_sample(make_run: MakeRun) -> None:
    first, again = (
        make_run("m", folder=folder, gap=gap) for folder, gap in (("1/", 0.2), ("2/", 0.3))
    )
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


@pytest.mark.slow
def test_a_repeat_is_named_with_the_run_that_counts(make_run: MakeRun) -> None:
    runs = [make_run("m", folder="1/"), make_run("m", folder="2/"), make_run("m", seed=2)]
    page = render_overview(runs, PROTOCOL)
    for text in (page.html, page.markdown):
        assert "m_s1 (1) (seed 1, like m_s1 (2))" in text
    assert repeat_notes(group_variants(runs[1:])) == []


def test_of_a_repeated_seed_the_one_with_more_tests_counts(make_run: MakeRun) -> None:
    more = make_run("m", folder="1/")
    [variant] = group_variants([more, make_run("m", folder="2/", targets={"home": range(8)})])
    assert variant.runs == [more]


def test_what_only_limits_or_repeats_is_no_part_of_a_recipe(
    tmp_path: Path, make_run: MakeRun
) -> None:
    text = (
        "rerun: {0}\nmodel: x\n"
        "prepare: {{time_limit_seconds: {1}, memory_limit_gb: {1}, size: 3}}\n"
        "data: {{sets: {{a: {{root: /{1}, name: a, split: {{root: s}}}}}}}}\n"
    )
    recipes = []
    for words in (("false", 1), ("true", 2)):
        (tmp_path / "config.yaml").write_text(text.format(*words))
        recipes.append(recipe_of(Run(tmp_path).config))
    assert recipes[0] == recipes[1]
    assert recipes[0] == {
        "model": '"x"', "prepare.size": "3", "data.sets.a.name": '"a"',
    }  # fmt: skip
    seeds = [make_run("m", seed=seed, recipe=recipe) for seed, recipe in enumerate(recipes)]
    assert [len(one.runs) for one in group_variants(seeds)] == [2]

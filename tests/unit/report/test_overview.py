"""What the overview says of many rows, of runs of one name, and which lines it draws."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from unmask.report.compare.grouping import group_variants
from unmask.report.compare.ranking import compare_with_best, rank, smallest_corrected
from unmask.report.compare.variants import ComparedRun, typical_run
from unmask.report.overview import Overview, render_overview
from unmask.report.pictures import (
    decision_pictures,
    lines_on,
    logged_lines,
    overview_curves,
)
from unmask.report.protocol import Protocol

PROTOCOL = Protocol(num_resamples=20)
EPOCHS = pd.DataFrame({"val/video_auc": [0.6, 0.8], "train/loss": [0.7, 0.5]})
MakeRun = Callable[..., ComparedRun]


def forms(overview: Overview) -> tuple[str, str, str]:
    return overview.html, overview.markdown, overview.latex


# Large tables of comparisons


@pytest.mark.slow
def test_a_difference_can_be_found_among_26_rows(make_run: MakeRun) -> None:
    targets = {name: range(30) for name in ("away", "far")}
    runs = [make_run("best", gap=0.9, targets=targets)]
    runs += [make_run(f"m{n:02}", seed=n, gap=0.0, targets=targets) for n in range(13)]
    [ranking] = rank(group_variants(runs), PROTOCOL)
    found = compare_with_best(ranking, PROTOCOL)
    assert len(found) == 26
    floor = smallest_corrected(found)
    assert floor is not None
    assert floor == pytest.approx(26 * 2 / 10_401)
    assert all(one.p_holm is not None and floor <= one.p_holm < 0.05 for one in found)


@pytest.mark.slow
def test_a_target_of_many_people_is_drawn_less_often_and_both_counts_are_printed(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unmask.evaluation.significance.MAX_TABLE_GROUPS", 8)
    targets = {"away": range(8), "far": range(9)}
    page = render_overview([make_run(name, targets=targets) for name in "ab"], PROTOCOL)
    # The smaller of 2 x 2 / 81 and 2 x 2 / 801 is the one that no row can pass.
    assert "Of 80 or 800 draws, no p (Holm) of these 2 rows can be below 0.00499." in page.markdown


@pytest.mark.slow
def test_the_floor_of_the_p_values_is_printed(make_run: MakeRun) -> None:
    page = render_overview([make_run("a"), make_run("b", gap=0.0)], PROTOCOL)
    assert "Of 400 draws, no p (Holm) of this 1 row can be below 0.00499." in page.markdown


@pytest.mark.slow
def test_a_data_set_that_some_seeds_lack_is_named_beside_the_ranking(make_run: MakeRun) -> None:
    runs = [make_run("m"), make_run("m", seed=2, targets={"home": range(8)})]
    page = render_overview(runs, PROTOCOL)
    expected = "Not every seed was tested there, hence left out of the mean: m ← home (away)."
    assert page.markdown.count(expected) == 1
    assert "hence left out" not in render_overview(runs[:1], PROTOCOL).markdown


# Runs of one name


def test_runs_of_one_name_are_told_apart_by_their_sweep(make_run: MakeRun) -> None:
    runs = [
        make_run("a", folder="mon_sweep/"),
        make_run("a", folder="tue_sweep/", gap=0.1, data="other"),
    ]
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
def sweep(make_run: MakeRun) -> list[ComparedRun]:
    """Return five models of three seeds; the last by name is the best."""
    return [
        make_run(
            f"m{model}", seed=seed, gap=0.1 * model, targets={"away": range(8)},
            val_video_auc=(0.9, 0.7, 0.8)[seed], curves=EPOCHS,
        )
        for model in range(1, 6)
        for seed in range(3)
    ]  # fmt: skip


@pytest.mark.slow
def test_every_variant_has_one_line_that_validation_chose(sweep: list[ComparedRun]) -> None:
    lines = lines_on(group_variants(sweep), "away")
    assert [name for name, _ in lines] == [f"m{model} ← home, seed 2" for model in range(1, 6)]
    assert [run.name for _, run in lines] == [f"m{model}_s2" for model in range(1, 6)]


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_run_without_epochs_is_named_under_the_learning_curves(make_run: MakeRun) -> None:
    runs = [make_run("logged", curves=EPOCHS), make_run("silent")]
    assert [name for name, _ in logged_lines(group_variants(runs))] == ["logged ← home"]
    page = render_overview(runs, PROTOCOL)
    assert "Without logged epochs, and hence not drawn: silent ← home." in page.markdown


@pytest.mark.slow
def test_variants_without_room_are_named(make_run: MakeRun) -> None:
    one = make_run("m", targets={"away": range(4)})
    runs = [
        replace(one, name=f"v{n:02}", link=f"{n}/r", facts={**one.facts, "model": f"v{n:02}"})
        for n in range(22)
    ]
    page = render_overview(runs, PROTOCOL)
    assert "The first 20 of 22 variants. Not drawn: v20 ← home; v21 ← home." in page.markdown


def test_the_typical_run_is_the_lower_median_on_validation(make_run: MakeRun) -> None:
    one = make_run("m")
    runs = [
        replace(one, name=str(auc), facts={"seed": seed, "val_video_auc": auc})
        for seed, auc in enumerate((0.9, 0.6, 0.8, 0.7))
    ]
    assert typical_run(runs).name == "0.7"
    assert typical_run(runs[:3]).name == "0.8"
    unknown = replace(one, name="unknown", facts={"seed": 9})
    assert typical_run([*runs, unknown]).name == "0.9"


@pytest.mark.slow
def test_the_charts_of_a_target_leave_room_for_ten_on_a_page_of_5_mb(make_run: MakeRun) -> None:
    one = make_run("m", targets={"away": range(300)}, gap=0.15)
    lines = [(f"efficientnet_b{n}_transformer ← home", one) for n in range(20)]
    charts = [*overview_curves(lines, "away"), *decision_pictures(lines[:4], "away")]
    assert sum(len(picture.uri) for picture in charts) < 400_000

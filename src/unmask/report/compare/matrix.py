"""Trained here, tested there: the AUC of every variant and run on every test set."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from unmask.pages.numbers import number
from unmask.report.compare.counts import CountedVideos, count_videos
from unmask.report.compare.variants import ComparedRun, Variant
from unmask.report.table import DASH, Cell, Table, estimate_cell

NOT_TESTED = "not tested"


def targets_of(runs: Sequence[ComparedRun]) -> list[str]:
    """Return every data set that a run was tested on, sorted."""
    return sorted({target for run in runs for target in run.tests})


def mean_and_deviation(values: Sequence[float]) -> str:
    """Write a mean and the standard deviation over runs (of n - 1), where there are several.

    Example:
        >>> mean_and_deviation([0.8, 0.9]), mean_and_deviation([0.8])
        ('0.850 ± 0.071', '0.800')
    """
    if len(values) == 1:
        return number(values[0])
    return f"{number(fmean(values))} ± {stdev(values):.3f}"


def variant_table(variants: Sequence[Variant], targets: Sequence[str]) -> Table:
    """Write the AUC of each variant on each target; several seeds as mean and deviation.

    The number of videos stands in the heading, or in each cell where cells differ in it.
    """
    columns = columns_of(variants, targets)
    rows = []
    for variant in variants:
        cells = [Cell(variant.name), Cell(variant.source), Cell(str(len(variant.runs)))]
        rows.append([*cells, *(_variant_cell(variant, column) for column in columns)])
    return Table(
        "AUC of test videos: trained here, tested there",
        ["model", "trained on", "runs", *(column.heading for column in columns)],
        rows,
    )


def columns_of(variants: Sequence[Variant], targets: Sequence[str]) -> list[CountedVideos]:
    """Count the test videos of each target, of the runs that do not count in means too."""
    everyone = [run for one in variants for run in (*one.runs, *one.repeats)]
    return [count_videos(everyone, target) for target in targets]


def _variant_cell(variant: Variant, column: CountedVideos) -> Cell:
    target, runs = column.name, variant.tested_on(column.name)
    if not runs:
        return Cell(NOT_TESTED)
    is_home = variant.is_home(target)
    if len(runs) == 1:
        return _auc_cell(runs[0], column, is_home=is_home)
    return Cell(
        mean_and_deviation([_auc(run, target)["value"] for run in runs]) + variant.mark_of(target),
        note=f"({len(runs)} runs) {column.note(runs[0])}".rstrip(),
        is_strong=is_home,
    )


def _auc_cell(run: ComparedRun, column: CountedVideos, *, is_home: bool) -> Cell:
    estimate, mark = _auc(run, column.name), run.mark_of(column.name)
    cell = estimate_cell(estimate, mark=mark, is_strong=is_home)
    return replace(cell, note=f"{cell.note} {column.note(run)}".rstrip())


def run_table(runs: Sequence[ComparedRun], targets: Sequence[str]) -> Table:
    """Write the AUC of each single run on each target, with intervals and numbers of videos."""
    columns = [count_videos(runs, target) for target in targets]
    rows = []
    for run in runs:
        cells = [Cell(run.name, link=run.link), Cell(run.source)]
        for column in columns:
            is_home = run.is_home(column.name)
            cells.append(
                _auc_cell(run, column, is_home=is_home)
                if column.name in run.tests
                else Cell(NOT_TESTED)
            )
        rows.append(cells)
    headings = [column.heading for column in columns]
    return Table("AUC of test videos, every run", ["run", "trained on", *headings], rows)


def repeat_notes(variants: Sequence[Variant]) -> list[str]:
    """Name the runs that count in no mean, because another of the same seed does."""
    found = [
        f"{run.name} (seed {run.seed}, like {kept.name})"
        for one in variants
        for run in one.repeats
        for kept in one.runs
        if kept.seed == run.seed
    ]
    if not found:
        return []
    return [
        "The same seed again is no second sample. These stand among the single runs alone, and in "
        f"no mean, ranking or curve: {'; '.join(found)}."
    ]


def heat_values(variants: Sequence[Variant], targets: Sequence[str]) -> pd.DataFrame:
    """Return the mean AUC by variant and target's heading, NaN where there is no test."""
    return pd.DataFrame(
        [
            [
                fmean(aucs) if (aucs := _aucs(variant, target)) else float("nan")
                for target in targets
            ]
            for variant in variants
        ],
        index=[variant.title for variant in variants],
        columns=[column.heading for column in columns_of(variants, targets)],
    )


def heat_marks(variants: Sequence[Variant], targets: Sequence[str]) -> pd.DataFrame:
    """Return what stands behind each number of the heat map.

    Returns:
        A star for each data set that a variant was trained on, an exclamation mark where its
        numbers are marked, and the number of videos where the heading does not say it.
    """
    columns = columns_of(variants, targets)
    return pd.DataFrame(
        [[_heat_mark(one, column) for column in columns] for one in variants],
        index=[one.title for one in variants],
        columns=[column.heading for column in columns],
    )


def _heat_mark(variant: Variant, column: CountedVideos) -> str:
    target, runs = column.name, variant.tested_on(column.name)
    home = "*" if variant.is_home(target) else ""
    marked = "!" if variant.mark_of(target) else ""
    count = f" {column.note(runs[0])}" if runs and column.note(runs[0]) else ""
    return home + marked + count


def methods_table(variants: Sequence[Variant], target: str) -> Table | None:
    """Write the AUC of each manipulation of a target against its own real videos.

    Returns:
        The table, or None where nobody was tested there.
    """
    members = [one for one in variants if one.tested_on(target)]
    runs = [run for one in members for run in one.runs]
    methods = sorted({name for run in runs for name in _methods(run, target)})
    if not methods:
        return None
    counts = {name: _fakes_of(runs, target, name) for name in methods}
    [column] = columns_of(variants, [target])
    rows = [
        [
            Cell(one.name, note=column.note(one.tested_on(target)[0])),
            Cell(one.source),
            *(_method_cell(one, target, name, is_one=len(counts[name]) == 1) for name in methods),
        ]
        for one in members
    ]
    headings = [
        f"{name} (n={next(iter(counts[name]))})" if len(counts[name]) == 1 else name
        for name in methods
    ]
    return Table(
        f"AUC by manipulation of {target}, each against the real videos of its footage; n: fakes",
        ["model", "trained on", *headings],
        rows,
    )


def _fakes_of(runs: Sequence[ComparedRun], target: str, method: str) -> set[int]:
    found = [_methods(run, target).get(method) for run in runs]
    return {one["count"] for one in found if one is not None}


def _method_cell(variant: Variant, target: str, method: str, *, is_one: bool) -> Cell:
    found = [one for run in variant.runs if (one := _methods(run, target).get(method)) is not None]
    known = [one["auc"] for one in found if one["auc"] is not None]
    if not found:
        return Cell(DASH)
    count = "" if is_one else f"n={found[0]['count']}"
    if not known:
        return Cell("none", note=f"({found[0]['reason']}) {count}".rstrip())
    if len(known) == 1:
        cell = estimate_cell(known[0], mark=variant.mark_of(target))
        return replace(cell, note=f"{cell.note} {count}".rstrip())
    return Cell(
        mean_and_deviation([one["value"] for one in known]) + variant.mark_of(target), note=count
    )


def _methods(run: ComparedRun, target: str) -> dict[str, Any]:
    if target not in run.tests:
        return {}
    methods: dict[str, Any] = run.tests[target].content["methods"]["fake"]
    return methods


def _auc(run: ComparedRun, target: str) -> dict[str, Any]:
    auc: dict[str, Any] = run.tests[target].content["video"]["auc"]
    return auc


def _aucs(variant: Variant, target: str) -> list[float]:
    return [_auc(run, target)["value"] for run in variant.runs if target in run.tests]

"""Trained here, tested there: the AUC of every variant and run on every test set."""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from unmask.evaluation.report.compare.variants import ComparedRun, Variant
from unmask.evaluation.report.table import DASH, Cell, Table, estimate_cell
from unmask.evaluation.report.wording import number

NOT_TESTED = "not tested"


def targets_of(runs: Sequence[ComparedRun]) -> list[str]:
    """Return every data set that a run was tested on, sorted."""
    return sorted({target for run in runs for target in run.tests})


def spread(values: Sequence[float]) -> str:
    """Write a mean and the standard deviation over runs (of n - 1), where there are several.

    Example:
        >>> spread([0.8, 0.9]), spread([0.8])
        ('0.850 ± 0.071', '0.800')
    """
    if len(values) == 1:
        return number(values[0])
    return f"{number(fmean(values))} ± {stdev(values):.3f}"


def variant_table(variants: Sequence[Variant], targets: Sequence[str]) -> Table:
    """Write the AUC of each variant on each target; several seeds as mean and deviation."""
    rows = []
    for variant in variants:
        cells = [Cell(variant.name), Cell(variant.source), Cell(str(len(variant.runs)))]
        rows.append([*cells, *(_variant_cell(variant, target) for target in targets)])
    return Table(
        "AUC of test videos: trained here, tested there",
        ["model", "trained on", "runs", *targets],
        rows,
    )


def _variant_cell(variant: Variant, target: str) -> Cell:
    runs = [run for run in variant.runs if target in run.tests]
    if not runs:
        return Cell(NOT_TESTED)
    is_home = variant.is_home(target)
    if len(runs) == 1:
        return estimate_cell(_auc(runs[0], target), mark=variant.mark, is_strong=is_home)
    return Cell(
        spread([_auc(run, target)["value"] for run in runs]) + variant.mark,
        note=f"({len(runs)} runs)",
        is_strong=is_home,
    )


def run_table(runs: Sequence[ComparedRun], targets: Sequence[str]) -> Table:
    """Write the AUC of each single run on each target, with intervals."""
    rows = []
    for run in runs:
        cells = [Cell(run.name, link=run.link), Cell(run.source)]
        for target in targets:
            is_home = run.is_home(target)
            cells.append(
                estimate_cell(_auc(run, target), mark=run.mark, is_strong=is_home)
                if target in run.tests
                else Cell(NOT_TESTED)
            )
        rows.append(cells)
    return Table("AUC of test videos, every run", ["run", "trained on", *targets], rows)


def heat_values(variants: Sequence[Variant], targets: Sequence[str]) -> pd.DataFrame:
    """Return the mean AUC by variant and target, NaN where there is no test."""
    return pd.DataFrame(
        [
            [
                fmean(aucs) if (aucs := _aucs(variant, target)) else float("nan")
                for target in targets
            ]
            for variant in variants
        ],
        index=[variant.title for variant in variants],
        columns=list(targets),
    )


def heat_marks(variants: Sequence[Variant], targets: Sequence[str]) -> pd.DataFrame:
    """Return a star for each data set that a variant was trained on."""
    return pd.DataFrame(
        [["*" if one.is_home(target) else "" for target in targets] for one in variants],
        index=[one.title for one in variants],
        columns=list(targets),
    )


def methods_table(variants: Sequence[Variant], target: str) -> Table | None:
    """Write the AUC of each manipulation of a target against its own real videos.

    Returns:
        The table, or None where nobody was tested there.
    """
    tested = [one for one in variants if any(target in run.tests for run in one.runs)]
    methods = sorted({name for one in tested for run in one.runs for name in _methods(run, target)})
    if not methods:
        return None
    rows = [
        [Cell(one.name), Cell(one.source), *(_method_cell(one, target, name) for name in methods)]
        for one in tested
    ]
    return Table(
        f"AUC by manipulation of {target}, each against the real videos of its footage",
        ["model", "trained on", *methods],
        rows,
    )


def _method_cell(variant: Variant, target: str, method: str) -> Cell:
    found = [_methods(run, target).get(method) for run in variant.runs]
    known = [one["auc"] for one in found if one is not None and one["auc"] is not None]
    if not known:
        reasons = [one["reason"] for one in found if one is not None]
        return Cell("none", note=f"({reasons[0]})") if reasons else Cell(DASH)
    if len(known) == 1:
        return estimate_cell(known[0], mark=variant.mark)
    return Cell(spread([one["value"] for one in known]) + variant.mark)


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

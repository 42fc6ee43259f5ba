"""What a reader should know of the runs before believing the comparison."""

from collections.abc import Sequence

from unmask.report.compare.variants import ComparedRun
from unmask.report.table import Cell, Section, Table
from unmask.report.wording import cautions


def caution_section(runs: Sequence[ComparedRun]) -> Section:
    """Write every caution of the runs' own reports once, with the runs that it holds for.

    Args:
        runs: In the order in which they are named.
    """
    holders: dict[str, list[str]] = {}
    places: dict[str, int] = {}
    for run in runs:
        found = cautions(run.metrics)
        for place, sentence in enumerate(found):
            holders.setdefault(sentence, []).append(run.name)
            # Each run lists the worst first. They end alike, hence places from the end.
            places[sentence] = max(places.get(sentence, 0), len(found) - place)
    rows = [
        [Cell(sentence), Cell(_names(holders[sentence], len(runs)))]
        for sentence in sorted(holders, key=lambda one: -places[one])
    ]
    notes = [
        "Words in brackets behind a number, such as (leak allowed) or (groups shared), mark what "
        "may measure memory; in the heat map it is an exclamation mark."
    ]
    if not rows:
        return Section("Before believing these numbers", notes=["No run has a caution.", *notes])
    table = Table("Cautions, worst first", ["caution", "runs"], rows)
    return Section("Before believing these numbers", notes=notes, tables=[table])


def _names(names: Sequence[str], num_runs: int) -> str:
    if len(names) == num_runs > 1:
        return f"all {num_runs} runs"
    return ", ".join(names)

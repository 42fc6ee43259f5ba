"""Several runs beside each other: trained where, tested where."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.evaluation.report.render import environment
from unmask.evaluation.report.wording import LEAK_MARK, blocks


@dataclass(frozen=True)
class OverviewRow:
    """One run in the overview.

    Args:
        name: What the run is called.
        source_dataset: What it was trained on, for a person.
        source_datasets: The same as a list.
        leak_mark: Stands at each number of a run with leaks; empty where they are refused.
        link: Its report, relative to the overview.
        tests: Data set -> metrics of its test videos.
    """

    name: str
    source_dataset: str
    source_datasets: list[str]
    leak_mark: str
    link: str
    tests: dict[str, dict[str, Any]]


def overview_row(name: str, metrics: dict[str, Any], html: Path, out_dir: Path) -> OverviewRow:
    """Take from a run's metrics what the overview shows.

    Args:
        name: What the run is called.
        metrics: The content of its ``metrics.json``.
        html: Its report.
        out_dir: Where the overview will be.

    Returns:
        Its row.
    """
    return OverviewRow(
        name=name,
        source_dataset=metrics["source_dataset"],
        source_datasets=metrics["source_datasets"],
        leak_mark=LEAK_MARK * metrics["leak_allowed"],
        link=Path(os.path.relpath(html, out_dir)).as_posix(),
        tests={
            block.dataset: block.content["video"]
            for block in blocks(metrics)
            if block.is_test and block.split == "test"
        },
    )


def render_overview(rows: list[OverviewRow], protocol: dict[str, Any]) -> tuple[str, str]:
    """Write the table of runs by test set.

    Args:
        rows: At least one.
        protocol: How all of them were measured.

    Returns:
        HTML and Markdown.
    """
    ordered = sorted(rows, key=lambda row: (row.source_dataset, row.name, row.link))
    context = {
        "rows": ordered,
        "targets": sorted({dataset for row in rows for dataset in row.tests}),
        "protocol": protocol,
    }
    templates = environment()
    return (
        templates.get_template("overview.html.jinja").render(context),
        templates.get_template("overview.md.jinja").render(context),
    )

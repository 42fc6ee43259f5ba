"""From the predictions of runs to reports that a person reads."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unmask.core.errors import DataError
from unmask.core.files import write_json, write_text
from unmask.report.compare.variants import ComparedRun, recipe_of
from unmask.report.figures import InlineImage
from unmask.report.measure import measure, measured_videos
from unmask.report.overview import render_overview
from unmask.report.protocol import Protocol
from unmask.report.render import render_report
from unmask.runs.card import headline_metrics
from unmask.runs.files import METRICS_FILE, REPORT_TEXT_FILE
from unmask.runs.run import Run


@dataclass(frozen=True)
class ReportSummary:
    """The report of one run: its files and its content.

    Args:
        name: What the run is called.
        metrics: The content of ``metrics.json``.
        markdown: The same without pictures.
        compared: What a comparison with other runs needs; its link is the page's path.
    """

    name: str
    metrics: dict[str, Any]
    html: Path
    markdown: Path
    compared: ComparedRun
    pictures: list[InlineImage]


@dataclass(frozen=True)
class OverviewSummary:
    """Where the comparison of several runs is.

    Args:
        reports: One per run, in the order given.
        markdown: The same as text.
        csv: Its numbers, one row each.
    """

    reports: list[ReportSummary]
    html: Path
    markdown: Path
    latex: Path
    csv: Path


def report(run_dir: Path, protocol: Protocol | None = None) -> ReportSummary:
    """Measure the predictions of a run and write its report beside them.

    Writes ``metrics.json``, ``report.md`` and ``report.html``, and the headline metrics into
    ``run.json``. Equal predictions give an equal ``metrics.json``, byte for byte.

    Args:
        run_dir: What ``unmask evaluate`` left: ``run.json``, ``predictions.parquet``,
            ``unscored.parquet`` and ``metrics.csv`` of the training.
        protocol: How predictions become numbers; None takes the defaults.

    Returns:
        The metrics and the paths of the two texts.

    Raises:
        DataError: If a file of the run is missing or unreadable.
        PredictionsError: If a table breaks its schema or a split holds one class only.
    """
    protocol = protocol or Protocol()
    run = Run.open(run_dir)
    videos = measured_videos(run.predictions, run.unscored, protocol)
    metrics = measure(
        run.predictions,
        run.unscored,
        source_datasets=run.source_datasets,
        leaks=run.leaks,
        checkpoint=run.state,
        threshold_split=run.threshold_split,
        protocol=protocol,
        videos=videos,
    )
    pages = render_report(run, metrics, videos)
    facts, recipe = run.facts, recipe_of(run.config)
    html, markdown = run.report, run_dir / REPORT_TEXT_FILE
    with run.edit() as write:
        write_json(run_dir / METRICS_FILE, metrics)
        write(metrics=headline_metrics(metrics))
    write_text(markdown, pages.markdown)
    write_text(html, pages.html)
    compared = ComparedRun(
        name=run.name,
        link=html.as_posix(),
        facts=facts,
        metrics=metrics,
        videos=videos,
        curves=run.curves,
        recipe=recipe,
    )
    return ReportSummary(run.name, metrics, html, markdown, compared, pages.pictures)


def report_runs(
    run_dirs: Sequence[Path], protocol: Protocol | None = None, *, out_dir: Path
) -> OverviewSummary:
    """Report each of several runs, and compare all of them.

    Args:
        run_dirs: Run directories, at least one.
        protocol: As in :func:`report`.
        out_dir: Where ``overview.html``, ``.md``, ``.tex`` and ``.csv`` go.

    Returns:
        The reports and the paths of the overview.

    Raises:
        DataError: If no run is given, or a file of one is missing or unreadable.
        PredictionsError: As in :func:`report`.
    """
    if not run_dirs:
        raise DataError("No run to report; `unmask report runs='outputs/*'` names some.")
    protocol = protocol or Protocol()
    reports = [report(run_dir, protocol) for run_dir in run_dirs]
    found = render_overview(
        [replace(one.compared, link=_relative(one.html, out_dir)) for one in reports], protocol
    )
    names = {name: out_dir / f"overview.{name}" for name in ("html", "md", "tex", "csv")}
    write_text(names["md"], found.markdown)
    write_text(names["tex"], found.latex)
    write_text(names["csv"], found.numbers.to_csv(index=False, lineterminator="\n"))
    write_text(names["html"], found.html)
    return OverviewSummary(
        reports, names["html"], names["md"], latex=names["tex"], csv=names["csv"]
    )


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()

"""From the predictions of runs to reports that a person reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.core.errors import DataError
from unmask.core.files import write_json, write_text
from unmask.evaluation.aggregate import TOP_K, Aggregation, UnscoredPolicy
from unmask.evaluation.report.measure import measure
from unmask.evaluation.report.overview import overview_row, render_overview
from unmask.evaluation.report.protocol import Protocol
from unmask.evaluation.report.render import render_report
from unmask.evaluation.report.run import read_run


@dataclass(frozen=True)
class ReportSummary:
    """Where the report of one run is, and what it says.

    Args:
        name: What the run is called.
        metrics: The content of ``metrics.json``.
        html: The page.
        markdown: The same without pictures.
    """

    name: str
    metrics: dict[str, Any]
    html: Path
    markdown: Path


@dataclass(frozen=True)
class OverviewSummary:
    """Where the comparison of several runs is.

    Args:
        reports: One per run, in the order given.
        html: The page.
        markdown: The same table as text.
    """

    reports: list[ReportSummary]
    html: Path
    markdown: Path


def report(
    run_dir: Path,
    *,
    num_resamples: int = 1000,
    how: Aggregation = "mean",
    top_k: int = TOP_K,
    unscored: UnscoredPolicy = "exclude",
    level: float = 0.95,
    seed: int = 0,
) -> ReportSummary:
    """Measure the predictions of a run and write its report beside them.

    Writes ``metrics.json``, ``report.md`` and ``report.html``. Equal predictions give an equal
    ``metrics.json``, byte for byte.

    Args:
        run_dir: What ``unmask evaluate`` left: ``run.json``, ``predictions.parquet``,
            ``unscored.parquet`` and ``metrics.csv`` of the training.
        num_resamples: Resamples behind each interval.
        how: How the clips of a video give its score.
        top_k: Clips behind it where ``how`` is ``"topk"``.
        unscored: What becomes of videos without a usable face.
        level: Share of the resamples inside an interval.
        seed: Of the resamples.

    Returns:
        The metrics and the paths of the two texts.

    Raises:
        DataError: If a file of the run is missing or unreadable.
        PredictionsError: If a table breaks its schema or a split holds one class only.
        ValueError: If an argument is out of range.
    """
    protocol = Protocol(
        how=how,
        top_k=top_k,
        unscored=unscored,
        num_resamples=num_resamples,
        level=level,
        seed=seed,
    )
    run = read_run(run_dir)
    metrics = measure(
        run.predictions,
        run.unscored,
        source_datasets=run.source_datasets,
        leaks=run.facts.get("leaks", {}) if run.leak_allowed else None,
        threshold_split=run.threshold_split,
        protocol=protocol,
    )
    page, text = render_report(run, metrics)
    html, markdown = run_dir / "report.html", run_dir / "report.md"
    write_json(run_dir / "metrics.json", metrics)
    write_text(markdown, text)
    write_text(html, page)
    return ReportSummary(name=run.name, metrics=metrics, html=html, markdown=markdown)


def report_runs(
    run_dirs: Sequence[Path],
    *,
    out_dir: Path,
    num_resamples: int = 1000,
    how: Aggregation = "mean",
    top_k: int = TOP_K,
    unscored: UnscoredPolicy = "exclude",
    level: float = 0.95,
    seed: int = 0,
) -> OverviewSummary:
    """Report each of several runs, and all of them in one table of source by target.

    Args:
        run_dirs: Run directories, at least one.
        out_dir: Where ``overview.html`` and ``overview.md`` go.
        num_resamples: As in :func:`report`.
        how: As in :func:`report`.
        top_k: As in :func:`report`.
        unscored: As in :func:`report`.
        level: As in :func:`report`.
        seed: As in :func:`report`.

    Returns:
        The reports and the paths of the overview.

    Raises:
        DataError: If no run is given, or a file of one is missing or unreadable.
        PredictionsError: As in :func:`report`.
        ValueError: If an argument is out of range.
    """
    if not run_dirs:
        raise DataError("No run to report; `unmask report runs='outputs/train/*'` names some.")
    reports = [
        report(
            run_dir,
            num_resamples=num_resamples,
            how=how,
            top_k=top_k,
            unscored=unscored,
            level=level,
            seed=seed,
        )
        for run_dir in run_dirs
    ]
    rows = [overview_row(one.name, one.metrics, one.html, out_dir) for one in reports]
    page, text = render_overview(rows, reports[0].metrics["protocol"])
    html, markdown = out_dir / "overview.html", out_dir / "overview.md"
    write_text(markdown, text)
    write_text(html, page)
    return OverviewSummary(reports=reports, html=html, markdown=markdown)

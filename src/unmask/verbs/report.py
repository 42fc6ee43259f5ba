"""`unmask report`: from the predictions of runs to metrics and pages."""

from pathlib import Path

from unmask.config.schema import ReportConfig
from unmask.core.errors import DataError
from unmask.report.write import OverviewSummary, report_runs
from unmask.runs.run import MOST_LEVELS, Run
from unmask.verbs.listener import Listener, ignore
from unmask.verbs.objects import make_protocol


def report(config: ReportConfig, folder: Path, *, listener: Listener = ignore) -> OverviewSummary:
    """Report on each run that a pattern matches, and compare all of them.

    The comparison of a single run shows it beside published numbers, as LaTeX and as CSV.

    Args:
        folder: Where the comparison goes; each run's own report goes into its folder.
        listener: Hears which runs are left out, and the summary.

    Raises:
        DataError: If no run with predictions matches, or a file of one cannot be read.
    """
    runs = scored_runs(config.runs, listener=listener)
    summary = report_runs(runs, make_protocol(config.eval, config.seed), out_dir=folder)
    listener(summary)
    return summary


def scored_runs(
    pattern: str, *, levels: int = MOST_LEVELS, listener: Listener = ignore
) -> list[Path]:
    """List the runs with predictions that a pattern matches.

    Args:
        pattern: Pattern of folders of runs, or of folders that hold them, e.g. ``"outputs/*"``.
        levels: How far below a matched folder runs are looked for; 0 takes matched runs alone.
        listener: Hears which runs have no predictions yet.

    Raises:
        DataError: If no finished run matches, or none of them has predictions.
    """
    finished = Run.find(pattern, levels=levels)
    scored = [run for run in finished if run.has_tables]
    if not finished:
        raise DataError(
            f"No finished training run matches runs='{pattern}'; "
            "a run is a folder that `unmask train` wrote, with run.json in it."
        )
    if not scored:
        raise DataError(
            f"No run that matches runs='{pattern}' has whole tables of predictions; "
            f"`unmask evaluate run={finished[0].folder}` makes them."
        )
    for run in finished:
        if run not in scored:
            listener(f"Left out, because it has no whole tables of predictions: {run.folder}")
    return [run.folder for run in scored]

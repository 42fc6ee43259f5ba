"""`unmask report`: from predictions to metrics and pages."""

from pathlib import Path

from unmask.cli.console import console
from unmask.cli.hydra import Call, run_verb
from unmask.config.schema import EvalConfig, ReportConfig
from unmask.core.errors import DataError
from unmask.report.wording import headline
from unmask.report.write import ReportSummary, report_runs
from unmask.report.write import report as report_run
from unmask.runs.run import MOST_LEVELS, Run


def report(arguments: list[str]) -> None:
    """Report on one or more runs."""
    run_verb("report", _report, arguments)


def _report(call: Call) -> None:
    config: ReportConfig = call.config
    write_overview(scored_runs(config.runs), config.eval, seed=config.seed, out_dir=call.run_dir)


def scored_runs(pattern: str, *, levels: int = MOST_LEVELS) -> list[Path]:
    """List the runs that a pattern matches, saying which of them have no predictions yet.

    Args:
        pattern: Of folders of runs, or of folders that hold them, e.g. ``"outputs/*"``.
        levels: How far below a matched folder runs are looked for; 0 takes matched runs alone.

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
            console.print(
                f"Left out, because it has no whole tables of predictions: {run.folder}",
                soft_wrap=True,
            )
    return [run.folder for run in scored]


def write_report(run_dir: Path, plan: EvalConfig, *, seed: int) -> ReportSummary:
    """Write the report of a run into its folder, and say what it says and where it is.

    Args:
        run_dir: Folder of a run with predictions.
        plan: How videos are scored and intervals drawn.
        seed: Of the bootstrap.
    """
    summary = report_run(
        run_dir,
        num_resamples=plan.num_resamples,
        how=plan.video_score,
        top_k=plan.top_k,
        unscored=plan.unscored,
        seed=seed,
    )
    _say(summary)
    return summary


def write_overview(runs: list[Path], plan: EvalConfig, *, seed: int, out_dir: Path) -> None:
    """Write the report of each run and a comparison of all, and say where they are.

    Of one run it is that run alone, with published numbers, as LaTeX and as CSV.

    Args:
        runs: Folders of runs with predictions.
        plan: How videos are scored and intervals drawn.
        seed: Of the bootstrap.
        out_dir: Where the comparison goes.
    """
    overview = report_runs(
        runs,
        out_dir=out_dir,
        num_resamples=plan.num_resamples,
        how=plan.video_score,
        top_k=plan.top_k,
        unscored=plan.unscored,
        seed=seed,
    )
    for summary in overview.reports:
        _say(summary)
    console.print(f"Overview: {overview.html}", soft_wrap=True)


def _say(summary: ReportSummary) -> None:
    for sentence in headline(summary.metrics):
        console.print(sentence, highlight=False, soft_wrap=True)
    console.print(f"Report: {summary.html}", soft_wrap=True)

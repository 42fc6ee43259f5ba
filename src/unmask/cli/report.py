"""`unmask report`: from predictions to metrics and pages."""

from glob import glob
from pathlib import Path

from unmask.cli.run import Call, console, run_verb
from unmask.config.schema import EvalConfig, ReportConfig
from unmask.core.errors import DataError
from unmask.evaluation.report.wording import headline
from unmask.pipelines.report import ReportSummary, report_runs
from unmask.pipelines.report import report as report_run


def report(arguments: list[str]) -> None:
    """Report on one or more runs."""
    run_verb("report", _report, arguments)


def _report(call: Call) -> None:
    config: ReportConfig = call.config
    write_reports(
        scored_runs(config.runs), config.eval, seed=config.seed, overview_dir=call.run_dir
    )


def scored_runs(pattern: str) -> list[Path]:
    """List the runs that a pattern matches, saying which of them have no predictions yet.

    Raises:
        DataError: If no finished run matches, or none of them has predictions.
    """
    found = (Path(path) for path in sorted(glob(pattern)))  # noqa: PTH207 - may be absolute
    finished = [path for path in found if (path / "run.json").is_file()]
    scored = [path for path in finished if (path / "predictions.parquet").is_file()]
    if not finished:
        raise DataError(
            f"No finished training run matches runs='{pattern}'; "
            "a run is a folder that `unmask train` wrote, with run.json in it."
        )
    if not scored:
        raise DataError(
            f"No run that matches runs='{pattern}' has predictions; "
            f"`unmask evaluate run={finished[0]}` makes them."
        )
    for run in sorted(set(finished) - set(scored)):
        console.print(f"Left out, because it has no predictions yet: {run}", soft_wrap=True)
    return scored


def write_reports(runs: list[Path], plan: EvalConfig, *, seed: int, overview_dir: Path) -> None:
    """Write the report of each run, and of several a table of all, and say where they are.

    Args:
        runs: Folders of runs with predictions.
        plan: How videos are scored and intervals drawn.
        seed: Of the bootstrap.
        overview_dir: Where the table of several runs goes.
    """
    if len(runs) == 1:
        _say(
            report_run(
                runs[0],
                num_resamples=plan.num_resamples,
                how=plan.video_score,
                top_k=plan.top_k,
                unscored=plan.unscored,
                seed=seed,
            )
        )
        return
    overview = report_runs(
        runs,
        out_dir=overview_dir,
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

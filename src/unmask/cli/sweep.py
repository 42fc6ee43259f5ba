"""The one report over all runs of a sweep of trainings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unmask.cli.console import console
from unmask.config.schema import TrainConfig
from unmask.config.trust import trust_command_line
from unmask.config.validate import typed
from unmask.report.write import report_runs
from unmask.runs.files import CONFIG_FILE
from unmask.runs.run import Run
from unmask.runs.sweep import JobRecord, find_report, report_key, save_sweep
from unmask.training.model_card import release

# One seed for all runs, as of `unmask report`: their bootstraps are compared.
BOOTSTRAP_SEED = 0


def report_sweep(sweep_dir: Path, records: Sequence[JobRecord]) -> None:
    """Report on the runs of a sweep, those that were found finished included, and say where.

    Nothing is written anew where an earlier sweep has reported on the same tables.

    Args:
        sweep_dir: The sweep's folder.
        records: Its jobs.
    """
    runs = list(dict.fromkeys(Path(r.run_dir) for r in records if r.run_dir is not None))
    tested = [run for run in runs if Run(run).is_finished and Run(run).has_tables]
    config = _config_of_a_job(sweep_dir)
    if not tested or config is None or not config.test:
        save_sweep(sweep_dir, records, key=None, report=None)
        return
    protocol: dict[str, Any] = {
        "num_resamples": config.eval.num_resamples,
        "how": config.eval.video_score,
        "top_k": config.eval.top_k,
        "unscored": config.eval.unscored,
        "seed": BOOTSTRAP_SEED,
    }
    key = report_key(tested, protocol)
    report = find_report(config.paths.outputs_dir, key)
    if report is None:
        report = report_runs(tested, out_dir=sweep_dir, **protocol).html
        for run in tested:
            release(run)
    save_sweep(sweep_dir, records, key=key, report=report)
    console.print(f"Report: {report}", soft_wrap=True)


def _config_of_a_job(sweep_dir: Path) -> TrainConfig | None:
    """Return the configuration of the first job that was composed, and trust what all of them name.

    Jobs that ran in other processes were composed from this very command line.
    """
    paths = sorted(sweep_dir.glob(f"*/{CONFIG_FILE}"))
    contents = [
        content for path in paths if isinstance(content := OmegaConf.load(path), DictConfig)
    ]
    for content in contents:
        plain: Any = OmegaConf.to_container(content)
        trust_command_line(plain)
    return typed("train", contents[0]) if contents else None

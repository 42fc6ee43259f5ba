"""Sweeps: each job keeps how it ended, its error stops no other, and one report covers all."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from unmask.cli.console import say
from unmask.cli.study import prepare_study
from unmask.config.schema import TrainConfig
from unmask.config.trust import trust_command_line
from unmask.config.validate import typed
from unmask.core.errors import UnmaskError
from unmask.runs.claim import RUN_FOLDER_VARIABLE, claim_folder, claim_run_folder
from unmask.runs.files import CONFIG_FILE
from unmask.runs.sweep import (
    UNFINISHED,
    JobRecord,
    JobResult,
    Outcome,
    find_report,
    finite,
    report_key,
    save_sweep,
)

logger = logging.getLogger(__name__)

# Verbs whose folder holds a run, which nothing else may be written to.
LEAVE_RUNS = ("train", "ensemble")


class FolderWatch(Callback):
    """Claims the folder of a run or a sweep before anything is written to it.

    ``conf/hydra/default.yaml`` names it.

    Attributes:
        folder: Folder of the sweep that runs in this process; None outside a sweep.
        began: Whether a job has begun in this process.
    """

    folder: ClassVar[Path | None] = None
    began: ClassVar[bool] = False

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401, ARG002 - Hydra's
        """Claim the run's folder, and tell it to the further processes of the run."""
        HydraConfig.instance().set_config(config)  # the folder's name can hold choices of groups
        is_exact = _is_named(config, "hydra.run.dir")
        if is_exact and config.hydra.job.config_name not in LEAVE_RUNS:
            return  # a report, say, may be written anew
        try:
            folder = claim_run_folder(Path(config.hydra.run.dir), is_exact=is_exact)
        except UnmaskError as error:
            raise CallRefused(str(error)) from error
        os.environ[RUN_FOLDER_VARIABLE] = str(folder.resolve())
        _set(config, "hydra.run.dir", folder)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401, ARG002 - Hydra's
        """Claim the sweep's folder, and make ready for the search's study."""
        # Hydra turns a callback's errors into warnings, but not this one.
        try:
            folder = claim_folder(
                Path(config.hydra.sweep.dir), is_exact=_is_named(config, "hydra.sweep.dir")
            )
            prepare_study(config)
        except UnmaskError as error:
            raise CallRefused(str(error)) from error
        FolderWatch.folder = folder
        _set(config, "hydra.sweep.dir", folder)
        with read_write(config.hydra):  # each job is composed anew from these words
            config.hydra.overrides.hydra.append(f"hydra.sweep.dir={_quoted(folder)}")

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401, ARG002 - Hydra's
        """Note that everything could be composed."""
        FolderWatch.began = True


def _is_named(config: DictConfig, key: str) -> bool:
    """Whether the command line itself names the folder."""
    words = (str(word).lstrip("+") for word in config.hydra.overrides.hydra)
    return any(word.startswith(f"{key}=") for word in words)


def _set(config: DictConfig, key: str, folder: Path) -> None:
    with read_write(config.hydra):
        OmegaConf.update(config, key, str(folder))


def _quoted(folder: Path) -> str:
    """Return a path as Hydra's grammar reads it back."""
    escaped = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class CallRefused(BaseException):
    """The call must not begin; the message says why."""


def run_recorded(job: Callable[[], JobResult | None]) -> float | None:
    """Run a job of a sweep and leave ``job.json`` in its folder.

    Args:
        job: Does the work, in this process.

    Returns:
        What a search makes as large as it can; None of a job that failed or has no such value.
    """
    hydra = HydraConfig.get()
    number, overrides = int(hydra.job.num), [str(word) for word in hydra.overrides.task]
    folder = Path(hydra.runtime.output_dir)

    def record(outcome: Outcome, says: str, **result: Any) -> None:  # noqa: ANN401 - of JobRecord
        JobRecord(number, overrides, outcome, says, **result).save(folder)

    record("unfinished", UNFINISHED)
    try:
        result = job()
    except UnmaskError as error:
        record("bad input", str(error))
        logger.error("Job %d failed: %s", number, error)
        return None
    except Exception as error:
        record("error", f"{type(error).__name__}: {error}")
        # The traceback is kept in the job's own log.
        logger.exception("Job %d failed.", number)
        return None
    except SystemExit as stop:
        if _is_interruption(stop):
            raise
        record("error", f"It stopped with exit code {stop.code}.")
        return None
    if result is None:
        record("done", "done")
        return None
    value = finite(result.value)
    record("done", result.says, value=value, run_dir=str(result.run_dir))
    return value


def _is_interruption(stop: SystemExit) -> bool:
    """Whether somebody ended the process: Lightning turns Ctrl-C and SIGTERM into an exit."""
    return type(stop) is not SystemExit or isinstance(stop.__context__, KeyboardInterrupt)


def report_sweep(sweep_dir: Path, records: Sequence[JobRecord]) -> None:
    """Report on the runs of a sweep, those that were found finished included, and say where.

    Nothing is written anew where an earlier sweep has reported on the same tables.
    """
    from unmask.report.write import report_runs
    from unmask.runs.run import Run
    from unmask.training.model_card import release
    from unmask.verbs.objects import make_protocol
    from unmask.verbs.train import BOOTSTRAP_SEED

    runs = list(dict.fromkeys(Path(r.run_dir) for r in records if r.run_dir is not None))
    tested = [run for run in runs if Run(run).is_finished and Run(run).has_tables]
    config = _config_of_a_job(sweep_dir)
    if not tested or config is None or not config.test:
        save_sweep(sweep_dir, records, key=None, report=None)
        return
    protocol = make_protocol(config.eval, BOOTSTRAP_SEED)
    key = report_key(tested, asdict(protocol))
    report = find_report(config.paths.outputs_dir, key)
    if report is None:
        report = report_runs(tested, protocol, out_dir=sweep_dir).html
        for run in tested:
            release(run)
    save_sweep(sweep_dir, records, key=key, report=report)
    say(f"Report: {report}")


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

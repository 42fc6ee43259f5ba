"""One job of a sweep: it keeps how it ended, and its error does not stop the others."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from unmask.cli.study import prepare_study
from unmask.core.errors import UnmaskError
from unmask.runs.sweep import (
    UNFINISHED,
    JobRecord,
    JobResult,
    Outcome,
    finite,
    forget_jobs,
)

logger = logging.getLogger(__name__)


class SweepWatch(Callback):
    """Notes where a sweep's folder is, before its first job; ``conf/hydra/default.yaml`` names it.

    Attributes:
        folder: Of the sweep that runs in this process; None outside a sweep.
        began: Whether a job has begun in this process.
    """

    folder: ClassVar[Path | None] = None
    began: ClassVar[bool] = False

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401, ARG002 - Hydra's
        """Remember the folder, empty it of older records, and make ready for the search's study."""
        SweepWatch.folder = Path(config.hydra.sweep.dir)
        forget_jobs(SweepWatch.folder)
        # Hydra turns a callback's errors into warnings, but not this one.
        try:
            prepare_study(config)
        except UnmaskError as error:
            raise SweepRefused(str(error)) from error

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401, ARG002 - Hydra's
        """Note that everything could be composed."""
        SweepWatch.began = True


class SweepRefused(BaseException):
    """The sweep must not begin; the message says why."""


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

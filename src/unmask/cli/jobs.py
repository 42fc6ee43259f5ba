"""One job of a sweep: it keeps how it ended, and its error does not stop the others."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from unmask.cli.study import prepare_study
from unmask.core.errors import UnmaskError
from unmask.runs.claim import RUN_FOLDER_VARIABLE, claim_folder, claim_run_folder
from unmask.runs.sweep import (
    UNFINISHED,
    JobRecord,
    JobResult,
    Outcome,
    finite,
)

logger = logging.getLogger(__name__)

# Verbs whose folder holds a run, which nothing else may be written to.
_LEAVE_RUNS = ("train", "ensemble")


class FolderWatch(Callback):
    """Claims the folder of a run or a sweep before anything is written to it.

    ``conf/hydra/default.yaml`` names it.

    Attributes:
        folder: Of the sweep that runs in this process; None outside a sweep.
        began: Whether a job has begun in this process.
    """

    folder: ClassVar[Path | None] = None
    began: ClassVar[bool] = False

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401, ARG002 - Hydra's
        """Claim the run's folder, and tell it to the further processes of the run."""
        HydraConfig.instance().set_config(config)  # the folder's name can hold choices of groups
        is_exact = _is_named(config, "hydra.run.dir")
        if is_exact and config.hydra.job.config_name not in _LEAVE_RUNS:
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

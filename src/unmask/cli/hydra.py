"""What every verb shares: check the words, compose, run, and answer errors in a sentence."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import hydra

# Hydra has no public call for it. With its own parser our check sees the flags that it will see.
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from unmask.cli.console import EXIT_BAD_INPUT, console, fail, print_error
from unmask.cli.sweeps import LEAVE_RUNS, CallRefused, FolderWatch, run_recorded
from unmask.cli.tables import jobs_table
from unmask.config.blend import spell_out_blend
from unmask.config.location import conf_dir
from unmask.config.trust import begin_command_line, trust_command_line
from unmask.config.validate import check_command_line, typed
from unmask.core.errors import ConfigError, UnmaskError
from unmask.runs.claim import RUN_FOLDER_VARIABLE, give_back
from unmask.runs.sweep import (
    JobRecord,
    JobResult,
    exit_code,
    read_jobs,
    verdict,
)
from unmask.training.launch import at_the_door, several_processes
from unmask.training.ranks import is_rank_zero

_SWEEP = ("-m", "--multirun")
# What the first of several processes is told of folders, sweeps and its own name.
_OF_RANK_ZERO = (
    "hydra.mode", "hydra.run.", "hydra.sweep", "hydra/sweep", "hydra.launcher", "hydra/launcher",
    "hydra.job.name", "hydra.output_subdir",
)  # fmt: skip

AfterSweep = Callable[[Path, Sequence[JobRecord]], None]


@dataclass(frozen=True)
class Call:
    """One call of a verb, composed and checked.

    Attributes:
        verb: ``"train"``, ``"evaluate"``, …
        config: The verb's typed section of :mod:`unmask.config.schema`.
        run_dir: The call's own folder.
        in_sweep: Whether it is one of several jobs.
        words: Overrides of the command line, without Hydra's own.
    """

    verb: str
    config: Any
    run_dir: Path
    in_sweep: bool = False
    words: tuple[str, ...] = ()


def run_verb(
    verb: str,
    job: Callable[[Call], JobResult | None],
    arguments: list[str],
    *,
    after_sweep: AfterSweep | None = None,
) -> None:
    """Run a verb, exiting with code 2 and one message where its input is at fault.

    With ``-m``, jobs that fail do not stop the others; the exit code is 1 if any has failed.

    Args:
        verb: Names the primary configuration.
        job: What to do with it; in a sweep it can run in another process.
        arguments: The command line behind the verb: overrides and Hydra's flags.
        after_sweep: What to do with a sweep's folder and jobs when all of them have ended.
    """
    begin_command_line()
    _quieten()
    try:
        words = at_the_door(spell_out_blend(arguments))
    except UnmaskError as error:
        fail(error)
    if words is None:
        return
    arguments = words
    console.quiet = not is_rank_zero()
    flags = get_args_parser().parse_intermixed_args(arguments)
    # Hydra itself takes no flag behind an override.
    options = [word for word in arguments if word not in flags.overrides]
    # Its own help composes nothing of ours, and refuses our words.
    words = [] if flags.hydra_help else flags.overrides
    sys.argv = [f"unmask {verb}", *options, *words]
    only_shows = flags.help or flags.hydra_help or flags.info or flags.shell_completion
    try:
        if not only_shows:
            check_command_line(verb, flags.overrides, config_dir=flags.config_dir)
    except UnmaskError as error:
        fail(error)

    @hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=verb)
    def compose_and_run(config: DictConfig) -> float | None:
        return _run_job(verb, job, config, flags=[word for word in options if word not in _SWEEP])

    _run_to_the_end(compose_and_run, may_stop=only_shows, after_sweep=after_sweep)


def _run_to_the_end(
    compose_and_run: Callable[[], Any], *, may_stop: bool, after_sweep: AfterSweep | None
) -> None:
    """Run a job or a sweep to its end or its failure.

    Args:
        may_stop: Whether it can end before a job begins without a fault.
        after_sweep: See :func:`run_verb`.
    """
    FolderWatch.folder, FolderWatch.began = None, False
    stopped, is_first = False, RUN_FOLDER_VARIABLE not in os.environ
    try:
        compose_and_run()
    except CallRefused as refusal:
        fail(ConfigError(str(refusal)))
    except SystemExit as stop:
        if stop.code and FolderWatch.folder is None and not (FolderWatch.began or may_stop):
            # Hydra has said what it cannot compose.
            raise SystemExit(EXIT_BAD_INPUT) from None
        if FolderWatch.folder is None:
            raise
        stopped = True
    finally:
        if is_first:  # a later call of this process makes a folder of its own
            os.environ.pop(RUN_FOLDER_VARIABLE, None)
    if FolderWatch.folder is not None:
        _end_sweep(FolderWatch.folder, stopped=stopped, after_sweep=after_sweep)


def _run_job(
    verb: str, job: Callable[[Call], JobResult | None], config: DictConfig, *, flags: list[str]
) -> float | None:
    """Run a job, of a sweep or alone; a module's own function, so that launchers can send it."""

    def work() -> JobResult | None:
        shared = {RUN_FOLDER_VARIABLE: str(Path(HydraConfig.get().runtime.output_dir).absolute())}
        with several_processes(partial(_words_of_rank, verb, flags), shared):
            return job(_call(verb, config))

    if HydraConfig.get().mode is RunMode.MULTIRUN:
        _quieten()  # this can be another process
        return run_recorded(work)
    try:
        work()
    except UnmaskError as error:
        if is_rank_zero() and verb in LEAVE_RUNS and _names_its_folder():
            # It was claimed, hence empty, and the corrected words will name it again.
            give_back(Path(HydraConfig.get().runtime.output_dir))
        fail(error)
    return None


def _names_its_folder() -> bool:
    return any(word.startswith("hydra.run.dir=") for word in HydraConfig.get().overrides.hydra)


def _words_of_rank(verb: str, flags: list[str], rank: int) -> list[str]:
    """Return the words with which another process does this job."""
    hydra_config = HydraConfig.get()
    own = [word for word in hydra_config.overrides.hydra if not word.startswith(_OF_RANK_ZERO)]
    return [
        verb, *flags, *own, *hydra_config.overrides.task, "hydra.mode=RUN",
        "hydra.output_subdir=null", f"hydra.job.name={verb}_rank{rank}",
    ]  # fmt: skip


def _end_sweep(folder: Path, *, stopped: bool, after_sweep: AfterSweep | None) -> None:
    """Print how each job ended, report, and exit with a code other than 0 where one failed.

    Args:
        stopped: It was interrupted, or Hydra, a launcher or a sweeper gave up and has said why.
        after_sweep: See :func:`run_verb`.
    """
    try:
        records = read_jobs(folder)
        if not records:
            raise SystemExit(EXIT_BAD_INPUT if stopped else 0)
        console.print(jobs_table(records))
        console.print(verdict(records), highlight=False, soft_wrap=True)
        if after_sweep is not None and not stopped:
            after_sweep(folder, records)
    except UnmaskError as error:
        fail(error)
    if stopped:
        print_error("The sweep was cut short; the same words go on with it.")
    code = exit_code(records) or int(stopped)
    if code:
        raise SystemExit(code)


def _call(verb: str, config: DictConfig) -> Call:
    hydra_config = HydraConfig.get()
    runtime = hydra_config.runtime
    content: Any = OmegaConf.to_container(config, resolve=True)
    choices = {str(group): str(choice) for group, choice in runtime.choices.items()}
    section = typed(verb, config)
    trust_command_line(content)
    return Call(
        verb=verb,
        config=section.model_copy(update={"choices": choices}),
        words=tuple(str(word) for word in hydra_config.overrides.task),
        run_dir=Path(runtime.output_dir),
        in_sweep=hydra_config.mode is RunMode.MULTIRUN,
    )


def _quieten() -> None:
    """Silence what would bury the program's own words."""
    os.environ.setdefault("WANDB_SILENT", "true")
    # Optuna's sweeper pins an Optuna that needs SQLAlchemy 1.4, which advertises its successor.
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    # Lightning sets the levels of its own packages when it is imported, which can be later.
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger(f"{name}.utilities.rank_zero").setLevel(logging.WARNING)
    # Loader processes are a config value of ours; Lightning suggests one per core regardless.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # Hydra's log is already in the folder that Lightning expects to find empty.
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
    # Lightning 2.6 still uses what torch 2.15 has deprecated.
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")

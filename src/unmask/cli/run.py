"""What every verb shares: check the words, compose, run, and answer errors in a sentence."""

import logging
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from unmask.config.blend import spell_out_blend
from unmask.config.location import conf_dir
from unmask.config.validate import check_command_line, typed
from unmask.core.errors import UnmaskError

EXIT_BAD_INPUT = 2

console = Console()
_errors = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Call:
    """One call of a verb, composed and checked.

    Attributes:
        verb: ``"train"``, ``"evaluate"``, …
        config: The verb's typed section of :mod:`unmask.config.schema`.
        content: The same as plain values, resolved.
        choices: Which file of each group was chosen, e.g. ``{"model": "effb0_lstm"}``.
        run_dir: The call's own folder.
    """

    verb: str
    config: Any
    content: dict[str, Any]
    choices: dict[str, str]
    run_dir: Path

    def save_config(self) -> None:
        """Write the resolved configuration beside the results."""
        OmegaConf.save(OmegaConf.create(self.content), self.run_dir / "config.yaml")


def run_verb(verb: str, job: Callable[[Call], None], arguments: list[str]) -> None:
    """Run a verb, exiting with code 2 and one message where its input is at fault.

    Args:
        verb: Names the primary configuration.
        job: What to do with it.
        arguments: The command line behind the verb: overrides and Hydra's flags.
    """
    _quieten()
    try:
        arguments = spell_out_blend(arguments)
    except UnmaskError as error:
        fail(error)
    flags = get_args_parser().parse_intermixed_args(arguments)
    # Hydra itself takes no flag behind an override.
    options = [word for word in arguments if word not in flags.overrides]
    sys.argv = [f"unmask {verb}", *options, *flags.overrides]
    only_shows = flags.help or flags.hydra_help or flags.info
    try:
        if not only_shows:
            check_command_line(verb, flags.overrides, config_dir=flags.config_dir)
    except UnmaskError as error:
        fail(error)

    @hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=verb)
    def compose_and_run(config: DictConfig) -> None:
        try:
            job(_call(verb, config))
        except UnmaskError as error:
            fail(error)

    compose_and_run()


def fail(error: UnmaskError) -> None:
    """Print an error's message and exit with code 2; with its traceback if HYDRA_FULL_ERROR=1."""
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    print_error(str(error))
    raise SystemExit(EXIT_BAD_INPUT)


def print_error(sentence: str) -> None:
    """Print a sentence to the error stream."""
    _errors.print(f"unmask: {sentence}", style="red", markup=False, soft_wrap=True)


def _call(verb: str, config: DictConfig) -> Call:
    runtime = HydraConfig.get().runtime
    content: Any = OmegaConf.to_container(config, resolve=True)
    return Call(
        verb=verb,
        config=typed(verb, config),
        content=content,
        choices={str(group): str(choice) for group, choice in runtime.choices.items()},
        run_dir=Path(runtime.output_dir),
    )


def _quieten() -> None:
    """Silence what would bury the program's own words."""
    os.environ.setdefault("WANDB_SILENT", "true")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    # Loader processes are a config value of ours; Lightning suggests one per core regardless.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # Hydra's log is already in the folder that Lightning expects to find empty.
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
    # Lightning 2.6 still uses what torch 2.15 has deprecated.
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")

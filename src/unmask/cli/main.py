"""`unmask VERB [key=value ...]`."""

import sys
from collections.abc import Callable
from importlib import import_module

from rich.table import Table

from unmask import __version__
from unmask.cli.console import EXIT_BAD_INPUT, console, fail
from unmask.core.errors import ConfigError, did_you_mean

# Verb -> what it does.
VERBS = {
    "doctor": "any folder -> which data set it is, what is missing, how to go on",
    "index": "a data set's folder -> videos.parquet",
    "prepare": "videos and images -> face crops",
    "audit": "manifests -> what their splits share",
    "describe": "a choice -> what it does, before anything is trained on it",
    "train": "face crops -> a detector, measured and reported",
    "evaluate": "a trained run -> predictions on its own and other data sets",
    "verify": "a run -> does it still give the numbers that it reports",
    "report": "predictions -> metrics.json, report.html, report.md",
    "ensemble": "predictions of several runs -> one run that combines them",
    "predict": "videos, images, frames -> a verdict on each, with its evidence",
    "app": "the same verdicts, in a browser",
    "models": "models that lie here -> what their cards say",
}


def main(arguments: list[str] | None = None) -> None:
    """Run the verb that the command line names.

    Args:
        arguments: Words behind ``unmask``; None takes those of the process.
    """
    verb, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if verb in ("--help", "-h", "help"):
        _print_help()
        return
    if verb == "--version":
        console.print(f"unmask {__version__}")
        return
    if verb not in VERBS:
        fail(ConfigError(f"There is no verb '{verb}'" + did_you_mean(verb, VERBS)))
    own = verb if verb in ("train", "evaluate", "verify", "report", "ensemble") else "calls"
    run: Callable[[list[str]], None] = getattr(import_module(f"unmask.cli.{own}"), verb)
    run(rest)


def _print_help() -> None:
    table = Table(box=None, show_header=False)
    for verb, purpose in VERBS.items():
        table.add_row(f"unmask {verb}", purpose)
    console.print("unmask: train, compare and honestly measure detectors of manipulated faces\n")
    console.print(table)
    console.print("\n`unmask VERB --help` lists a verb's groups and keys.", highlight=False)
    console.print(f"Bad input exits with code {EXIT_BAD_INPUT}.", highlight=False)


if __name__ == "__main__":
    main()

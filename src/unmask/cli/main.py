"""`unmask VERB [key=value ...]`."""

import os
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
    if verb in ("-sc", "--shell-completion"):
        _complete(rest)
        return
    if verb not in VERBS:
        fail(ConfigError(f"There is no verb '{verb}'" + did_you_mean(verb, VERBS)))
    run: Callable[[list[str]], None] = getattr(import_module("unmask.cli.calls"), verb)
    run(rest)


def _complete(words: list[str]) -> None:
    """Answer a shell that asks how a command line can go on, or how it learns to ask.

    Hydra completes the words behind a verb; the verb itself is completed here.

    Args:
        words: ``install=bash``, ``query=bash`` and so on.
    """
    line = os.environ.get("COMP_LINE", "")
    program, _, said = line.lstrip().partition(" ")
    verb, space, behind = said.lstrip().partition(" ")
    if not any(word.startswith("query=") for word in words):
        verb = "train"
    elif verb not in VERBS or not space:
        sys.stdout.write(" ".join(VERBS) + "\n")
        return
    else:
        os.environ["COMP_LINE"] = f"{program} {behind}"
    from unmask.cli.hydra import run_verb  # a help on verbs needs no Hydra

    run_verb(verb, lambda _: None, ["--shell-completion", *words])


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

"""What the command line does with the result of each verb."""

import argparse
import json
import math
import re
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

from unmask import verbs
from unmask.cli.console import EXIT_BAD_INPUT, console, fail, print_error, say
from unmask.cli.hydra import Call, run_verb
from unmask.cli.show import show
from unmask.cli.sweeps import report_sweep
from unmask.cli.tables import model_lines, models_table
from unmask.core.errors import UnmaskError
from unmask.runs.sweep import JobResult

EXIT_LEAKS: Final = 1
_WHAT_TO_TRAIN: Final = ("model=", "data=", "experiment=", "+experiment=")
_SETTING: Final = re.compile(r"-|[+~]{0,2}[A-Za-z_][\w./@]*=")
# Of Hydra; the word behind is no file of ours.
_FLAGS_WITH_VALUE: Final = frozenset(
    {"--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p"}
)


def doctor(arguments: list[str]) -> None:
    """Examine a folder; the exit code is 0, 1 (usable, with gaps) or 2 (not usable)."""
    parser = argparse.ArgumentParser(
        prog="unmask doctor",
        description="Which data set lies in a folder, what is wrong with it, how to go on.",
    )
    parser.add_argument("path", type=Path, help="any folder; nothing in it is changed")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    flags = parser.parse_args(arguments)
    try:
        checkup = verbs.doctor(flags.path)
    except UnmaskError as error:
        fail(error)
    if flags.json:
        sys.stdout.write(json.dumps(checkup.to_json(), indent=2) + "\n")
    else:
        show(checkup)
    raise SystemExit(checkup.exit_code)


def index(arguments: list[str]) -> None:
    """Index a data set's folder."""
    run_verb("index", _index, arguments)


def _index(call: Call) -> None:
    verbs.index(call.config, listener=show)


def prepare(arguments: list[str]) -> None:
    """Cut the faces of a data set."""
    run_verb("prepare", _prepare, arguments)


def _prepare(call: Call) -> None:
    verbs.prepare(call.config, listener=show)


def audit(arguments: list[str]) -> None:
    """Look for leaks; exits with code 1 where there are any."""
    run_verb("audit", _audit, arguments)


def _audit(call: Call) -> None:
    found = verbs.audit(call.config)
    show(found)
    if found.things:
        raise SystemExit(EXIT_LEAKS)


def describe(arguments: list[str]) -> None:
    """Describe what the command line chooses."""
    run_verb("describe", _describe, arguments)


def _describe(call: Call) -> None:
    show(verbs.describe(call.config, call.run_dir, chosen=_chosen_groups(call.words)))


def _chosen_groups(words: Sequence[str]) -> set[str]:
    """Return what the command line's words are about, e.g. ``{"data/augmentation"}``."""
    keys = [word.lstrip("+~").partition("=")[0] for word in words]
    groups = {key.partition("@")[0] for key in keys}
    if any(key.startswith("data.augmentation") for key in keys):
        groups.add("data/augmentation")
    if any(group.startswith("model") for group in groups):
        groups.add("model")
    return groups


def train(arguments: list[str]) -> None:
    """Train a detector; with neither model, data nor experiment named, the demo's."""
    if not any(argument.startswith(_WHAT_TO_TRAIN) for argument in arguments):
        arguments = ["experiment=demo", *arguments]
    run_verb("train", _train, arguments, after_sweep=report_sweep)


def _train(call: Call) -> JobResult:
    run = verbs.train(call.config, call.run_dir, in_sweep=call.in_sweep, listener=show)
    if run is None:
        return JobResult(math.nan, call.run_dir, "only checked")
    says = "trained" if run.folder == call.run_dir else "not trained again"
    # Only the first of several processes writes the card, and asks for the value.
    value = run.card.val_video_auc if run.is_finished else None
    return JobResult(math.nan if value is None else value, run.folder, says)


def evaluate(arguments: list[str]) -> None:
    """Score a trained run."""
    run_verb("evaluate", _evaluate, arguments)


def _evaluate(call: Call) -> None:
    verbs.evaluate(call.config, call.run_dir, listener=show)


def verify(arguments: list[str]) -> None:
    """Verify a run; the exit code is 0, 1 (something is not as it was) or 2 (cannot be said)."""
    words = [argument for argument in arguments if argument != "--json"]
    run_verb("verify", partial(_verify, as_json=len(words) < len(arguments)), words)


def _verify(call: Call, *, as_json: bool) -> None:
    with ExitStack() as stack:
        if as_json:  # for programs: everything else goes to the other stream
            stack.enter_context(redirect_stdout(sys.stderr))
        verification = verbs.verify(call.config, call.run_dir)
    if as_json:
        sys.stdout.write(json.dumps(verification.to_json(), indent=2) + "\n")
    else:
        show(verification)
    raise SystemExit(verification.exit_code)


def report(arguments: list[str]) -> None:
    """Report on one or more runs."""
    run_verb("report", _report, arguments)


def _report(call: Call) -> None:
    verbs.report(call.config, call.run_dir, listener=show)


def ensemble(arguments: list[str]) -> None:
    """Combine runs."""
    run_verb("ensemble", _ensemble, arguments)


def _ensemble(call: Call) -> None:
    verbs.ensemble(call.config, call.run_dir, listener=show)


def models(arguments: list[str]) -> None:
    """List local models."""
    run_verb("models", _models, arguments)


def _models(call: Call) -> None:
    found = verbs.models(call.config)
    if not found:
        paths = call.config.paths
        say(
            f"There is no model below {paths.outputs_dir} or {paths.models_dir}. `make demo` "
            "trains one on synthetic people; `unmask evaluate run=...` makes one of a run that "
            "has none yet."
        )
        return
    console.print(models_table(found))
    for line in model_lines(found):
        say(line)
    if any(model.is_synthetic for model in found):
        say(
            "Models trained on synthetic people say nothing about photographs and films of real "
            "ones."
        )
    problems = [model.problem for model in found if model.problem]
    for problem in problems:
        print_error(problem)
    if problems:
        raise SystemExit(EXIT_BAD_INPUT)


def predict(arguments: list[str]) -> None:
    """Answer for every file that the command line names; exits with code 2 if one is unusable."""
    paths, words = split_words(arguments)
    run_verb("predict", partial(_predict, paths=paths), words)


def split_words(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Tell files from settings: a word is a setting if it is a flag or ``key=value`` and no file.

    Example:
        >>> split_words(["clip.mp4", "voting=hard", "--html"])
        ([PosixPath('clip.mp4')], ['voting=hard', 'html=true'])
    """
    paths: list[Path] = []
    words: list[str] = []
    for before, word in pairwise(["", *arguments]):
        if word == "--html":
            words.append("html=true")
        elif before in _FLAGS_WITH_VALUE or (_SETTING.match(word) and not Path(word).exists()):
            words.append(word)
        else:
            paths.append(Path(word))
    return paths, words


def _predict(call: Call, *, paths: Sequence[Path]) -> None:
    answers = verbs.predict(call.config, call.run_dir, paths, listener=show)
    num_failed = sum(hasattr(answer, "problem") for answer in answers)
    if num_failed:
        if len(answers) > 1:
            print_error(f"{num_failed} of the inputs could not be used.")
        raise SystemExit(EXIT_BAD_INPUT)


def app(arguments: list[str]) -> None:
    """Serve the page until somebody stops it."""
    run_verb("app", _app, arguments)


def _app(call: Call) -> None:
    from unmask.app.serve import serve

    with serve(call.config) as url:
        console.print(f"The page is at {url} (stop it with Ctrl+C).", highlight=False)
        if call.config.host not in ("127.0.0.1", "localhost", "::1"):
            console.print(
                "It answers whoever reaches this address: there is no password.", style="yellow"
            )
        _wait()
    console.print("Stopped.")


def _wait() -> None:
    """Wait for somebody who stops the server; a service manager does so with SIGTERM."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(1):
        pass

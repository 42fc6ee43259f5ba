"""`unmask verify`: does a run still give the numbers that it reports?"""

import json
import sys
from contextlib import ExitStack, redirect_stdout

from rich.table import Table

from unmask.cli.evaluate import read_train_config
from unmask.cli.hydra import Call, console, run_verb
from unmask.config.build import build
from unmask.config.schema import VerifyConfig
from unmask.core.files import write_json
from unmask.pages.numbers import number
from unmask.runs.files import CARD_FILE
from unmask.runs.run import Run
from unmask.training.launch import ALONE
from unmask.verbs.verify import CONFIRMED, Check, Comparison, Verification
from unmask.verbs.verify import verify as check_run

STATES = {
    "equal": "[green]equal[/]",
    "close": "[green]close[/]",
    "differs": "[red]differs[/]",
    "not recorded": "[yellow]not recorded[/]",
}


def verify(arguments: list[str]) -> None:
    """Verify a run; the exit code is 0, 1 (something is not as it was) or 2 (cannot be said)."""
    words = [argument for argument in arguments if argument != "--json"]
    as_json = len(words) < len(arguments)
    run_verb("verify", lambda call: _verify(call, as_json=as_json), words)


def _verify(call: Call, *, as_json: bool) -> None:
    config: VerifyConfig = call.config
    run_dir = config.run.parent if config.run.name == CARD_FILE else config.run
    Run.open(run_dir).require_network()  # says first what is wrong with the run itself
    with ExitStack() as stack:
        if as_json:  # for programs: whatever else is said goes to the other stream
            stack.enter_context(redirect_stdout(sys.stderr))
        verification = check_run(
            run_dir,
            layout=build(read_train_config(run_dir).clips),
            make_trainer=build(config.trainer | ALONE),
            batch_size=config.loader.batch_size,
            num_workers=config.loader.num_workers,
            data_dir=config.paths.data_dir,
        )
        write_json(call.run_dir / "verify.json", verification.to_json())
    if as_json:
        sys.stdout.write(json.dumps(verification.to_json(), indent=2) + "\n")
    else:
        _show(verification)
    raise SystemExit(verification.exit_code)


def _show(verification: Verification) -> None:
    console.print(_check_table(verification.checks))
    by_set: dict[str, list[Comparison]] = {}
    for one in verification.comparisons:
        by_set.setdefault(f"{one.dataset}, {one.split}", []).append(one)
    for name, comparisons in by_set.items():
        console.print(_metric_table(f"Videos of {name}", comparisons))
    verdict = (
        "[green]Confirmed[/]: every metric lies within its recorded interval."
        if verification.exit_code == CONFIRMED
        else "[red]Not confirmed[/]: see what differs or lies outside."
    )
    console.print(verdict, highlight=False, soft_wrap=True)


def _check_table(checks: list[Check]) -> Table:
    table = Table("what", "as recorded?", "difference", title="What the run was made from")
    for check in checks:
        table.add_row(check.what, STATES[check.state], check.detail)
    return table


def _metric_table(title: str, comparisons: list[Comparison]) -> Table:
    table = Table("metric", title=title)
    for column in ("recorded", "interval", "now"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for one in comparisons:
        ends = "none" if one.low is None else f"{number(one.low)} to {number(one.high)}"
        verdict = "[green]within[/]" if one.is_within else "[red]outside[/]"
        table.add_row(
            one.metric,
            number(one.recorded),
            ends,
            number(one.found),
            "[green]equal[/]" if one.is_equal else verdict,
        )
    return table

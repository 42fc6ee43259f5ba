"""`unmask doctor PATH`: which data set lies there, what is wrong with it, how to go on."""

import argparse
import json
import sys
from pathlib import Path

from rich.table import Table

from unmask.cli.hydra import console, fail
from unmask.core.errors import UnmaskError
from unmask.verbs.doctor import Checkup, Diagnosis
from unmask.verbs.doctor import doctor as examine

STATES = ("[green]complete[/]", "[yellow]usable, with gaps[/]", "[red]not usable[/]")
MAX_LINES = 12


def doctor(arguments: list[str]) -> None:
    """Examine a folder; the exit code is 0, 1 (usable, with gaps) or 2 (not usable)."""
    parser = argparse.ArgumentParser(prog="unmask doctor", description=__doc__)
    parser.add_argument("path", type=Path, help="any folder; nothing in it is changed")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    flags = parser.parse_args(arguments)
    try:
        checkup = examine(flags.path)
    except UnmaskError as error:
        fail(error)
        return
    if flags.json:
        sys.stdout.write(json.dumps(checkup.to_json(), indent=2) + "\n")
    else:
        _show(checkup)
    raise SystemExit(checkup.exit_code)


def _show(checkup: Checkup) -> None:
    for diagnosis in checkup.diagnoses:
        console.print(_counts(diagnosis))
        _say("Cannot be used", [diagnosis.problem] if diagnosis.problem else [])
        _say("Missing", diagnosis.missing)
        _say("Gaps", diagnosis.gaps)
        _say("Suspicious", diagnosis.suspicions)
        faults = [f"{fault.path}: {fault.reason}" for fault in diagnosis.faults]
        _say(f"Faults in the {diagnosis.num_opened} smallest files", faults)
        _say("Not indexed", [f"{n} files: {why}" for why, n in diagnosis.ignored.items()])
        _say("Notes", diagnosis.notes)
        if diagnosis.command:
            console.print("Go on with:\n", highlight=False)
            console.print(f"  {diagnosis.command}\n", markup=False, highlight=False, soft_wrap=True)
    _say("Suspicious", checkup.suspicions)
    _say("Nothing found", [checkup.problem] if checkup.problem else [])


def _counts(diagnosis: Diagnosis) -> Table:
    table = Table("part", title=f"{diagnosis.title}: {STATES[diagnosis.state]}")
    table.caption = "\n".join(
        filter(None, (diagnosis.root, diagnosis.split_lists, diagnosis.labels))
    )
    for column in ("here", "published"):
        table.add_column(column, justify="right")
    for part in diagnosis.parts:
        published = "not known" if part.published is None else f"{part.published:,}"
        style = "" if part.published in (None, part.found) else "yellow"
        table.add_row(part.name, f"{part.found:,}", published, style=style)
    return table


def _say(title: str, sentences: list[str] | tuple[str, ...]) -> None:
    if not sentences:
        return
    console.print(f"{title}:", style="bold", highlight=False)
    for sentence in sentences[:MAX_LINES]:
        console.print(f"  {sentence}", markup=False, highlight=False, soft_wrap=True)
    if len(sentences) > MAX_LINES:
        console.print(f"  and {len(sentences) - MAX_LINES} more (--json has all)", highlight=False)

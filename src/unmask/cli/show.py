"""What a person sees of what a verb tells: the listener of the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from unmask.cli.console import console, print_error, say
from unmask.cli.tables import (
    agreement_table,
    audit_table,
    check_table,
    complexity_table,
    counts_table,
    index_table,
    member_table,
    metric_table,
    prepare_table,
)

if TYPE_CHECKING:  # most of these bring PyTorch along
    from unmask.prepare.index import IndexSummary
    from unmask.report.write import OverviewSummary, ReportSummary
    from unmask.verbs.audit import Audit
    from unmask.verbs.describe import Description
    from unmask.verbs.doctor import Checkup
    from unmask.verbs.ensemble import EnsembleSummary
    from unmask.verbs.honesty import LeaksLetThrough
    from unmask.verbs.predict import DemoAnswers, Judged
    from unmask.verbs.verify import RepeatedMetric, Verification

# Rows of a weight grid that are printed; ensemble.json holds all of them.
GRID_ROWS: Final = 14
DOCTOR_LINES: Final = 12
_COLOURS: Final = {"real": "blue", "fake": "red", "uncertain": "yellow", "no_face": "bright_black"}


def show(event: object) -> None:
    """Show what a verb tells: a sentence as it is, a result as its type asks for."""
    render = RENDERERS.get(type(event).__name__)
    if render is None:
        say(str(event))
    else:
        render(event)


def _index(summary: IndexSummary) -> None:
    console.print(index_table(summary))
    for note in summary.notes:
        say(f"Note: {note}")
    if summary.num_ignored:
        say(f"Ignored {summary.num_ignored} files; index.json names each.")
    say(f"Manifest: {summary.videos_path}")


def _audit(audit: Audit) -> None:
    if audit.things:
        console.print(audit_table(audit.things))
        console.print(f"{len(audit.things)} leaks. Training refuses them unless allow_leak=true.")
        return
    plural = "s" * (audit.num_manifests != 1)
    console.print(
        f"No video, identity group or crop is in two splits of {audit.num_manifests} "
        f"manifest{plural}."
    )


def _leaks(leaks: LeaksLetThrough) -> None:
    console.print(audit_table(leaks.things))
    say(f"{len(leaks.things)} leaks are let through: every number of this run is marked.")


def _describe(description: Description) -> None:
    if description.complexity is not None:
        console.print(complexity_table(description.complexity, description.model))
    for path in description.sheets:
        say(f"Contact sheet: {path}")


def _doctor(checkup: Checkup) -> None:
    for diagnosis in checkup.diagnoses:
        console.print(counts_table(diagnosis))
        _list("Cannot be used", [diagnosis.problem] if diagnosis.problem else [])
        _list("Missing", diagnosis.missing)
        _list("Gaps", diagnosis.gaps)
        _list("Suspicious", diagnosis.suspicions)
        faults = [f"{fault.path}: {fault.reason}" for fault in diagnosis.faults]
        _list(f"Faults in the {diagnosis.num_opened} smallest files", faults)
        _list("Not indexed", [f"{n} files: {why}" for why, n in diagnosis.ignored.items()])
        _list("Notes", diagnosis.notes)
        if diagnosis.command:
            say("Go on with:\n")
            say(f"  {diagnosis.command}\n")
    _list("Suspicious", checkup.suspicions)
    _list("Nothing found", [checkup.problem] if checkup.problem else [])


def _list(title: str, sentences: list[str] | tuple[str, ...]) -> None:
    if not sentences:
        return
    say(f"{title}:", style="bold")
    for sentence in sentences[:DOCTOR_LINES]:
        say(f"  {sentence}")
    if len(sentences) > DOCTOR_LINES:
        say(f"  and {len(sentences) - DOCTOR_LINES} more (--json has all)")


def _report(summary: ReportSummary) -> None:
    from unmask.report.wording import headline

    for sentence in headline(summary.metrics):
        say(sentence)
    say(f"Report: {summary.html}")


def _overview(overview: OverviewSummary) -> None:
    for summary in overview.reports:
        _report(summary)
    say(f"Overview: {overview.html}")


def _ensemble(summary: EnsembleSummary) -> None:
    console.print(member_table(summary))
    if summary.card.ties:
        say(f"Votes: {summary.card.ties}.")
    grid = summary.combination.grid
    if grid:
        say(f"Weights of {', '.join(summary.card.members)} -> accuracy % on validation:")
        for row in grid[:GRID_ROWS]:
            console.print(f"  {row}", highlight=False)
        if len(grid) > GRID_ROWS:
            console.print(f"  and {len(grid) - GRID_ROWS} more in ensemble.json")
    agreement = summary.agreement[summary.agreement["split"] == "test"]
    if len(agreement):
        console.print(agreement_table(agreement))


def _verify(verification: Verification) -> None:
    console.print(check_table(verification.checks))
    by_set: dict[str, list[RepeatedMetric]] = {}
    for one in verification.comparisons:
        by_set.setdefault(f"{one.dataset}, {one.split}", []).append(one)
    for name, comparisons in by_set.items():
        console.print(metric_table(f"Videos of {name}", comparisons))
    verdict = (
        "[red]Not confirmed[/]: see what differs or lies outside."
        if verification.exit_code
        else "[green]Confirmed[/]: every metric lies within its recorded interval."
    )
    console.print(verdict, highlight=False, soft_wrap=True)


def _demo_answers(answers: DemoAnswers) -> None:
    say(
        f"No checkpoint was named, so the demo model {answers.checkpoint} answers. It has only "
        "ever seen synthetic people: its answer on real ones means nothing.",
        style="yellow",
    )


def _judged(judged: Judged) -> None:
    from unmask.verdict.page import WORDS, vote_table

    evidence = judged.evidence
    word, colour = WORDS[evidence.verdict], _COLOURS[evidence.verdict]
    say(Text.assemble("\n", (word, f"bold {colour}"), f": {judged.file}"))
    say(evidence.reason)
    if evidence.tracks:
        head, rows = vote_table(evidence)
        table = Table(*(Column(name, overflow="fold") for name in head))
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
    for caution in evidence.cautions:
        say(f"  ! {caution.sentence}")
    say(f"Evidence: {judged.json}")
    if judged.page is not None:
        say(f"Page: {judged.page}")


# By the name of the type, so that nothing is imported which no verb has made.
RENDERERS: Final[dict[str, Callable[[Any], None]]] = {
    "Audit": _audit,
    "Checkup": _doctor,
    "DemoAnswers": _demo_answers,
    "Description": _describe,
    "EnsembleSummary": _ensemble,
    "IndexSummary": _index,
    "Judged": _judged,
    "NotJudged": lambda answer: print_error(answer.problem),
    "LeaksLetThrough": _leaks,
    "OverviewSummary": _overview,
    "PrepareSummary": lambda summary: console.print(prepare_table(summary)),
    "ReportSummary": _report,
    "Verification": _verify,
}

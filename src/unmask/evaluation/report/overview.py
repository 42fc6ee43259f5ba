"""Several runs beside each other: trained where, tested where, and which is best."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from unmask.evaluation.report.compare.beside import published_section
from unmask.evaluation.report.compare.costs import cost_table
from unmask.evaluation.report.compare.matrix import (
    methods_table,
    run_table,
    targets_of,
    variant_table,
)
from unmask.evaluation.report.compare.ranking import (
    Ranking,
    compare_with_best,
    comparison_table,
    rank,
    ranking_table,
)
from unmask.evaluation.report.compare.selection import (
    CHECKPOINT_NOTE,
    choice_table,
    threshold_table,
)
from unmask.evaluation.report.compare.tidy import tidy_table
from unmask.evaluation.report.compare.variants import ComparedRun, Variant, group_variants
from unmask.evaluation.report.pictures import (
    MOST_LINES,
    learning_pictures,
    matrix_picture,
    overview_curves,
    ranking_picture,
)
from unmask.evaluation.report.protocol import Protocol
from unmask.evaluation.report.render import environment
from unmask.evaluation.report.table import Cell, Section, Table, latex_table
from unmask.evaluation.report.tables import CLASS_COLUMNS, DECISION_POINTS, class_rows


@dataclass(frozen=True)
class Overview:
    r"""The overview in its four forms.

    Args:
        html: The page, which needs no other file but the runs' reports that it links.
        markdown: The same without pictures.
        latex: The tables, to be read by LaTeX's ``\input``.
        numbers: Every number, one row each.
    """

    html: str
    markdown: str
    latex: str
    numbers: pd.DataFrame


def render_overview(runs: Sequence[ComparedRun], protocol: Protocol) -> Overview:
    """Write the comparison of several runs.

    Args:
        runs: At least one, all measured under the protocol.
        protocol: How.

    Returns:
        The page, the texts and the table of numbers.
    """
    ordered = sorted(runs, key=lambda run: (run.source, run.name, run.link))
    variants = group_variants(ordered)
    targets = targets_of(ordered)
    rankings = rank(variants, protocol)
    sections = [
        _matrix(ordered, variants, targets),
        *(_ranking(one, protocol) for one in rankings),
        _methods(variants, targets),
        _classes(ordered),
        _selection(ordered),
        *(_curves(variants, target) for target in targets),
        _learning(variants),
        Section("Size and speed", tables=[cost_table(variants)]),
        published_section(targets),
    ]
    context = {
        "runs": ordered,
        "num_variants": len(variants),
        "headline": _headline(rankings),
        "sections": sections,
        "protocol": protocol,
    }
    templates = environment()
    return Overview(
        html=templates.get_template("overview.html.jinja").render(context),
        markdown=templates.get_template("overview.md.jinja").render(context),
        latex=_latex(sections),
        numbers=tidy_table(ordered),
    )


def _headline(rankings: Sequence[Ranking]) -> list[str]:
    """Say which is best, once for each set of targets."""
    sentences = []
    for one in rankings:
        best, over = one.places[0], " and ".join(one.targets)
        seen = "which it has never seen" if one.is_cross else "which it was trained on"
        count = f"Of {len(one.places)} variants" if len(one.places) > 1 else "The only variant"
        verb = "ranks" if len(one.places) > 1 else "is"
        sentences.append(
            f"{count} tested on {over}, {seen}, {best.variant.title} {verb} "
            f"{'first' if len(one.places) > 1 else 'there'} with a mean AUC of {best.value:.3f}."
        )
    return sentences


def _matrix(
    runs: Sequence[ComparedRun], variants: Sequence[Variant], targets: Sequence[str]
) -> Section:
    notes = [
        "Area under the ROC curve of test videos. Bold, and a star in the picture: footage "
        "that the detector was trained on. 0.5 is guessing. Where runs differ only in their seed: "
        "mean ± standard deviation over them (of n - 1); of single runs, the interval over "
        "identity groups. The first says what another training run would change, the second what "
        "other people being filmed would.",
    ]
    singles = [] if len(runs) == len(variants) else [variant_table(variants, targets)]
    return Section(
        "Trained here, tested there",
        notes=notes,
        tables=[*singles, run_table(runs, targets)],
        pictures=[matrix_picture(variants, targets)] if targets else [],
    )


def _ranking(ranking: Ranking, protocol: Protocol) -> Section:
    over = ", ".join(ranking.targets)
    if ranking.is_cross:
        what = f"The mean AUC over the data sets that none of them was trained on ({over})."
    else:
        what = f"They were tested on their own data alone ({over}): this says nothing of others."
    notes = [
        what + " Its interval draws people anew in each data set. Variants that were tested on "
        "other data sets have a ranking of their own, because means over different sets cannot be "
        "compared."
    ]
    tables = [ranking_table(ranking)]
    if len(ranking.places) > 1:
        tables.append(comparison_table(compare_with_best(ranking, protocol)))
        notes.append(
            "Below the ranking: the best against each other on the same videos, by a bootstrap "
            "paired over identity groups. Holm's correction covers all rows of the table; bold is "
            "below 0.05. DeLong's test takes videos for independent, so that its p is too small "
            "where people have several. The best was chosen by these very numbers, which favours "
            "it."
        )
    title = "Ranking on unseen data" if ranking.is_cross else "Ranking on the data trained on"
    return Section(
        f"{title}: {over}", notes=notes, tables=tables, pictures=[ranking_picture(ranking)]
    )


def _methods(variants: Sequence[Variant], targets: Sequence[str]) -> Section:
    found = [methods_table(variants, target) for target in targets]
    return Section("By manipulation", tables=[table for table in found if table is not None])


def _classes(runs: Sequence[ComparedRun]) -> Section:
    tables = []
    for at, word in DECISION_POINTS.items():
        rows = [
            row
            for run in runs
            for target, block in run.tests.items()
            for row in class_rows(block, at, Cell(run.name, link=run.link), Cell(target))
        ]
        value = "the threshold from validation" if word != "0.5" else "0.5"
        if rows:
            columns = ["run", "tested on", *CLASS_COLUMNS]
            tables.append(Table(f"Videos by class, decided at {value}", columns, rows))
    return Section("By class", folded=tables)


def _selection(runs: Sequence[ComparedRun]) -> Section:
    choice = choice_table(runs)
    return Section(
        "What choosing on the test would have given",
        notes=[
            "The oracle has seen the answers of the very test set: its value may be carried "
            "nowhere. The gap is what choosing on a test set flatters.",
            CHECKPOINT_NOTE,
        ],
        tables=[threshold_table(runs), *([] if choice is None else [choice])],
    )


def _curves(variants: Sequence[Variant], target: str) -> Section:
    count = sum(target in run.tests for variant in variants for run in variant.runs)
    notes = [f"The first {MOST_LINES} of {count} runs."] if count > MOST_LINES else []
    return Section(
        f"Curves of all variants: {target}", notes=notes, pictures=overview_curves(variants, target)
    )


def _learning(variants: Sequence[Variant]) -> Section:
    pictures = learning_pictures(variants)
    notes = [] if pictures else ["No run has a metrics.csv with logged epochs."]
    return Section("Learning curves", notes=notes, pictures=pictures)


def _latex(sections: Sequence[Section]) -> str:
    tables = [table for section in sections for table in (*section.tables, *section.folded)]
    head = r"% Needs \usepackage{booktabs} and \usepackage{longtable}; read with \input."
    parts = [latex_table(table, f"tab:unmask-{index}") for index, table in enumerate(tables, 1)]
    return "\n\n".join([head, *parts]) + "\n"

"""Several runs beside each other: trained where, tested where, and which is best."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from unmask.report.compare.cautions import caution_section
from unmask.report.compare.costs import cost_table
from unmask.report.compare.counts import several_sets
from unmask.report.compare.csv_tables import tidy_table
from unmask.report.compare.grouping import group_variants, with_distinct_names
from unmask.report.compare.matrix import (
    columns_of,
    methods_table,
    repeat_notes,
    run_table,
    targets_of,
    variant_table,
)
from unmask.report.compare.published_tables import published_section
from unmask.report.compare.ranking import (
    Comparison,
    Ranking,
    compare_with_best,
    comparison_table,
    rank,
    ranking_table,
    smallest_corrected,
)
from unmask.report.compare.selection import (
    CHECKPOINT_NOTE,
    choice_table,
    threshold_table,
)
from unmask.report.compare.variants import ComparedRun, Variant
from unmask.report.pictures import (
    MOST_DECISIONS,
    MOST_LINES,
    Lines,
    decision_pictures,
    learning_pictures,
    lines_on,
    logged_lines,
    matrix_picture,
    overview_curves,
    ranking_picture,
)
from unmask.report.protocol import Protocol
from unmask.report.render import environment
from unmask.report.run_tables import CLASS_COLUMNS, DECISION_POINTS, class_rows
from unmask.report.table import Cell, Section, Table, latex_table


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

    Returns:
        The page, the texts and the table of numbers.
    """
    by_link = sorted(runs, key=lambda run: (run.source, run.name, run.link))
    ordered = with_distinct_names(by_link)
    variants = group_variants(ordered)
    targets = targets_of(ordered)
    rankings = rank(variants, protocol)
    # Every variant that was tested stands in one ranking.
    best_first = [place.variant for ranking in rankings for place in ranking.places]
    best_first += [one for one in variants if not any(one is other for other in best_first)]
    sections = [
        caution_section(ordered),
        _matrix(ordered, variants, targets),
        *(_ranking(one, protocol) for one in rankings),
        _methods(variants, targets),
        _classes(ordered),
        _selection(ordered),
        *(_curves(best_first, target) for target in targets),
        *(_decisions(best_first, target) for target in targets),
        _learning(best_first),
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
        numbers=tidy_table(variants),
    )


def _headline(rankings: Sequence[Ranking]) -> list[str]:
    """Name the best variant, once for each set of targets."""
    sentences = []
    for one in rankings:
        best, over = one.places[0], " and ".join(one.headings)
        seen = "which it has never seen" if one.is_cross else "which it was trained on"
        count = f"Of {len(one.places)} variants" if len(one.places) > 1 else "The only variant"
        verb = "ranks" if len(one.places) > 1 else "is"
        sentences.append(
            f"{count} tested on {over}, {seen}, {best.variant.title} {verb} "
            f"{'first' if len(one.places) > 1 else 'there'} with a mean AUC of "
            f"{best.value:.3f}{best.variant.mark_of(*one.targets)}."
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
        "other people being filmed would. n is the number of test videos behind a number; "
        '"unscored" are those without a usable face.',
        *several_sets(columns_of(variants, targets)),
        *repeat_notes(variants),
    ]
    singles = [] if len(runs) == len(variants) else [variant_table(variants, targets)]
    return Section(
        "Trained here, tested there",
        notes=notes,
        tables=[*singles, run_table(runs, targets)],
        pictures=[matrix_picture(variants, targets)] if targets else [],
    )


def _ranking(ranking: Ranking, protocol: Protocol) -> Section:
    over = ", ".join(ranking.headings)
    if ranking.is_cross:
        what = f"The mean AUC over the data sets that none of them was trained on ({over})."
    else:
        what = f"They were tested on their own data alone ({over}): this says nothing of others."
    notes = [
        what + " Its interval draws people anew in each data set. Variants that were tested on "
        "other data sets, or on other videos of these, have a ranking of their own, because means "
        "over different videos cannot be compared.",
        *_some_seeds_alone(ranking),
    ]
    tables = [ranking_table(ranking)]
    if len(ranking.places) > 1:
        comparisons = compare_with_best(ranking, protocol)
        tables.append(comparison_table(comparisons))
        notes.append(
            "Below the ranking: the best against each other on the same videos, by a bootstrap "
            "paired over identity groups. Holm's correction covers all rows of the table; bold is "
            "below 0.05. DeLong's test takes videos for independent, so that its p is too small "
            "where people have several. The best was chosen by these very numbers, which favours "
            "it." + _floor(comparisons)
        )
    title = "Ranking on unseen data" if ranking.is_cross else "Ranking on the data trained on"
    return Section(
        f"{title}: {over}", notes=notes, tables=tables, pictures=[ranking_picture(ranking)]
    )


def _some_seeds_alone(ranking: Ranking) -> list[str]:
    """Name the data sets that a mean leaves out, because not every seed was tested there."""
    found = [
        f"{variant.title} ({', '.join(missing)})"
        for variant in (place.variant for place in ranking.places)
        if (missing := [name for name in targets_of(variant.runs) if name not in variant.targets])
    ]
    if not found:
        return []
    return [f"Not every seed was tested there, hence left out of the mean: {'; '.join(found)}."]


def _floor(comparisons: Sequence[Comparison]) -> str:
    """Describe how small a p-value could have become at all."""
    floor = smallest_corrected(comparisons)
    if floor is None:
        return ""
    counts = sorted({one.found.num_resamples for one in comparisons if one.found} - {0})
    draws = " or ".join(f"{count:,}" for count in counts)
    count = len(comparisons)
    rows = "this 1 row" if count == 1 else f"these {count} rows"
    return f" Of {draws} draws, no p (Holm) of {rows} can be below {floor:.3g}."


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
            for row in class_rows(
                block,
                at,
                Cell(run.name, link=run.link),
                Cell(target + run.mark_of(target)),
            )
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
    lines = lines_on(variants, target)
    notes = [*_one_line_each(variants, lines), *_left_out(lines, MOST_LINES)]
    return Section(
        f"Curves of all variants: {target}",
        notes=notes,
        pictures=overview_curves(lines[:MOST_LINES], target),
    )


def _decisions(variants: Sequence[Variant], target: str) -> Section:
    lines = lines_on(variants, target)
    notes = [
        "How the scores of real and of fake videos are spread, and what the videos were called at "
        "the threshold from validation: counts, and shares of what they are.",
        *_left_out(lines, MOST_DECISIONS, where="; their own reports show them"),
    ]
    pictures = decision_pictures(lines[:MOST_DECISIONS], target)
    return Section(f"Scores and decisions: {target}", notes=notes, pictures=pictures)


def _learning(variants: Sequence[Variant]) -> Section:
    lines = logged_lines(variants)
    if not lines:
        notes = ["No run has a metrics.csv with logged epochs."]
        return Section("Learning curves", notes=notes)
    silent = [one.title for one in variants if all(run.curves.empty for run in one.runs)]
    notes = [*_one_line_each(variants, lines), *_left_out(lines, MOST_LINES)]
    if silent:
        notes.append(f"Without logged epochs, and hence not drawn: {'; '.join(silent)}.")
    return Section("Learning curves", notes=notes, pictures=learning_pictures(lines[:MOST_LINES]))


def _one_line_each(variants: Sequence[Variant], lines: Lines) -> list[str]:
    """Name the run that stands for a variant of several seeds, and how many do not appear."""
    drawn = [run for _, run in lines]
    others = sum(
        all(run is not one for one in drawn)
        for variant in variants
        if any(run is one for run in variant.runs for one in drawn)
        for run in variant.runs
    )
    if not others:
        return ["One line per variant, in the order of the ranking."]
    return [
        "One line per variant, in the order of the ranking. Of several seeds it is the run of the "
        "median AUC on validation, the lower of two middle ones, so that no test chooses it: "
        f"{others} other run{'' if others == 1 else 's'} of these variants "
        f"{'is' if others == 1 else 'are'} not drawn."
    ]


def _left_out(lines: Lines, most: int, where: str = "") -> list[str]:
    """Name the variants for which there is no room."""
    rest = [name for name, _ in lines[most:]]
    if not rest:
        return []
    return [f"The first {most} of {len(lines)} variants. Not drawn{where}: {'; '.join(rest)}."]


def _latex(sections: Sequence[Section]) -> str:
    tables = [table for section in sections for table in (*section.tables, *section.folded)]
    head = r"% Needs \usepackage{booktabs,graphicx,longtable}; read with \input."
    parts = [latex_table(table, f"tab:unmask-{index}") for index, table in enumerate(tables, 1)]
    return "\n\n".join([head, *parts]) + "\n"

"""The tables that verbs show on a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from unmask.pages.numbers import interval, number

if TYPE_CHECKING:  # most of these bring pandas or PyTorch along
    import pandas as pd

    from unmask.data.audit import SharedThing
    from unmask.models.complexity import Complexity
    from unmask.prepare.index import IndexSummary
    from unmask.prepare.summary import PrepareSummary
    from unmask.runs.sweep import JobRecord
    from unmask.verbs.doctor import Diagnosis
    from unmask.verbs.ensemble import EnsembleSummary
    from unmask.verbs.verify import Check, RepeatedMetric
    from unmask.verdict.models import LocalModel

AS_RECORDED: Final = {
    "equal": "[green]equal[/]",
    "close": "[green]close[/]",
    "differs": "[red]differs[/]",
    "not recorded": "[yellow]not recorded[/]",
}
HEALTH: Final = ("[green]complete[/]", "[yellow]usable, with gaps[/]", "[red]not usable[/]")


def index_table(summary: IndexSummary) -> Table:
    """Lay the counts out for a terminal: a row for each method, a column for each split."""
    from unmask.data.manifest import SPLITS

    title = f"{summary.dataset}: {summary.num_videos} videos in {summary.num_groups} groups"
    table = Table("label", "method", title=title)
    splits = [split for split in SPLITS if split in set(summary.counts["split"])]
    for split in splits:
        table.add_column(split, justify="right")
    for (label, method), rows in summary.counts.groupby(["label", "method"]):
        numbers = rows.set_index("split")["num_videos"]
        table.add_row(str(label), str(method), *(str(numbers.get(split, 0)) for split in splits))
    return table


def prepare_table(summary: PrepareSummary) -> Table:
    """Show what a store holds, with the failures by reason."""
    title = "Prepared a shard of" if summary.num_waiting else "Prepared"
    table = Table(title=f"{title} {summary.store_dir}", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("videos and images", f"{summary.num_videos:,}")
    table.add_row("face crops", f"{summary.num_faces:,}")
    table.add_row("without a face crop", f"{summary.num_failures:,}")
    for reason, count in summary.reasons.items():
        table.add_row(f"  {reason}", f"{count:,}")
    captions = []
    if summary.num_waiting:
        table.add_row("left to other shards", f"{summary.num_waiting:,}")
        captions.append("The last shard writes the tables; without `shard`, this call does.")
    else:
        captions.append("prepare.html shows the faces.")
        if summary.num_failures:
            captions.append("failures.parquet says what was wrong with each.")
    table.caption = " ".join(captions)
    return table


def audit_table(things: Sequence[SharedThing]) -> Table:
    """Lay shared things out for a terminal, a row each."""
    table = Table("kind", "splits", "the one", "the other", "what")
    for thing in things:
        table.add_row(thing.kind, " and ".join(thing.splits), thing.first, thing.second, thing.what)
    return table


def complexity_table(complexity: Complexity, name: str) -> Table:
    """Lay out the cost of a detector."""
    frames, side = complexity.num_frames, complexity.image_size
    formula = complexity.system_a_flops
    rows = {
        "parameters": f"{complexity.num_parameters:,}",
        "of these trained": f"{complexity.num_trainable:,}",
        "checkpoint": f"{complexity.checkpoint_bytes / 1e6:,.1f} MB (weights alone)",
        "clip": f"{frames} frames of {side} x {side} px",
        "features": f"{frames} x {complexity.num_features}",
        "logits": "2 (real, fake)",
        "operations per clip": f"{complexity.flops_per_clip / 1e9:,.2f} GFLOP "
        "(a multiplication and an addition are two)",
        "by system A's formula": "has no meaning without convolutions"
        if formula is None
        else f"{formula / 1e9:,.2f} G (no groups; a multiplication and an addition are one)",
        "memory of a training step": f"about {complexity.training_bytes / 2**30:,.1f} GiB "
        f"({complexity.batch_size} clips, Adam, float32, without the libraries' workspace)",
    }
    table = Table(title=name, title_justify="left", show_header=False)
    for what, value in rows.items():
        table.add_row(what, value)
    return table


def jobs_table(records: Sequence[JobRecord]) -> Table:
    """Lay the jobs out for a terminal: what sets each apart, its validation AUC or its error."""
    shared = set.intersection(*(set(record.overrides) for record in records)) if records else set()
    table = Table("job", "words", "validation AUC", "outcome")
    for record in records:
        words = [word for word in record.overrides if word not in shared]
        table.add_row(
            str(record.number),
            Text(" ".join(words)),
            "" if record.value is None else f"{record.value:.4f}",
            Text(record.says, style="red" if record.failed else ""),
        )
    return table


def models_table(models: Iterable[LocalModel]) -> Table:
    """Show models with what their cards tell; the number is that of :func:`model_lines`."""
    table = Table("", "model", "trained on", "test AUC \\[95 %]", "validation AUC")
    for place, model in enumerate(models, start=1):
        card = model.card
        if card is None:
            table.add_row(str(place), escape(model.problem or "no card: nothing is known of it"))
            continue
        tests = [
            f"{row['dataset']} {number(row['auc']['value'])} {interval(row['auc'])}"
            for row in card["metrics"]
            if row["role"] in ("in_domain", "cross_dataset")
        ]
        table.add_row(
            str(place),
            escape(str(card["model"])),
            escape("\n".join(card["source_datasets"])),
            escape("\n".join(tests)) or "never tested",
            number(card["val_auc"]),
        )
    return table


def model_lines(models: Iterable[LocalModel]) -> list[str]:
    """Write where each model lies, which may be longer than a table is wide."""
    return [
        f"{place}: {model.path} ({model.path.stat().st_size / 1e6:.1f} MB)"
        for place, model in enumerate(models, start=1)
    ]


def member_table(summary: EnsembleSummary) -> Table:
    """Show what was chosen for each member of an ensemble."""
    table = Table("member", title=f"Chosen on validation, rule={summary.card.rule}")
    for column in ("threshold", "accuracy", "AUC", "weight"):
        table.add_column(column, justify="right")
    for member, weight in zip(
        summary.combination.members, summary.combination.weights, strict=True
    ):
        table.add_row(
            member.name,
            *(number(value) for value in (member.threshold, member.accuracy, member.auc)),
            f"{weight:.3f}",
        )
    return table


def agreement_table(agreement: pd.DataFrame) -> Table:
    """Show how far members agree on each test set."""
    table = Table("test set", "member", "member", title="How far members agree")
    for column in ("videos", "same decision", "Cohen's kappa"):
        table.add_column(column, justify="right")
    for row in agreement.to_dict("records"):
        kappa = row["kappa"]
        table.add_row(
            *(str(row[column]) for column in ("dataset", "first", "second", "count")),
            f"{row['agreement']:.3f}",
            "n/a" if kappa is None or math.isnan(kappa) else f"{kappa:.3f}",
        )
    return table


def check_table(checks: list[Check]) -> Table:
    """Show what is as a run recorded it."""
    table = Table("what", "as recorded?", "difference", title="What the run was made from")
    for check in checks:
        table.add_row(check.what, AS_RECORDED[check.state], check.detail)
    return table


def metric_table(title: str, comparisons: list[RepeatedMetric]) -> Table:
    """Show metrics then and now."""
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


def counts_table(diagnosis: Diagnosis) -> Table:
    """Show what is there of a data set, beside what is published."""
    table = Table("part", title=f"{diagnosis.title}: {HEALTH[diagnosis.state]}")
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

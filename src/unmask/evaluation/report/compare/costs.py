"""What a detector costs: its size, its work and its speed, as far as the run has recorded them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from unmask.evaluation.report.compare.variants import ComparedRun, Variant
from unmask.evaluation.report.table import Cell, Table

UNKNOWN: Final = "not recorded"
# The first of these names that ``run.json`` has, at its top or under "cost".
FLOPS: Final = ("flops_per_clip", "num_flops", "flops")
THROUGHPUT: Final = ("clips_per_second", "throughput_clips_per_second", "throughput")
TRAINING: Final = ("train_seconds", "training_seconds", "fit_seconds")


def cost_table(variants: Sequence[Variant]) -> Table:
    """Write parameters, operations and speed of each variant's first run."""
    return Table(
        "What each detector costs",
        ["model", "trained on", "parameters", "trained", "GFLOPs per clip", "clips per second",
         "training, minutes"],
        [_row(variant, variant.runs[0]) for variant in variants],
    )  # fmt: skip


def _row(variant: Variant, run: ComparedRun) -> list[Cell]:
    nested = run.facts.get("cost")
    facts = {**run.facts, **(nested if isinstance(nested, Mapping) else {})}
    return [
        Cell(variant.name),
        Cell(variant.source),
        Cell(_count(facts.get("num_parameters"))),
        Cell(_count(facts.get("num_trainable"))),
        Cell(_scaled(facts, FLOPS, 1e9)),
        Cell(_scaled(facts, THROUGHPUT, 1.0)),
        Cell(_scaled(facts, TRAINING, 60.0)),
    ]


def _count(value: Any) -> str:  # noqa: ANN401 - JSON is untyped
    return f"{value:,}" if isinstance(value, int) else UNKNOWN


def _scaled(facts: Mapping[str, Any], names: Sequence[str], unit: float) -> str:
    found = [facts[name] for name in names if isinstance(facts.get(name), int | float)]
    return f"{found[0] / unit:,.2f}" if found else UNKNOWN

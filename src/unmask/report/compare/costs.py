"""What a detector costs: its size, its work and its speed, as far as the run has recorded them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from unmask.report.compare.variants import ComparedRun, Variant
from unmask.report.table import Cell, Table

UNKNOWN: Final = "not recorded"


def cost_table(variants: Sequence[Variant]) -> Table:
    """Write parameters, operations and speed of each variant's first run."""
    return Table(
        "What each detector costs",
        ["model", "trained on", "parameters", "trained", "GFLOP per clip", "clips per second"],
        [_row(variant, variant.runs[0]) for variant in variants],
    )


def _row(variant: Variant, run: ComparedRun) -> list[Cell]:
    facts = run.facts
    found = facts.get("scoring")
    scoring: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    frames, device = facts.get("frames_per_clip"), scoring.get("device")
    flops = facts.get("flops_per_clip")
    return [
        Cell(variant.name),
        Cell(variant.source),
        Cell(_number(facts.get("num_parameters"))),
        Cell(_number(facts.get("num_trainable"))),
        Cell(
            _number(flops / 1e9 if isinstance(flops, int) else None),
            note=f"({frames} frames)" if frames else "",
        ),
        Cell(_number(scoring.get("clips_per_second")), note=f"({device})" if device else ""),
    ]


def _number(value: Any) -> str:  # noqa: ANN401 - JSON is untyped
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, float) else UNKNOWN

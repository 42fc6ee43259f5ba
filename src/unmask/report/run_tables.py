"""The tables of one run: every metric, the classes, the oracle and the calibration."""

from collections.abc import Sequence
from typing import Any, Final

from unmask.core.labels import CLASS_NAMES
from unmask.evaluation.oracle import LABEL
from unmask.report.calibration_and_oracle import AS_SCORED
from unmask.report.table import Cell, Section, Table, estimate_cell, number_cell, signed
from unmask.report.wording import Block

# How metrics are called in tables, and on which side they are better.
METRIC_NAMES: Final = {
    "auc": "AUC ↑",
    "partial_auc": "Partial AUC, FPR ≤ 10 % ↑",
    "average_precision": "Average precision ↑",
    "equal_error_rate": "Equal error rate ↓",
    "tpr_at_1_percent_fpr": "TPR at 1 % FPR ↑",
    "tpr_at_5_percent_fpr": "TPR at 5 % FPR ↑",
    "log_loss": "Log loss ↓",
    "brier_score": "Brier score ↓",
}
DECISION_POINTS: Final = {"at_threshold": "threshold", "at_half": "0.5"}


def metrics_section(blocks: Sequence[Block]) -> Section:
    """Write every metric of clips and of videos, one table per set."""
    return Section(
        "All metrics, by clip and by video",
        notes=[
            "↑: higher is better, ↓: lower is better. Partial AUC is rescaled, so that guessing "
            "gives 0.5 and perfection 1. TPR at 1 % FPR: the share of fakes found when at most 1 % "
            "of the reals are called fake; with fewer than 100 reals, none may be."
        ],
        tables=[_metrics_table(block) for block in blocks],
    )


def _metrics_table(block: Block) -> Table:
    levels = [block.content["video"], block.content["clip"]]
    low, high = block.content["clip"]["frames_per_clip"]
    frames = f"{low}" if low == high else f"{low} to {high}"
    rows = [
        [Cell("n"), *(Cell(_counts(one)) for one in levels)],
        *(
            [Cell(title), *(estimate_cell(one[name]) for one in levels)]
            for name, title in METRIC_NAMES.items()
        ),
        [
            Cell("Calibration error (ECE) ↓"),
            *(number_cell(one["expected_calibration_error"]) for one in levels),
        ],
    ]
    for at, word in DECISION_POINTS.items():
        for name in ("accuracy", "balanced_accuracy"):
            if levels[0][at] is not None:
                title = f"{name.replace('_', ' ').capitalize()} at {word} ↑"
                rows.append([Cell(title), *(estimate_cell(one[at][name]) for one in levels)])
    return Table(block.title, ["Metric", "Videos", f"Clips of {frames} frames"], rows)


def _counts(level: dict[str, Any]) -> str:
    return (
        f"{level['count']}: {level['num_real']} real, {level['num_fake']} fake, "
        f"{level['num_groups']} groups"
    )


def class_rows(block: Block, at: str, *lead: Cell) -> list[list[Cell]]:
    """Return a row for Real and one for Fake: precision, recall, F1, support, then accuracy.

    Args:
        at: ``"at_threshold"`` or ``"at_half"``.
        lead: Cells before them.
    """
    decided = block.content["video"][at]
    if decided is None:
        return []
    rows = []
    for name in CLASS_NAMES:
        one = decided["classes"][name]
        cells = [number_cell(one[part]) for part in ("precision", "recall", "f1")]
        accuracy = decided["accuracy"]["value"]
        rows.append(
            [
                *lead,
                Cell(name.capitalize()),
                *cells,
                Cell(str(one["support"])),
                number_cell(accuracy),
            ]
        )
    return rows


CLASS_COLUMNS: Final = ["class", "precision", "recall", "F1", "support", "accuracy"]


def classes_section(blocks: Sequence[Block], threshold: float | None) -> Section:
    """Write precision, recall, F1 and support of each class, and accuracy, in both decisions."""
    tables = []
    for at, word in DECISION_POINTS.items():
        rows = [row for block in blocks for row in class_rows(block, at, Cell(block.title))]
        if rows:
            value = f"the threshold {threshold:.3f} from validation" if word != "0.5" else "0.5"
            tables.append(Table(f"Videos, decided at {value}", ["set", *CLASS_COLUMNS], rows))
    return Section("By class", tables=tables)


def oracle_section(blocks: Sequence[Block]) -> Section:
    """Write what a threshold chosen on the test itself would give, in a column of its own."""
    rows = [
        [
            Cell(block.title),
            Cell(metric.replace("_", " ")),
            number_cell(one["honest"]),
            Cell(f"{one['oracle']:.3f}", note=f"(threshold {one['threshold']:.3f})"),
            Cell(signed(one["gap"])),
        ]
        for block in blocks
        if block.content["oracle"] is not None
        for metric, one in block.content["oracle"]["threshold"].items()
    ]
    reasons = sorted({block.content["oracle"]["checkpoint"] for block in blocks if block.is_test})
    notes = [
        "The threshold of the first value was fixed on validation. The oracle has seen the answers "
        "of the very test set: its value may be carried nowhere, and the gap is what choosing "
        "on a test set flatters.",
        *(f"The checkpoint that a test set would have chosen is {one}." for one in reasons),
    ]
    columns = ["set", "metric", "threshold from validation", LABEL, "gap"]
    tables = [Table("Videos", columns, rows)] if rows else []
    return Section("What choosing on the test would have given", notes=notes, tables=tables)


def calibration_section(metrics: dict[str, Any], blocks: Sequence[Block]) -> Section:
    """Write how far scores can be taken at their word, before and after each map."""
    fitted = metrics["calibration"]
    where = f"{fitted['dataset']}, {fitted['split']}"
    if fitted["reason"]:
        notes = [f"No map could be fitted on {where}, because {fitted['reason']}."]
    else:
        notes = [
            f"Maps are fitted on the videos of {where} and carried to each test unchanged; lower "
            "is better. Isotonic regression answers 0 and 1, and one such video that is wrong "
            "costs 36 in the sum of the log loss."
        ]

    def fitted_here(block: Block) -> str:
        is_own = block.dataset in metrics["source_datasets"] and block.split == fitted["split"]
        return " (fitted on these videos)" if is_own else ""

    rows = [
        [
            Cell(block.title),
            Cell("as scored" if name == AS_SCORED else name + fitted_here(block)),
            *(
                number_cell(one[metric])
                for metric in ("log_loss", "brier_score", "expected_calibration_error")
            ),
        ]
        for block in blocks
        for name, one in block.content["calibration"].items()
    ]
    columns = ["set", "scores", "log loss", "Brier score", "ECE"]
    return Section("Calibration", notes=notes, tables=[Table("Videos", columns, rows)])

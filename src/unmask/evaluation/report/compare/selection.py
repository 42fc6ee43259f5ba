"""What was chosen on validation, and what the test would have chosen: the oracle and its gap."""

from collections.abc import Sequence

from unmask.core.errors import PredictionsError
from unmask.evaluation.oracle import LABEL, OracleCheckpoint, oracle_checkpoints
from unmask.evaluation.report.compare.variants import ComparedRun
from unmask.evaluation.report.selected import ONE_CHECKPOINT
from unmask.evaluation.report.table import Cell, Table, number_cell, signed


def threshold_table(runs: Sequence[ComparedRun]) -> Table:
    """Write the balanced accuracy at validation's threshold and at the test's own."""
    rows = []
    for run in runs:
        for target, block in run.tests.items():
            found = block.content["oracle"]["threshold"]
            balanced, plain = found["balanced_accuracy"], found["accuracy"]
            rows.append(
                [
                    Cell(run.name, link=run.link),
                    Cell(target),
                    number_cell(balanced["honest"], mark=run.mark),
                    number_cell(balanced["oracle"]),
                    Cell(signed(balanced["gap"])),
                    number_cell(plain["honest"], mark=run.mark),
                    number_cell(plain["oracle"]),
                    Cell(signed(plain["gap"])),
                ]
            )
    return Table(
        f"Threshold from validation, and {LABEL}",
        ["run", "tested on", "balanced accuracy", "oracle", "gap", "accuracy", "oracle ", "gap "],
        rows,
    )


def choice_table(runs: Sequence[ComparedRun]) -> Table | None:
    """Write, for each source and target, the run that validation chooses and the test's choice.

    Only runs of one source with a recorded validation AUC are a choice, and only where they scored
    the same videos.

    Returns:
        The table, or None where there is nothing to choose from.
    """
    rows = []
    for source in sorted({run.source for run in runs}):
        members = [run for run in runs if run.source == source and _validation_auc(run) is not None]
        rows += _choices(source, members)
    if not rows:
        return None
    return Table(
        f"Which run one would have chosen: by validation, and {LABEL}",
        ["tested on", "trained on", "runs", "chosen on validation", "AUC", "oracle", "AUC ", "gap"],
        rows,
    )


def _choices(source: str, runs: Sequence[ComparedRun]) -> list[list[Cell]]:
    rows = []
    for target in sorted({target for run in runs for target in run.tests}):
        # Links tell runs of one name apart.
        tested = {run.link: run for run in runs if target in run.tests}
        if len(tested) < 2:
            continue
        chosen = max(tested, key=lambda link: (_validation_auc(tested[link]) or 0.0, link))
        try:
            found = oracle_checkpoints(
                {link: run.videos_of(target) for link, run in tested.items()}, chosen=chosen
            )[target]
        except PredictionsError:
            # Runs over different videos are no choice between equals.
            continue
        rows.append(_choice_row(source, target, found, tested))
    return rows


def _choice_row(
    source: str, target: str, found: OracleCheckpoint, tested: dict[str, ComparedRun]
) -> list[Cell]:
    honest, oracle = tested[found.honest_checkpoint], tested[found.oracle_checkpoint]
    return [
        Cell(target),
        Cell(source),
        Cell(str(found.num_checkpoints)),
        Cell(honest.name),
        number_cell(found.honest, mark=honest.mark),
        Cell(oracle.name),
        number_cell(found.oracle, mark=oracle.mark),
        Cell(signed(found.gap)),
    ]


def _validation_auc(run: ComparedRun) -> float | None:
    value = run.facts.get("val_video_auc")
    return float(value) if isinstance(value, int | float) else None


CHECKPOINT_NOTE = (
    f"The checkpoint that a test set would have chosen is {ONE_CHECKPOINT}; the one that "
    "validation chose, where no mark says otherwise."
)

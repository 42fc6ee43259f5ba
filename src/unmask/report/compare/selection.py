"""What was chosen on validation, and what the test would have chosen: the oracle and its gap."""

from collections.abc import Sequence

from unmask.evaluation.oracle import LABEL, OracleCheckpoint, oracle_checkpoints
from unmask.report.calibration_and_oracle import ONE_CHECKPOINT
from unmask.report.compare.counts import CountedVideos, count_videos
from unmask.report.compare.variants import ComparedRun
from unmask.report.table import Cell, Table, number_cell, signed


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
                    Cell(target, note=f"(n={block.content['video']['count']})"),
                    number_cell(balanced["honest"], mark=run.mark_of(target)),
                    number_cell(balanced["oracle"]),
                    Cell(signed(balanced["gap"])),
                    number_cell(plain["honest"], mark=run.mark_of(target)),
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
    the same videos: different ones have a row each.

    Returns:
        The table, or None where there is nothing to choose from.
    """
    rows = []
    for source in sorted({run.source for run in runs}):
        members = [run for run in runs if run.source == source and run.validation_auc is not None]
        for target in sorted({target for run in members for target in run.tests}):
            rows += _choices(source, members, count_videos(runs, target))
    if not rows:
        return None
    return Table(
        f"Which run one would have chosen: by validation, and {LABEL}",
        ["tested on", "trained on", "runs", "chosen on validation", "AUC", "oracle", "AUC ", "gap"],
        rows,
    )


def _choices(source: str, runs: Sequence[ComparedRun], column: CountedVideos) -> list[list[Cell]]:
    rows = []
    for digest in dict.fromkeys(digest for *_, digest in column.texts):
        # Links tell runs of one name apart.
        tested = {run.link: run for run in runs if run.video_sets.get(column.name) == digest}
        if len(tested) < 2:
            continue
        chosen = max(tested, key=lambda link: (tested[link].validation_auc or 0.0, link))
        videos_of = {link: run.videos_of(column.name) for link, run in tested.items()}
        found = oracle_checkpoints(videos_of, chosen=chosen)[column.name]
        rows.append(_choice_row(source, column, found, tested))
    return rows


def _choice_row(
    source: str, column: CountedVideos, found: OracleCheckpoint, tested: dict[str, ComparedRun]
) -> list[Cell]:
    honest, oracle = tested[found.honest_checkpoint], tested[found.oracle_checkpoint]
    return [
        Cell(column.title(honest)),
        Cell(source),
        Cell(str(found.num_checkpoints)),
        Cell(honest.name),
        number_cell(found.honest, mark=honest.mark_of(column.name)),
        Cell(oracle.name),
        number_cell(found.oracle, mark=oracle.mark_of(column.name)),
        Cell(signed(found.gap)),
    ]


CHECKPOINT_NOTE = (
    f"The checkpoint that a test set would have chosen is {ONE_CHECKPOINT}; the one that "
    "validation chose, where no mark says otherwise."
)

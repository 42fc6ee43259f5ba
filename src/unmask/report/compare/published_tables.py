"""Published numbers of the same test sets, in tables of their own."""

from collections.abc import Sequence
from itertools import groupby

from unmask.evaluation.published import CAUTION, PublishedRow, published_for
from unmask.pages.numbers import number
from unmask.report.table import DASH, Cell, Section, Table


def published_section(targets: Sequence[str]) -> Section:
    """Write what others have published for the data sets that our runs were tested on.

    Args:
        targets: Our names of them.

    Returns:
        One table per data set that has rows; a sentence where none has.
    """
    tables = [published_table(one, rows) for one in targets if (rows := published_for(one))]
    without = [target for target in targets if not published_for(target)]
    missing = f"Nothing is recorded as published for {', '.join(without)}." if without else ""
    notes = [CAUTION] if tables else []
    return Section(
        "Published by others",
        notes=[*notes, *([missing] if missing else [])],
        folded=tables,
    )


def published_table(target: str, rows: Sequence[PublishedRow]) -> Table:
    """Write published rows; those of one system, model and protocol stand together."""

    def of_one(row: PublishedRow) -> tuple[str, ...]:
        frames = "" if row.num_frames is None else str(row.num_frames)
        return (
            row.system, row.model, row.train_set, row.test_set, row.subset, row.level, frames,
            row.protocol, row.source, row.note,
        )  # fmt: skip

    cells = []
    for key, members in groupby(rows, key=of_one):
        system, model, train_set, test_set, subset, level, frames, protocol, source, note = key
        values = ", ".join(f"{one.metric.replace('_', ' ')} {number(one.value)}" for one in members)
        which = f"{test_set} {subset}".strip()
        cells.append(
            [
                Cell(model, note=f"({system})"),
                Cell(train_set),
                Cell(which),
                Cell(values),
                Cell(level),
                Cell(frames or DASH),
                Cell(protocol, note=f"({note})" if note else ""),
                Cell(source),
            ]
        )
    return Table(
        f"Published for {target}, not ours",
        ["model", "trained on", "tested on", "published", "level", "frames", "protocol", "source"],
        cells,
    )

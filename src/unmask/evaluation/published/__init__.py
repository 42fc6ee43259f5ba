"""What others have published, to be printed beside our numbers and never merged with them.

Four tables lie in this package: ``systems.csv`` of the five systems that the project repeats,
``frame_auc.csv`` and ``video_auc.csv`` of detectors trained on FaceForensics++, ``within.csv`` of
detectors tested on the data set that they were trained on. Every value is a fraction; a range in
the source is two rows.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from unmask.core.errors import DataError
from unmask.evaluation.footage import published_names

TABLES: Final = ("systems.csv", "frame_auc.csv", "video_auc.csv", "within.csv")
COLUMNS: Final = (
    "system", "model", "train_set", "test_set", "subset", "level", "metric", "value", "num_frames",
    "protocol", "source", "note",
)  # fmt: skip
# Where a source leaves open what was measured, so does the row.
LEVELS: Final = ("clip", "frame", "video", "not stated")
METRICS: Final = (
    "auc", "average_precision", "accuracy", "precision", "recall",
    "precision_real", "recall_real", "f1_real", "precision_fake", "recall_fake", "f1_fake",
)  # fmt: skip
CAUTION: Final = (
    "Most checkpoints behind these numbers were chosen with knowledge of a test set "
    "(see SCLBD/DeepfakeBench issue 91), and each row has the protocol of its source: they show "
    "what has been claimed, and cannot be compared digit by digit with the tables above."
)


@dataclass(frozen=True)
class PublishedRow:
    """One published number.

    Args:
        train_set: What it was trained on.
        test_set: What it was tested on; our name of the data set where we read it.
        subset: Which part of that: compression, manipulation or split; may be empty.
        level: What was scored, one of ``LEVELS``; of images ``"frame"``.
        metric: One of ``METRICS``.
        value: As a fraction.
        num_frames: Per video; None where the source does not say.
        note: What else a reader must know; may be empty.
    """

    system: str
    model: str
    train_set: str
    test_set: str
    subset: str
    level: str
    metric: str
    value: float
    num_frames: int | None
    protocol: str
    source: str
    note: str


@cache
def published_rows() -> tuple[PublishedRow, ...]:
    """Return every published number, in the order of the tables.

    Raises:
        DataError: If a table lacks a column, or a row its value, source or protocol.
    """
    found: list[PublishedRow] = []
    for name in TABLES:
        text = (files(__package__) / name).read_text(encoding="utf-8")
        found += read_rows(text.splitlines(), name)
    return tuple(found)


def read_rows(lines: Sequence[str], name: str) -> list[PublishedRow]:
    """Read one table.

    Args:
        lines: Lines of a CSV with the columns of ``COLUMNS``.
        name: What it is called in errors.

    Raises:
        DataError: If a column is missing, or a row breaks what :class:`PublishedRow` says.
    """
    reader = csv.DictReader(lines)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise DataError(f"{name} has the columns {reader.fieldnames}; it needs {list(COLUMNS)}.")
    return [_row(row, f"{name}, row {index}") for index, row in enumerate(reader, start=1)]


def _row(row: dict[str, str], where: str) -> PublishedRow:
    empty = [
        name for name in COLUMNS if not row[name] and name not in ("subset", "num_frames", "note")
    ]
    if empty:
        raise DataError(f"{where} has nothing in {empty}.")
    for name, known in (("level", LEVELS), ("metric", METRICS)):
        if row[name] not in known:
            raise DataError(f"{where} has the {name} {row[name]!r}; known are {list(known)}.")
    value = float(row["value"])
    if not 0.0 <= value <= 1.0:
        raise DataError(f"{where} has the value {value}; a fraction lies in [0, 1].")
    frames = int(row["num_frames"]) if row["num_frames"] else None
    texts = {name: row[name] for name in COLUMNS if name not in ("value", "num_frames")}
    return PublishedRow(value=value, num_frames=frames, **texts)


def published_for(test_set: str) -> list[PublishedRow]:
    """Return what is published for one of our data sets.

    Copies of a data set in other layouts share its rows. A data set that we made ourselves has
    none, even where it imitates a published one.

    Args:
        test_set: Our name of it, e.g. ``"celebdf_v2"``.

    Returns:
        The rows in the order of the tables; none where nothing is known.

    Example:
        >>> {row.test_set for row in published_for("celebdf_v2")} == {"celebdf_v2", "celebdf"}
        True
        >>> published_for("synthetic_ffpp")
        []
    """
    names = published_names(test_set)
    return [row for row in published_rows() if row.test_set in names]

"""The two tables that every reported number is read from.

``predictions.parquet`` has one row per scored clip, ``unscored.parquet`` one per video without a
usable face. Both are checked where they are written and where they are read, so that all that comes
later can rely on whole keys, scores in [0, 1] and one label per video.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from unmask.core.errors import DataError, PredictionsError
from unmask.core.files import read_parquet, write_parquet
from unmask.core.labels import FAKE, REAL

PREDICTIONS: Final = pa.schema(
    [
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("track_id", pa.int32(), nullable=False),
        # clips of one track are numbered from 0 in time
        pa.field("clip_index", pa.int32(), nullable=False),
        # 0 real, 1 fake
        pa.field("label", pa.int8(), nullable=False),
        pa.field("method", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        # probability of fake in [0, 1]
        pa.field("score", pa.float64(), nullable=False),
        # frames that the clip really has, without padding
        pa.field("num_frames", pa.int32(), nullable=False),
        # POSIX path below the store of one crop, for pictures; "" where there is none
        pa.field("example_crop", pa.string(), nullable=False),
    ]
)
PREDICTIONS_KEY: Final = ["dataset", "video_id", "track_id", "clip_index"]

UNSCORED: Final = pa.schema(
    [
        *(PREDICTIONS.field(name) for name in ("dataset", "video_id", "label", "method", "group")),
        PREDICTIONS.field("split"),
        # the code of failures.parquet, e.g. "no_face"
        pa.field("reason", pa.string(), nullable=False),
    ]
)
VIDEO_KEY: Final = ["dataset", "video_id"]
VIDEO_FACTS: Final = ["label", "method", "group", "split"]


def write_predictions(path: Path, predictions: pd.DataFrame) -> None:
    """Check predictions and write them atomically in the order of their key.

    Args:
        predictions: Rows with the columns of ``PREDICTIONS``, in any order.

    Raises:
        PredictionsError: If :func:`check_predictions` refuses them.
    """
    write_parquet(path, predictions_table(check_predictions(predictions)))


def predictions_table(predictions: pd.DataFrame) -> pa.Table:
    """Return checked predictions as they are written.

    Raises:
        PredictionsError: If a value does not fit its column.
    """
    return _table("predictions", predictions, PREDICTIONS)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read and check what :func:`write_predictions` wrote.

    Raises:
        DataError: If the file is missing or not Parquet.
        PredictionsError: If :func:`check_predictions` refuses it.
    """
    return check_predictions(_read(path))


def write_unscored(path: Path, unscored: pd.DataFrame) -> None:
    """Check the videos without a score and write them atomically in the order of their key.

    Raises:
        PredictionsError: If :func:`check_unscored` refuses them.
    """
    write_parquet(path, _table("unscored", check_unscored(unscored), UNSCORED))


def read_unscored(path: Path) -> pd.DataFrame:
    """Read and check what :func:`write_unscored` wrote.

    Raises:
        DataError: If the file is missing or not Parquet.
        PredictionsError: If :func:`check_unscored` refuses it.
    """
    return check_unscored(_read(path))


def check_predictions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return predictions in the order of their key and the columns of their schema.

    Raises:
        PredictionsError: If a column is missing or unknown, a value is missing, a key repeats, a
            label is neither 0 nor 1, a score lies outside [0, 1], or a video has two labels,
            methods, groups or splits.
    """
    checked = _check_rows(predictions, "predictions", PREDICTIONS, PREDICTIONS_KEY)
    outside = checked.loc[~checked["score"].between(0.0, 1.0)]
    if len(outside):
        row = outside.iloc[0]
        raise PredictionsError(
            f"Clip {row[PREDICTIONS_KEY].to_dict()} has the score {row['score']}; "
            "a score is a probability in [0, 1]. Was a logit stored?"
        )
    _check_facts(checked)
    return checked


def _check_facts(ordered: pd.DataFrame) -> None:
    """Refuse a video with two labels, methods, groups or splits, given rows in order of key."""
    # Rows of a video are neighbours, so that each need be compared with the one before it alone.
    is_same = np.ones(max(0, len(ordered) - 1), dtype=bool)
    for name in VIDEO_KEY:
        is_same &= _equals_previous(ordered[name])
    for fact in VIDEO_FACTS:
        broken = np.flatnonzero(is_same & ~_equals_previous(ordered[fact]))
        if len(broken):
            dataset, video_id = ordered.iloc[broken[0]][VIDEO_KEY]
            of_video = (ordered["dataset"] == dataset) & (ordered["video_id"] == video_id)
            raise PredictionsError(
                f"Video {video_id!r} of {dataset!r} has more than one {fact}: "
                f"{sorted(ordered.loc[of_video, fact].unique().tolist())}."
            )


def _equals_previous(column: pd.Series) -> NDArray[np.bool_]:
    """Return whether each row but the first equals the row before it, (n - 1,)."""
    codes = sort_codes(column)
    equal: NDArray[np.bool_] = codes[1:] == codes[:-1]
    return equal


def sort_codes(column: pd.Series) -> NDArray[Any]:
    """Return numbers (n,) in the order of the values; text is sorted by its distinct values.

    Example:
        >>> sort_codes(pd.Series(["b", "a", "b"])).tolist()
        [1, 0, 1]
    """
    if pd.api.types.is_integer_dtype(column):
        return column.to_numpy()
    codes: NDArray[Any] = pd.factorize(column, sort=True)[0]
    return codes


def key_order(frame: pd.DataFrame, key: list[str]) -> NDArray[np.intp]:
    """Return the positions (n,) of rows in the order of a key, equal ones as they stood."""
    # The last of its arguments is the first that np.lexsort sorts by.
    return np.lexsort([sort_codes(frame[name]) for name in reversed(key)])


def check_unscored(unscored: pd.DataFrame) -> pd.DataFrame:
    """Return the videos without a score in the order of their key and the columns of their schema.

    Raises:
        PredictionsError: If a column is missing or unknown, a value is missing, a key repeats, or a
            label is neither 0 nor 1.
    """
    return _check_rows(unscored, "unscored", UNSCORED, VIDEO_KEY)


def empty_unscored() -> pd.DataFrame:
    """Return a table of unscored videos without rows."""
    frame: pd.DataFrame = UNSCORED.empty_table().to_pandas()
    return frame


def _check_rows(frame: pd.DataFrame, name: str, schema: pa.Schema, key: list[str]) -> pd.DataFrame:
    missing = sorted(set(schema.names) - set(frame.columns))
    unknown = sorted(set(frame.columns) - set(schema.names))
    if missing or unknown:
        raise PredictionsError(
            f"Table '{name}' lacks the columns {missing} and has the unknown columns {unknown}."
        )
    empty = [column for column in schema.names if frame[column].isna().any()]
    if empty:
        raise PredictionsError(f"Table '{name}' has rows without a value in {empty}.")
    ordered: pd.DataFrame = frame[schema.names].iloc[key_order(frame, key)].reset_index(drop=True)
    is_repeated = np.ones(max(0, len(ordered) - 1), dtype=bool)
    for part in key:
        is_repeated &= _equals_previous(ordered[part])
    if is_repeated.any():
        repeated = ordered.loc[int(np.argmax(is_repeated)), key].to_dict()
        raise PredictionsError(f"Table '{name}' repeats the key {repeated}.")
    others = frame.loc[~frame["label"].isin([REAL, FAKE])]
    if len(others):
        raise PredictionsError(
            f"Video {others.iloc[0]['video_id']!r} has the label {others.iloc[0]['label']}; "
            f"a label is {REAL} (real) or {FAKE} (fake)."
        )
    return ordered


def _table(name: str, frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    try:
        table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise PredictionsError(f"{name}.parquet cannot be written: {error}.") from error
    return table.replace_schema_metadata(None)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(
            f"There is no {path.name} in {path.parent}; "
            f"`unmask evaluate run={path.parent}` writes it."
        )
    frame: pd.DataFrame = read_parquet(path).to_pandas()
    return frame

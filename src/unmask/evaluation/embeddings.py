"""``embeddings.parquet``: the backbone's mean features, one row per video."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from unmask.core.errors import DataError, PredictionsError
from unmask.core.files import read_parquet, write_parquet
from unmask.evaluation.predictions import PREDICTIONS, VIDEO_KEY

EMBEDDINGS: Final = pa.schema(
    [
        *(
            PREDICTIONS.field(name)
            for name in ("dataset", "video_id", "split", "label", "method", "group")
        ),
        # mean over the video's frames of the backbone's features; as long for every video
        pa.field("vector", pa.list_(pa.float16()), nullable=False),
    ]
)


def embedding_rows(clips: pd.DataFrame, vectors: NDArray[np.floating[Any]]) -> pd.DataFrame:
    """Join the vectors of videos with what is known of these.

    Args:
        clips: Rows of clips with the columns of ``EMBEDDINGS`` but ``vector``.
        vectors: One per video in the order in which they first stand in ``clips``,
            ``(videos, features)``.

    Returns:
        One row per video. Numbers beyond float16's are set to its largest, 65504.
    """
    facts = [name for name in EMBEDDINGS.names if name != "vector"]
    videos = clips.drop_duplicates(VIDEO_KEY)[facts].reset_index(drop=True)
    largest = float(np.finfo(np.float16).max)
    halves = np.clip(vectors, -largest, largest).astype(np.float16)
    return videos.assign(vector=list(halves))


def write_embeddings(path: Path, embeddings: pd.DataFrame) -> None:
    """Write embeddings atomically in the order of their key.

    Raises:
        PredictionsError: If a column is missing, a video stands there twice, or vectors differ in
            length.
    """
    write_parquet(path, embeddings_table(embeddings))


def embeddings_table(embeddings: pd.DataFrame) -> pa.Table:
    """Check embeddings and return them in the order of their key.

    Raises:
        PredictionsError: As :func:`write_embeddings`.
    """
    missing = sorted(set(EMBEDDINGS.names) - set(embeddings.columns))
    if missing:
        raise PredictionsError(f"Table 'embeddings' lacks the columns {missing}.")
    repeated = embeddings.loc[embeddings.duplicated(VIDEO_KEY), VIDEO_KEY]
    if len(repeated):
        raise PredictionsError(f"Table 'embeddings' repeats the key {repeated.iloc[0].to_dict()}.")
    lengths = sorted({len(vector) for vector in embeddings["vector"]})
    if len(lengths) > 1:
        raise PredictionsError(
            f"Vectors of 'embeddings' have {lengths} numbers; those of one detector have as many."
        )
    ordered = embeddings.sort_values(VIDEO_KEY, ignore_index=True)
    vectors = np.concatenate([np.empty(0), *ordered["vector"]]).astype(np.float16)
    offsets = np.arange(len(ordered) + 1, dtype=np.int32) * (lengths[0] if lengths else 0)
    column = pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors))
    facts = [field for field in EMBEDDINGS if field.name != "vector"]
    columns = [pa.array(ordered[field.name], field.type) for field in facts]
    return pa.table([*columns, column], schema=EMBEDDINGS)


def read_embeddings(path: Path) -> pd.DataFrame:
    """Read what :func:`write_embeddings` wrote.

    Returns:
        The columns of ``EMBEDDINGS``; ``vector`` holds arrays of float16.

    Raises:
        DataError: If the file is missing or not such a table.
    """
    if not path.is_file():
        raise DataError(
            f"There is no {path.name} in {path.parent}; `unmask evaluate run={path.parent} "
            "eval.embeddings=true` writes it, where the model describes single frames."
        )
    table = read_parquet(path)
    if table.schema.names != EMBEDDINGS.names:
        raise DataError(f"{path} has the columns {table.schema.names}, not {EMBEDDINGS.names}.")
    frame: pd.DataFrame = table.to_pandas()
    return frame

"""The tables that data flows through: what a column is called, holds and means.

``videos.parquet`` is written by index, ``faces.parquet`` and ``failures.parquet`` by prepare.
Every later stage reads ids, labels, methods, groups and splits from here, never from a path.
"""

from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa

from unmask.core.errors import DataError
from unmask.core.files import read_parquet, sha256_of_file, write_parquet

SPLITS: Final = ("train", "val", "test")

VIDEOS: Final = pa.schema(
    [
        # <dataset>/<official name incl. method>, e.g. "ffpp/Deepfakes/000_003"
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("dataset", pa.string(), nullable=False),
        # POSIX path below the data set's root
        pa.field("path", pa.string(), nullable=False),
        # "video" or "image"; an image is a clip of one frame. "frames" is a folder of images that
        # are the frames of one video in the order of their names
        pa.field("kind", pa.string(), nullable=False),
        # 0 real, 1 fake
        pa.field("label", pa.int8(), nullable=False),
        # the manipulation; for a real one the official name of its subset, e.g. "youtube"
        pa.field("method", pa.string(), nullable=False),
        # "raw", "c23", "c40"; "" where the data set has one
        pa.field("compression", pa.string(), nullable=False),
        # everything that shares a person or footage has one group; splits never cut through it
        pa.field("group", pa.string(), nullable=False),
        # ids of the people or clips involved, as the data set names them
        pa.field("identities", pa.list_(pa.string()), nullable=False),
        # video_id of the real one that a fake was made from; "" where unknown or real
        pa.field("original", pa.string(), nullable=False),
        # "train", "val", "test"; "" where none is official and none was assigned yet
        pa.field("split", pa.string(), nullable=False),
    ]
)

# Optional, beside videos.parquet: of rows about one annotated face of an image with several. Here
# an annotation is passed on as it is; prepare says what is wrong with it.
BOXES: Final = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        # in pixels of the upright image; null where the annotation holds no number
        *(pa.field(f"box_{side}", pa.float64()) for side in ("x1", "y1", "x2", "y2")),
        # of the image that was annotated, in pixels; 0 where the data set does not say
        *(pa.field(f"image_{side}", pa.int32(), nullable=False) for side in ("width", "height")),
    ]
)

# Optional, beside videos.parquet: of fakes whose forged pixels are published.
MASKS: Final = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        # POSIX path below the data set's root, of a file with as many frames as the video
        pa.field("path", pa.string(), nullable=False),
    ]
)

LANDMARKS: Final = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")

FACES: Final = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        # 0 is the track with the largest summed face area
        pa.field("track_id", pa.int32(), nullable=False),
        # index in presentation order
        pa.field("frame_index", pa.int32(), nullable=False),
        pa.field("pts_seconds", pa.float64(), nullable=False),
        # the detector's or the annotated box, in source pixels after rotation
        *(
            pa.field(f"box_{side}", pa.float64(), nullable=False)
            for side in ("x1", "y1", "x2", "y2")
        ),
        # null where the box was annotated, like the probabilities: no detector looked
        *(pa.field(f"{point}_{axis}", pa.float64()) for point in LANDMARKS for axis in ("x", "y")),
        pa.field("detector_prob", pa.float64()),
        pa.field("verifier_prob", pa.float64()),
        # the square that was cut, in source pixels
        *(
            pa.field(f"crop_{side}", pa.int32(), nullable=False)
            for side in ("x1", "y1", "x2", "y2")
        ),
        # POSIX path below the store
        pa.field("crop_path", pa.string(), nullable=False),
    ]
)

FAILURES: Final = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        # "decode", "detect", "box", "mask" or "worker"
        pa.field("stage", pa.string(), nullable=False),
        # a short code, e.g. "empty_file", "no_video_stream", "truncated", "no_face", "timeout"
        pa.field("reason", pa.string(), nullable=False),
        # a sentence for a person
        pa.field("detail", pa.string(), nullable=False),
    ]
)

KEYS: Final = {
    "videos": (VIDEOS, ["video_id"]),
    "boxes": (BOXES, ["video_id"]),
    "masks": (MASKS, ["video_id"]),
    "faces": (FACES, ["video_id", "track_id", "frame_index"]),
    "failures": (FAILURES, ["video_id"]),
}


def write_table(path: Path, name: str, frame: pd.DataFrame) -> None:
    """Check a manifest table and write it atomically, sorted by its key.

    Args:
        name: A key of :data:`KEYS`.
        frame: Its rows, in any order; columns outside the schema are refused.

    Raises:
        DataError: If a column is missing or unknown, a value has the wrong type, or a key repeats.
    """
    schema, key = KEYS[name]
    unknown = sorted(set(frame.columns) - set(schema.names))
    missing = sorted(set(schema.names) - set(frame.columns))
    if unknown or missing:
        raise DataError(
            f"Table '{name}' lacks the columns {missing} and has unknown ones {unknown}."
        )
    repeated = frame.loc[frame.duplicated(key), key]
    if len(repeated):
        raise DataError(f"Table '{name}' repeats the key {repeated.iloc[0].to_dict()}.")
    try:
        ordered = frame.sort_values(key, ignore_index=True)[schema.names]
        table = pa.Table.from_pandas(ordered, schema=schema, preserve_index=False)
    except (ValueError, TypeError) as error:  # of Arrow, and for a null where none may be
        reasons = "; ".join(str(reason) for reason in error.args)
        raise DataError(f"Table '{name}' breaks its schema: {reasons}.") from error
    # Runs name a manifest by the SHA-256 of its bytes: it vouches for them, and must not change.
    write_parquet(path, table.replace_schema_metadata(None), checksums=False)


def read_table(path: Path, name: str) -> pd.DataFrame:
    """Read a manifest table and check that it has the columns of its schema.

    Args:
        path: A file that :func:`write_table` wrote.
        name: A key of :data:`KEYS`.

    Returns:
        Its rows in the order of the key.

    Raises:
        DataError: If the file is missing, not Parquet, or has other columns.
    """
    schema, _ = KEYS[name]
    if not path.is_file():
        raise DataError(f"There is no {path.name} at {path}; `unmask prepare` writes it.")
    table = read_parquet(path)
    if table.schema.names != schema.names:
        raise DataError(
            f"{path} has the columns {table.schema.names}, but this version needs {schema.names}. "
            "Delete it and run `unmask prepare` again."
        )
    frame: pd.DataFrame = table.to_pandas()
    return frame


def empty_table(name: str) -> pd.DataFrame:
    """Return a manifest table without rows."""
    schema, _ = KEYS[name]
    frame: pd.DataFrame = schema.empty_table().to_pandas()
    return frame


def manifest_hash(path: Path) -> str:
    """Return the SHA-256 of a manifest file; equal tables give equal hashes."""
    return sha256_of_file(path)

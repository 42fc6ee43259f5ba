"""Which videos a run was trained, validated and tested on, by content; and what has changed since.

``splits.parquet`` in a run's folder has a row for each video: its label, group and split, and the
SHA-256 of its face crops. A run is bound to these and not to a folder: the same data at another
place are the same, and other data at the same place are not.
"""

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa

from unmask.core.errors import DataError
from unmask.core.files import read_parquet, sha256_of_file, write_parquet
from unmask.core.labels import CHANGED_VIDEO
from unmask.data.splits import split_hashes
from unmask.data.store import FaceStore
from unmask.runs.files import CHECKPOINTS_DIR, CONFIG_FILE, CURVES_FILE, SPLITS_FILE
from unmask.runs.run import Run

CONTENT: Final = pa.schema(
    [
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("label", pa.int8(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        # SHA-256 of the video's crops with their tracks and times; "" where it has none
        pa.field("crops", pa.string(), nullable=False),
    ]
)
# How many videos of each kind of change a message names.
_NUM_NAMED: Final = 3
_WHAT_CHANGED: Final = {
    "added": "added", "removed": "removed", "relabelled": "with another label",
    "moved": "in another split", "regrouped": "in another group", "recut": "with other face crops",
}  # fmt: skip


@dataclass(frozen=True)
class Changes:
    """What is no longer as it was when a run was trained or scored.

    Attributes:
        added: Ids of videos that the run has never seen.
        removed: Ids of videos that are gone.
        relabelled: Ids of videos whose label differs.
        moved: Ids of videos that are in another split.
        regrouped: Ids of videos that are in another identity group.
        recut: Ids of videos whose face crops differ.
        trained: Ids of videos that would be scored although the run was trained on them.
    """

    dataset: str
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    relabelled: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    regrouped: list[str] = field(default_factory=list)
    recut: list[str] = field(default_factory=list)
    trained: list[str] = field(default_factory=list)

    @property
    def num_videos(self) -> int:
        """How many videos differ."""
        return len({name for kind in _WHAT_CHANGED for name in getattr(self, kind)})

    def __str__(self) -> str:
        """Count the videos of each kind and name the first few."""
        parts = []
        for kind, words in _WHAT_CHANGED.items():
            if names := getattr(self, kind):
                more = ", …" if len(names) > _NUM_NAMED else ""
                parts.append(f"{len(names)} {words} ({', '.join(names[:_NUM_NAMED])}{more})")
        return f"'{self.dataset}': {'; '.join(parts)}"


def content_of(store: FaceStore, splits: Sequence[str] = ("train", "val", "test")) -> pd.DataFrame:
    """Return a row of :data:`CONTENT` for each video of a store.

    Args:
        store: The prepared data set.
        splits: Whose crops are read and hashed; of others ``crops`` is "".

    Raises:
        DataError: If a crop is missing.
    """
    videos = store.videos[["dataset", "video_id", "label", "group", "split"]]
    wanted = set(videos.loc[videos["split"].isin(splits), "video_id"])
    faces = store.faces[store.faces["video_id"].isin(wanted)]
    with ThreadPoolExecutor() as pool:  # a network's file system answers slowly
        names = [str(name) for name, _ in faces.groupby("video_id", sort=True)]
        parts = (part for _, part in faces.groupby("video_id", sort=True))
        hashes = list(pool.map(partial(_hash_of_crops, store.folder), parts))
    crops = videos["video_id"].map(dict(zip(names, hashes, strict=True))).fillna("")
    return videos.assign(crops=crops).reset_index(drop=True)


def _hash_of_crops(folder: Path, faces: pd.DataFrame) -> str:
    """Hash a video's crops in the order of tracks and frames, independent of file names."""
    digest = hashlib.sha256()
    columns = ["track_id", "frame_index", "pts_seconds", "crop_path"]
    rows = faces[columns].sort_values(columns[:2])
    for track, frame, seconds, path in rows.itertuples(index=False, name=None):
        try:
            crop = sha256_of_file(folder / path)
        except OSError as error:
            raise DataError(f"The face crop {folder / path} cannot be read: {error}.") from error
        digest.update(f"{track} {frame} {seconds!r} {crop}\n".encode())
    return digest.hexdigest()


def write_content(run_dir: Path, tables: Iterable[pd.DataFrame]) -> None:
    """Write ``splits.parquet``."""
    rows = pd.concat(list(tables), ignore_index=True)
    ordered = rows.sort_values(["dataset", "video_id"], ignore_index=True)[CONTENT.names]
    write_parquet(
        run_dir / SPLITS_FILE, pa.Table.from_pandas(ordered, CONTENT, preserve_index=False)
    )


def read_content(run_dir: Path) -> pd.DataFrame | None:
    """Read ``splits.parquet``; None for a run of an earlier version, which has none.

    Raises:
        DataError: If the file is damaged or another.
    """
    path = run_dir / SPLITS_FILE
    if not path.is_file():
        return None
    table = read_parquet(path)
    if table.schema.names != CONTENT.names:
        raise DataError(f"{path} has the columns {table.schema.names}, not {CONTENT.names}.")
    frame: pd.DataFrame = table.to_pandas()
    return frame


def add_content(run_dir: Path, tables: Iterable[pd.DataFrame]) -> None:
    """Add data sets that a run was tested on to its ``splits.parquet``; rows that are there stay.

    For a caller that holds :meth:`unmask.runs.run.Run.edit`.
    """
    recorded = read_content(run_dir)
    if recorded is None:
        return
    known = set(recorded["dataset"])
    new = [table for table in tables if len(table) and table["dataset"].iloc[0] not in known]
    if new:
        write_content(run_dir, [recorded, *new])


def require_same_hashes(run: Run, tables: Iterable[pd.DataFrame]) -> None:
    """Refuse to score a run of an earlier version, which has no list of videos, on other videos.

    Args:
        run: The run, whose card has a hash of each split's videos and labels.
        tables: As :func:`content_of` gives them.

    Raises:
        DataError: If a split's hash is not the recorded one.
    """
    for table in tables:
        dataset = str(table["dataset"].iloc[0])
        then, now = run.card.split_hashes.get(dataset, {}), split_hashes(table)
        differing = sorted(name for name in now if then and then.get(name) != now[name])
        if differing:
            raise DataError(
                f"The videos or labels of '{dataset}' ({', '.join(differing)}) are no longer those "
                f"of the run {run.folder}. An earlier version made it and kept no list of its "
                "videos, so it cannot be known which of them it was trained on; train again, or "
                "bring back the data."
            )


def require_same_content(run_dir: Path, tables: Iterable[pd.DataFrame]) -> None:
    """Refuse to continue a training on other data than it began with.

    Args:
        run_dir: The interrupted run's folder.
        tables: What it would go on with, as :func:`content_of` gives it.

    Raises:
        DataError: If anything differs, with counts and the first names.
    """
    recorded = read_content(run_dir)
    if recorded is None:
        return  # of an earlier version; the checkpoint still knows the hash of the manifest
    changes = [str(one) for table in tables if (one := changes_since(recorded, table)) is not None]
    if changes:
        raise DataError(
            f"The run {run_dir} cannot be continued, because the data are no longer those that it "
            f"began with. {'. '.join(changes)}. Bring them back, or train anew without resume."
        )


def copy_for_other_data(run: Run, folder: Path, changes: Iterable[Changes]) -> None:
    """Make a run that is scored on changed data, beside the one that is left as it is.

    It has the same weights, configuration, curves and record of what was trained on; its numbers
    are marked, and it holds none of the first run's.
    """
    best = Path(CHECKPOINTS_DIR) / run.best.name
    (folder / best).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run.best, folder / best)
    for name in (CONFIG_FILE, CURVES_FILE, SPLITS_FILE):
        if (run.folder / name).is_file():
            shutil.copyfile(run.folder / name, folder / name)
    changed = {CHANGED_VIDEO: sum(one.num_videos for one in changes)}
    facts = {
        "name": f"{run.name}_changed_data", "best_checkpoint": best.as_posix(),
        "leak_allowed": True, "leaks": run.card.leaks | changed, "scored_checkpoint": None,
        **{name: {} for name in ("stores", "manifest_hashes", "split_hashes", "scoring")},
        "metrics": {},
    }  # fmt: skip
    Run.create(folder, run.card.model_copy(update=facts))


def changes_since(recorded: pd.DataFrame, found: pd.DataFrame) -> Changes | None:
    """Compare a data set with what a run has recorded of it; None where nothing differs.

    Args:
        recorded: All that the run has recorded, with the data set's rows.
        found: The data set's rows now; crops are compared where both have their hash.
    """
    dataset = str(found["dataset"].iloc[0])
    if dataset not in set(recorded["dataset"]):
        return None  # tested on for the first time
    then = recorded[recorded["dataset"] == dataset].set_index("video_id")
    now = found.set_index("video_id")
    both = then.index.intersection(now.index).sort_values()
    one, other = then.loc[both], now.loc[both]
    differs = {name: (one[name] != other[name]) for name in ("label", "split", "group")}
    was_read = (other["split"] != "train") | (other["crops"] != "")
    names = {name: both[mask].tolist() for name, mask in differs.items()}
    changes = Changes(
        dataset,
        added=now.index.difference(then.index).sort_values().tolist(),
        removed=then.index.difference(now.index).sort_values().tolist(),
        relabelled=names["label"],
        moved=names["split"],
        regrouped=names["group"],
        recut=both[(one["crops"] != other["crops"]) & was_read].tolist(),
        trained=_trained_on(recorded, found),
    )
    return changes if changes.num_videos else None


def _trained_on(recorded: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    """List what is not in a training split now and was, under this name or with these crops."""
    keys = ["dataset", "video_id"]
    trained = recorded[recorded["split"] == "train"]
    scored = found[found["split"] != "train"]
    # Where a leak was let through, one video can be recorded in both.
    known = set(recorded.loc[recorded["split"] != "train", keys].itertuples(index=False, name=None))
    names = set(trained[keys].itertuples(index=False, name=None))
    crops = set(trained["crops"]) - {""}
    return [
        str(row.video_id)
        for row in scored.itertuples(index=False)
        if (row.dataset, row.video_id) not in known
        and ((row.dataset, row.video_id) in names or row.crops in crops)
    ]

"""From a named data set to a store of face crops, doing only what was not done before."""

from __future__ import annotations  # the face detector is only named

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.core.files import sha256_of_json
from unmask.data.manifest import read_table
from unmask.data.sources.source import Source
from unmask.data.splits import SplitRule
from unmask.data.store import FaceStore
from unmask.prepare.index import IndexSummary, index, is_outdated
from unmask.prepare.locks import in_turn
from unmask.prepare.preparation import Preparation
from unmask.prepare.shard import Shard
from unmask.prepare.summary import PrepareSummary

if TYPE_CHECKING:  # the face detector needs PyTorch, and an index does not
    import pandas as pd

    from unmask.faces.annotated import AnnotatedBox


@dataclass(frozen=True)
class DataSet:
    """A data set on disk and how to read it.

    Attributes:
        name: Names its folders and ids.
        root: Where its videos lie.
        source: Reads its layout.
        split: Assigns the splits.
        make: Makes the videos of embedded data under ``root``; None where a person provides them.
        settings: Plain values that decide what index finds; they key the index's folder.
    """

    name: str
    root: Path
    source: Source
    split: SplitRule
    make: Callable[[Path], object] | None
    settings: dict[str, Any]

    @property
    def annotates_faces(self) -> bool:
        """Whether the data set annotates the face of each row, so that none are looked for."""
        return getattr(self.source, "annotates_faces", False)


def index_folder(dataset: DataSet, data_dir: Path) -> Path:
    """Return where a data set's index lies: its own folder per settings, so that none mix."""
    return data_dir / "index" / f"{dataset.name}-{sha256_of_json(dataset.settings)[:8]}"


def store_folder(dataset: DataSet, preparation: Preparation, data_dir: Path) -> Path:
    """Return where a data set's face crops lie: a folder per settings, so that none mix."""
    settings: dict[str, Any] = {"data": dataset.settings, "prepare": preparation.settings}
    if dataset.annotates_faces:
        settings["faces"] = "annotated"
    return data_dir / "faces" / f"{dataset.name}-{sha256_of_json(settings)[:8]}"


def index_dataset(dataset: DataSet, data_dir: Path) -> IndexSummary:
    """Make embedded data if there is any to make, and index the data set anew."""
    if dataset.make is not None:
        dataset.make(dataset.root)
    return index(
        dataset.source,
        root=dataset.root,
        split=dataset.split,
        index_dir=index_folder(dataset, data_dir),
    )


def prepare_dataset(
    dataset: DataSet,
    preparation: Preparation,
    data_dir: Path,
    *,
    shard: Shard | None = None,
) -> PrepareSummary:
    """Index a data set and cut the faces of every video that was not done before.

    Args:
        dataset: Where its videos lie.
        shard: Do this slice of the videos only.
    """
    from unmask.prepare.run import prepare

    index_dataset(dataset, data_dir)
    videos, masks, boxes = _indexed(index_folder(dataset, data_dir))
    return prepare(
        videos,
        preparation,
        root=dataset.root,
        store_dir=store_folder(dataset, preparation, data_dir),
        masks=masks,
        boxes=boxes,
        shard=shard,
    )


def _masks(path: Path) -> dict[str, str] | None:
    """Return the mask of a video by ``video_id``, where the data set has any."""
    if not path.is_file():
        return None
    table = read_table(path, "masks")
    return dict(zip(table["video_id"], table["path"], strict=True))


def _boxes(path: Path) -> dict[str, AnnotatedBox] | None:
    """Return the annotated box of a face by ``video_id``, where the data set has any."""
    from unmask.faces.annotated import AnnotatedBox

    if not path.is_file():
        return None
    table = read_table(path, "boxes")
    corners = table[["box_x1", "box_y1", "box_x2", "box_y2"]].itertuples(index=False, name=None)
    sizes = table[["image_width", "image_height"]].itertuples(index=False, name=None)
    return {
        video_id: AnnotatedBox(box, size if all(size) else None)
        for video_id, box, size in zip(table["video_id"], corners, sizes, strict=True)
    }


def open_store(dataset: DataSet, preparation: Preparation, data_dir: Path) -> FaceStore:
    """Open a data set's face crops, making them first where they are missing.

    A finished store is opened as it is, even when the videos have gone; `unmask prepare` looks at
    the videos again. A list that gives labels, groups or splits is read again where it has changed;
    crops that are there stay. Among several calls at once, such as the jobs of a sweep, the first
    makes what is missing and the others wait for it.
    """
    folder = store_folder(dataset, preparation, data_dir)
    _prepare_if_needed(dataset, preparation, folder, data_dir)
    return FaceStore.open(folder)


def refresh_store(dataset: DataSet, preparation: Preparation, data_dir: Path) -> Path:
    """Bring a finished store's labels, groups and splits up to date; return where it lies or would.

    Args:
        dataset: Where its videos lie.
    """
    folder = store_folder(dataset, preparation, data_dir)
    if (folder / "faces.parquet").is_file():
        _prepare_if_needed(dataset, preparation, folder, data_dir)
    return folder


def _prepare_if_needed(
    dataset: DataSet, preparation: Preparation, folder: Path, data_dir: Path
) -> None:
    if not _is_current(dataset, folder, data_dir):
        with in_turn(data_dir):
            if not _is_current(dataset, folder, data_dir):
                prepare_dataset(dataset, preparation, data_dir)


def _is_current(dataset: DataSet, folder: Path, data_dir: Path) -> bool:
    """Whether a finished store agrees with the data set's lists as they are now."""
    if not (folder / "faces.parquet").is_file():
        return False
    index_dir = index_folder(dataset, data_dir)
    if is_outdated(index_dir, dataset.root):
        return False
    if not (index_dir / "videos.parquet").is_file():
        return True  # only the store was kept, and the videos have gone
    from unmask.prepare.store import fingerprint

    made_with = json.loads((folder / "prepare.json").read_text())
    return bool(made_with["videos"] == fingerprint(*_indexed(index_dir)))


def _indexed(
    index_dir: Path,
) -> tuple[pd.DataFrame, dict[str, str] | None, dict[str, AnnotatedBox] | None]:
    """Return an index's videos, masks and annotated boxes."""
    videos = read_table(index_dir / "videos.parquet", "videos")
    return videos, _masks(index_dir / "masks.parquet"), _boxes(index_dir / "boxes.parquet")

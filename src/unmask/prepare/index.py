"""List the videos of a data set in a manifest."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from unmask.core.errors import DataError
from unmask.core.files import write_json
from unmask.core.labels import CLASS_NAMES
from unmask.data.manifest import write_table
from unmask.data.sources.lists import hashes_of_lists, lists_changed, noting_lists
from unmask.data.sources.source import Source
from unmask.data.splits import Explains, SplitRule, find_leaks


@dataclass(frozen=True)
class IndexSummary:
    """What was indexed.

    Args:
        videos_path: The manifest that was written.
        dataset: Name of the data set.
        num_videos: Rows of the manifest.
        num_groups: Groups among them.
        num_ignored: Files that were met and not indexed; ``index.json`` names each.
        counts: Columns ``split``, ``label`` (real or fake), ``method``, ``num_videos``.
        notes: Sentences to read before believing a number.
    """

    videos_path: Path
    dataset: str
    num_videos: int
    num_groups: int
    num_ignored: int
    counts: pd.DataFrame
    notes: tuple[str, ...]


def index(source: Source, *, root: Path, split: SplitRule, index_dir: Path) -> IndexSummary:
    """Find the videos of a data set, split them and write ``videos.parquet`` and ``index.json``.

    ``boxes.parquet`` and ``masks.parquet`` come beside them where the data set has annotated faces
    or masks. Equal data and settings give equal bytes in each.

    Args:
        source: The data set's layout.
        split: Fills the split of every video; it may leave videos out.

    Returns:
        What was found, for a person.

    Raises:
        DataError: If ``root`` does not hold the data set or the rule cannot split it.
    """
    with noting_lists() as lists:
        found = source.index(root)
    hashes = hashes_of_lists(root, lists)
    videos = split(found.videos)
    if videos.empty:
        raise DataError(f"{split} leaves none of the {len(found.videos)} videos of {source.name}.")
    summary = IndexSummary(
        videos_path=index_dir / "videos.parquet",
        dataset=source.name,
        num_videos=len(videos),
        num_groups=videos["group"].nunique(),
        num_ignored=len(found.ignored),
        counts=_count(videos),
        notes=(*found.notes, *_split_notes(found.videos, videos)),
    )
    left_out = _left_out(split, found.videos)
    settings: dict[str, Any] = {
        "root": str(root.resolve()),
        "source": repr(source),
        "split_rule": repr(split),
    }
    write_table(summary.videos_path, "videos", videos)
    for name, table in (("boxes", found.boxes), ("masks", found.masks)):
        _write_beside(index_dir / f"{name}.parquet", name, table, videos)
    details = {"ignored": sorted(found.ignored), "left_out": left_out, "lists": hashes}
    write_json(index_dir / "index.json", settings | _to_json(summary) | details)
    return summary


def is_outdated(index_dir: Path, root: Path) -> bool:
    """Whether a list that labels, groups or splits come from is not as it was indexed.

    Videos are not looked at. Without the data set's folder, nothing can have changed.

    Args:
        index_dir: What :func:`index` wrote.
        root: The data set's folder.
    """
    if not root.is_dir():
        return False
    try:
        recorded = json.loads((index_dir / "index.json").read_text())["lists"]
    except (OSError, ValueError, KeyError):
        return True  # of an earlier version, or gone
    return lists_changed(root, recorded)


def _write_beside(path: Path, name: str, table: pd.DataFrame | None, videos: pd.DataFrame) -> None:
    """Write what the source knows of the videos that stay, or remove what an earlier one knew."""
    if table is None:
        path.unlink(missing_ok=True)
        return
    write_table(path, name, table[table["video_id"].isin(videos["video_id"])])


def _to_json(summary: IndexSummary) -> dict[str, Any]:
    return {
        "dataset": summary.dataset,
        "num_videos": summary.num_videos,
        "num_groups": summary.num_groups,
        "num_ignored": summary.num_ignored,
        "counts": summary.counts.to_dict("records"),
        "notes": list(summary.notes),
    }


def _left_out(split: SplitRule, videos: pd.DataFrame) -> list[dict[str, str]]:
    if not isinstance(split, Explains):
        return []
    table = split.left_out(videos)
    return [
        {"video_id": str(video_id), "reason": str(reason)}
        for video_id, reason in zip(table["video_id"], table["reason"], strict=True)
    ]


def _count(videos: pd.DataFrame) -> pd.DataFrame:
    labelled = videos.assign(label=videos["label"].map(dict(enumerate(CLASS_NAMES))))
    counts = labelled.groupby(["split", "label", "method"]).size()
    return counts.rename("num_videos").reset_index()


def _split_notes(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    notes = []
    if len(after) < len(before):
        notes.append(f"Videos left out by the split rule: {len(before) - len(after)}.")
    num_leaks = len(find_leaks(after))
    if num_leaks:
        notes.append(
            f"Groups in more than one split: {num_leaks}. Training refuses them unless "
            "allow_leak=true."
        )
    return notes

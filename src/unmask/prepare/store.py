"""A store's description, the parts of its videos, and the tables made from them."""

import fcntl
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import pandas as pd

from unmask.core.errors import DataError
from unmask.core.files import sha256_of_json, write_json, write_text
from unmask.data.manifest import FACES, FAILURES, write_table
from unmask.faces.annotated import AnnotatedBox
from unmask.prepare.locks import store_locked
from unmask.prepare.sheet import render_sheet
from unmask.prepare.summary import PrepareSummary
from unmask.prepare.video import Part, Video

TABLES = ("videos", "faces", "failures")


def fingerprint(
    videos: pd.DataFrame,
    masks: Mapping[str, str] | None,
    boxes: Mapping[str, AnnotatedBox] | None,
) -> str:
    """Return a hash of what was asked for, independent of the order of rows and columns."""
    ordered = videos.sort_values("video_id")[sorted(videos.columns)].to_json(orient="values")
    if boxes:
        corners = {video_id: astuple(box) for video_id, box in boxes.items()}
        return sha256_of_json([ordered, dict(masks or {}), corners])
    return sha256_of_json([ordered, dict(masks)] if masks else ordered)


def start(store_dir: Path, record: Mapping[str, Any]) -> None:
    """Write what the store is made with, for whoever comes next.

    Raises:
        DataError: If another call has begun it with other settings in the meantime.
    """
    with store_locked(store_dir / ".lock.record", fcntl.LOCK_EX):
        finished(store_dir, record)
        write_json(store_dir / "prepare.json", {**record, "is_complete": False})


def finished(store_dir: Path, record: Mapping[str, Any]) -> PrepareSummary | None:
    """Return the summary of a complete store of these settings and videos.

    Raises:
        DataError: If the store was made with other settings.
    """
    path = store_dir / "prepare.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text())
    differing = [key for key in ("settings", "image_format") if found.get(key) != record[key]]
    if differing:
        raise DataError(
            f"{store_dir} was made with other settings: {_difference(found, record, differing)}. "
            "Choose another store_dir, or delete this one."
        )
    files = ("prepare.html", *(f"{name}.parquet" for name in TABLES))
    has_files = all((store_dir / name).is_file() for name in files)
    if not (found["is_complete"] and has_files and found["videos"] == record["videos"]):
        return None
    return PrepareSummary(store_dir, **found["summary"])


def _difference(found: Mapping[str, Any], record: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Name the first value that differs, as deep as it lies."""
    key = keys[0]
    old, new, name = found.get(key), record[key], key
    while isinstance(old, dict) and isinstance(new, dict):
        key = next(k for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k))
        old, new, name = old.get(key), new.get(key), f"{name}.{key}"
    return f"{name} was {old!r} and is now {new!r}"


def clear_leftovers(store_dir: Path, own: Iterable[Video] | None) -> None:
    """Delete the temporary files of a run that was killed.

    Args:
        own: Whose files nobody else writes now; None for all of them.
    """
    leftovers = list((store_dir / "parts").glob(".*-*"))
    if own is None:
        leftovers += store_dir.glob(".*-*")
    else:
        names = {Path(video.part_name).stem for video in own}
        leftovers = [path for path in leftovers if path.name[1:].split("-")[0] in names]
    for path in leftovers:
        path.unlink()


def part_path(store_dir: Path, video: Video) -> Path:
    """Return where a video's part lies."""
    return store_dir / "parts" / video.part_name


def read_part(store_dir: Path, video: Video) -> Part:
    """Read what became of a video."""
    return Part(**json.loads(part_path(store_dir, video).read_text()))


def merge(
    store_dir: Path, videos: pd.DataFrame, rows: Sequence[Video], record: Mapping[str, Any]
) -> PrepareSummary:
    """Make the tables from the parts; ``prepare.json`` comes last and marks them complete.

    Several shards may end at once and do this together: they write the same bytes.

    Args:
        videos: Rows of ``videos.parquet``.
        rows: The same, each with a part.
        record: What the store is made with.
    """
    parts = [read_part(store_dir, row) for row in rows]
    faces = pd.DataFrame([face for part in parts for face in part.faces], columns=FACES.names)
    failures = pd.DataFrame(
        [part.failure for part in parts if part.failure], columns=FAILURES.names
    )
    write_table(store_dir / "videos.parquet", "videos", videos)
    write_table(store_dir / "failures.parquet", "failures", failures)
    write_table(store_dir / "faces.parquet", "faces", faces)
    write_text(store_dir / "prepare.html", render_sheet(store_dir, videos, faces, failures))
    summary = summarised(store_dir, len(rows), len(faces), failures["reason"])
    counts = {
        name: value
        for name, value in asdict(summary).items()
        if name not in ("store_dir", "num_waiting")
    }
    write_json(store_dir / "prepare.json", {**record, "is_complete": True, "summary": counts})
    return summary


def summarised(
    store_dir: Path,
    num_videos: int,
    num_faces: int,
    reasons: Iterable[str],
    *,
    num_waiting: int = 0,
) -> PrepareSummary:
    """Count the reasons of failures."""
    counted = dict(sorted(Counter(reasons).items()))
    num_failures = sum(counted.values())
    return PrepareSummary(store_dir, num_videos, num_faces, num_failures, counted, num_waiting)

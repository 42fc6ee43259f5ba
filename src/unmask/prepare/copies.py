"""Crops of the same files, cut before under another path: taken over instead of cut again.

A data set that was copied or moved has another root, so a store of its own. Each finished video
records the content that it was cut from; where a store of the same settings holds crops of the
same content, they are linked into the new one.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unmask.core.files import sha256_of_file, sha256_of_json
from unmask.prepare.video import Video, files_of


def content_of(root: Path, video: Video) -> str:
    """Return a hash of the content that a video's crops come from; "" where it cannot be read.

    Args:
        root: The data set's folder.
        video: Its file, or its folder of frames, counts, and its mask.
    """
    path = root / video.path
    try:
        frames = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else []
        files = [(one.relative_to(path).as_posix(), one) for one in frames] or [("", path)]
        if video.mask_path:
            files.append(("mask", root / video.mask_path))
        return sha256_of_json([[name, sha256_of_file(file)] for name, file in files])
    except OSError:
        return ""


def take_over(
    store_dir: Path, root: Path, to_do: Sequence[Video], record: Mapping[str, Any]
) -> list[Video]:
    """Link what stores beside this one hold of the same content.

    Args:
        store_dir: The store to fill.
        root: The data set's folder.
        to_do: Videos that have no crops here yet.
        record: What decides the store's content, as ``prepare.json`` holds it.

    Returns:
        The videos that are left to do.
    """
    left = list(to_do)
    for other in _alike(store_dir, record):
        left = [video for video in left if not _taken(other, store_dir, root, video)]
    return left


def _alike(store_dir: Path, record: Mapping[str, Any]) -> Iterator[Path]:
    """Yield stores of a data set of this name that were cut with the same settings."""
    name, _, _ = store_dir.name.rpartition("-")
    for path in sorted(store_dir.parent.glob("*/prepare.json")) if name else ():
        other = path.parent
        if other.name.rpartition("-")[0] != name or other == store_dir:
            continue
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        if all(found.get(key) == record[key] for key in ("settings", "image_format")):
            yield other


def _taken(other: Path, store_dir: Path, root: Path, video: Video) -> bool:
    part = other / "parts" / video.part_name
    try:
        content = json.loads(part.read_text())
    except (OSError, ValueError):
        return False
    # What failed there, for want of time or memory, may not fail here.
    source = content.get("source")
    if not source or content.get("failure") or source != content_of(root, video):
        return False
    files = files_of(other, video)
    names = {file.relative_to(other).as_posix() for file in files}
    if not all(face[-1] in names for face in content["faces"]):
        return False  # somebody has deleted a crop there
    for file in files:
        _link(file, store_dir / file.relative_to(other))
    # The part comes last: it says that the crops are there.
    _link(part, store_dir / "parts" / video.part_name)
    return True


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system cannot; neither is changed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)

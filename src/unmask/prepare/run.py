"""Cut the faces out of every video and image of a data set, or of a shard of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unmask.core.cores import available_cores
from unmask.core.errors import ConfigError, DataError
from unmask.core.files import write_text
from unmask.faces.annotated import AnnotatedBox
from unmask.faces.crop import Cropper
from unmask.prepare.copies import content_of, take_over
from unmask.prepare.locks import hold, only_writer
from unmask.prepare.preparation import Preparation, plain
from unmask.prepare.shard import Shard
from unmask.prepare.store import (
    clear_leftovers,
    fingerprint,
    finished,
    merge,
    part_path,
    read_part,
    start,
    summarised,
)
from unmask.prepare.summary import PrepareSummary
from unmask.prepare.video import (
    Part,
    Video,
    Work,
    failed,
    prepare_video,
    remove_files,
)
from unmask.prepare.workers import WorkerFailure, run_in_workers


def prepare(
    videos: pd.DataFrame,
    preparation: Preparation,
    *,
    root: Path,
    store_dir: Path,
    masks: Mapping[str, str] | None = None,
    boxes: Mapping[str, AnnotatedBox] | None = None,
    shard: Shard | None = None,
    console: Console | None = None,
) -> PrepareSummary:
    """Cut the faces out of every video and image, and go on where an earlier run ended.

    Args:
        videos: Rows of ``videos.parquet``.
        preparation: How faces are found, cut and kept.
        root: The folder that their paths are relative to.
        store_dir: Where to write; see the package's description.
        masks: The mask of a video by ``video_id``, a path below ``root``; they are cut like the
            crops. Videos without one have no masks.
        boxes: Where the face of an image is, by ``video_id``; it is cut out as it is, and no
            detector looks. In images without one, and in videos, faces are looked for.
        shard: Do this slice of the videos only; others may run at the same time, on other hosts
            that see the same store, too. The one that ends last makes the tables.
        console: Shows progress if it is interactive; None for the error stream.

    Returns:
        What the store holds, or what this shard did if others are not done.

    Raises:
        ConfigError: If there are boxes and the extractor's cropper needs landmarks.
        DataError: If the root is missing, the store was made with other settings, is in use or
            cannot be written, a video's id cannot name a folder, or a mask or box belongs to none.
    """
    masks, boxes = masks or {}, boxes or {}
    _check_cropper(preparation.extractor.cropper, boxes)
    rows = _checked_rows(videos, masks, boxes)
    work = Work(root, store_dir, preparation)
    record = _record(preparation, fingerprint(videos, masks, boxes), boxes)
    with only_writer(store_dir, shard) as worker_lock, _says_what_cannot_be_written(store_dir):
        summary = finished(store_dir, record)
        if summary is not None and not (preparation.retry_failures and summary.num_failures):
            return summary
        own, to_do = _begin(work, record, rows, shard)
        to_do = take_over(store_dir, root, to_do, record)
        outcomes = run_in_workers(
            partial(_prepared, work),
            to_do,
            num_workers=preparation.num_workers or available_cores(),
            time_limit_seconds=preparation.time_limit_seconds,
            memory_limit_gb=preparation.memory_limit_gb,
            on_start=partial(hold, worker_lock),
        )
        _write_parts(store_dir, outcomes, num_left=len(to_do), num_all=len(own), console=console)
        return _merge_if_all_are_done(store_dir, videos, rows, own, record)


def _prepared(work: Work, video: Video) -> Part:
    """Extract one video and note the content that its crops come from; the body of a worker."""
    part = prepare_video(work, video)
    return part if part.failure else replace(part, source=content_of(work.root, video))


def _record(
    preparation: Preparation,
    videos: str,
    boxes: Mapping[str, AnnotatedBox],
) -> dict[str, Any]:
    """Return what decides a store's content, ``videos`` being their fingerprint."""
    settings = preparation.settings
    if boxes:
        # Crops of annotated and of detected faces never share a store.
        settings = {**settings, "faces": "annotated"}
    record = {
        "settings": plain(settings),
        "image_format": preparation.image_format,
        "videos": videos,
    }
    # As JSON has it, so that a comparison with a file does not depend on tuples or number types.
    content: dict[str, Any] = json.loads(json.dumps(record, default=str))
    return content


@contextmanager
def _says_what_cannot_be_written(store_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"The store {store_dir} cannot be written: {error}.") from error


def _check_root(root: Path) -> None:
    if not root.is_dir():
        raise DataError(f"There is no folder {root}; set data.root to where the data set lies.")


def _check_cropper(cropper: Cropper, boxes: Mapping[str, AnnotatedBox]) -> None:
    if boxes and cropper.needs_landmarks:
        raise ConfigError(
            f"{type(cropper).__name__} needs the eyes, nose and mouth of a face, but this data set "
            "gives only a box for each. Choose prepare/cropper=square."
        )


def _checked_rows(
    videos: pd.DataFrame, masks: Mapping[str, str], boxes: Mapping[str, AnnotatedBox]
) -> list[Video]:
    """Return what to do in the order of ids, which is the same in every shard."""
    if not len(videos):
        raise DataError("There are no videos to prepare; `unmask index` found none.")
    for name, keys in (("masks", set(masks)), ("boxes", set(boxes))):
        unknown = sorted(keys - set(videos["video_id"]))
        if unknown:
            raise DataError(
                f"{len(unknown)} {name} belong to no video, the first to {unknown[0]!r}. Keys must "
                "be values of video_id."
            )
    columns = (videos[name] for name in ("video_id", "path", "kind"))
    rows = [
        Video(video_id, path, kind, masks.get(video_id, ""), boxes.get(video_id))
        for video_id, path, kind in zip(*columns, strict=True)
    ]
    for row in rows:
        if row.box is not None and row.kind != "image":
            raise DataError(
                f"{row.video_id!r} has an annotated box, but is of the kind {row.kind!r}. Only "
                "images can be cut by one box."
            )
        parts = PurePosixPath(row.video_id).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise DataError(
                f"The video_id {row.video_id!r} cannot name a folder of crops: it must be a "
                "relative path without '..'."
            )
    return sorted(rows, key=lambda row: row.video_id)


def _begin(
    work: Work,
    record: Mapping[str, Any],
    rows: list[Video],
    shard: Shard | None,
) -> tuple[list[Video], list[Video]]:
    """Make the store ready; return this process's videos, and those of them still to do."""
    _check_root(work.root)
    start(work.store_dir, record)
    own = rows if shard is None else shard.of(rows)
    clear_leftovers(work.store_dir, None if shard is None else own)
    retry = work.preparation.retry_failures
    return own, [row for row in own if not _is_done(work.store_dir, row, retry=retry)]


def _is_done(store_dir: Path, video: Video, *, retry: bool) -> bool:
    is_there = part_path(store_dir, video).is_file()
    return is_there and not (retry and read_part(store_dir, video).failure)


def _write_parts(
    store_dir: Path,
    outcomes: Iterator[tuple[Video, Part | WorkerFailure]],
    *,
    num_left: int,
    num_all: int,
    console: Console | None,
) -> None:
    """Write a part for each video that ends, and show how far it is."""
    console = console or Console(stderr=True)
    columns = (
        TextColumn("preparing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[failures]} failed"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_interactive) as progress:
        num_done = num_all - num_left
        bar = progress.add_task("", completed=num_done, total=num_all, failures=0, rate="")
        num_failures = 0
        for video, outcome in outcomes:
            if isinstance(outcome, WorkerFailure):
                remove_files(store_dir, video)
                outcome = failed(video, "worker", outcome.reason, outcome.detail)
            num_failures += outcome.failure is not None
            write_text(part_path(store_dir, video), json.dumps(asdict(outcome)))
            rate = progress.tasks[bar].speed
            progress.update(
                bar, advance=1, failures=num_failures, rate=f"{rate:.1f} videos/s" if rate else ""
            )


def _merge_if_all_are_done(
    store_dir: Path,
    videos: pd.DataFrame,
    rows: Sequence[Video],
    own: Sequence[Video],
    record: Mapping[str, Any],
) -> PrepareSummary:
    """Make the tables, or say what this shard did and how much the others have to do."""
    num_waiting = sum(not part_path(store_dir, row).is_file() for row in rows)
    if not num_waiting:
        return merge(store_dir, videos, rows, record)
    parts = [read_part(store_dir, row) for row in own]
    return summarised(
        store_dir,
        len(own),
        sum(len(part.faces) for part in parts),
        [part.failure[3] for part in parts if part.failure],
        num_waiting=num_waiting,
    )

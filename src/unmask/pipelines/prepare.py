"""Prepare a data set: videos and images to face crops and the tables that describe them.

A store looks like this::

    prepare.json         settings, counts and whether it is complete
    videos.parquet       what was asked for
    faces.parquet        one row per crop
    failures.parquet     one row per video without crops, with its reason
    crops/<video_id>/<track_id>_<frame_index>.jpg
    parts/               one file per finished video, from which the tables are made

A video's part is written after its crops and stays as it is, so a run that is killed at any moment
and started again ends with the same store as one that was not.
"""

import fcntl
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias, get_args

import cv2
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from unmask.core.errors import DataError, VideoError
from unmask.core.files import sha256_of_json, write_bytes, write_json, write_text
from unmask.data.manifest import FACES, FAILURES, write_table
from unmask.faces.extract import FaceCrop, FaceExtractor
from unmask.pipelines.workers import WorkerFailure, run_in_workers

logger = logging.getLogger(__name__)

ImageFormat: TypeAlias = Literal["jpeg", "png"]
SUFFIXES = {"jpeg": ".jpg", "png": ".png"}
NO_FACE_REASONS = ("no_face", "no_verified_face")


@dataclass(frozen=True)
class PrepareSummary:
    """What a store holds.

    Args:
        store_dir: The store.
        num_videos: Videos and images asked for.
        num_faces: Crops.
        num_failures: Videos without a crop.
        reasons: How many videos failed for each reason, by name.
    """

    store_dir: Path
    num_videos: int
    num_faces: int
    num_failures: int
    reasons: dict[str, int]


@dataclass(frozen=True)
class _Video:
    """One row of ``videos.parquet``, as far as a worker needs it."""

    video_id: str
    path: str
    kind: str

    @property
    def part_name(self) -> str:
        """A short file name for an id of any length, which also changes with the file's path."""
        return f"{sha256_of_json([self.video_id, self.path, self.kind])[:32]}.json"


@dataclass(frozen=True)
class _Part:
    """What became of one video: rows of ``faces.parquet`` or one of ``failures.parquet``."""

    faces: list[list[Any]]
    failure: list[str] | None


def prepare(
    videos: pd.DataFrame,
    *,
    root: Path,
    store_dir: Path,
    extractor: FaceExtractor,
    image_format: ImageFormat = "jpeg",
    num_workers: int = 2,
    time_limit_seconds: float = 300,
    retry_failures: bool = False,
    settings: Mapping[str, Any] | None = None,
    console: Console | None = None,
) -> PrepareSummary:
    """Cut the faces out of every video and image, and go on where an earlier run ended.

    Args:
        videos: Rows of ``videos.parquet``.
        root: The folder that their paths are relative to.
        store_dir: Where to write; see the module's description.
        extractor: Does one video; it is sent to the workers.
        image_format: ``"jpeg"`` (quality 95, 4:4:4) or ``"png"``, for both classes alike.
        num_workers: Worker processes; one per core is fastest.
        time_limit_seconds: For each video; then its worker is killed and it counts as failed.
        retry_failures: Try again what failed in an earlier run.
        settings: Plain values that decide how crops look; None takes them from ``extractor``. A
            store made with others is refused.
        console: Shows progress if it is interactive; None for the error stream.

    Returns:
        What the store holds.

    Raises:
        ValueError: If an argument is out of range.
        DataError: If the root is missing, the store was made with other settings, is in use or
            cannot be written, or a video's id cannot name a folder.
    """
    _check_arguments(image_format, num_workers, time_limit_seconds)
    plain = _plain({"extractor": extractor} if settings is None else settings)
    plain = {"settings": plain, "image_format": image_format}
    # As JSON has it, so that a comparison with a file does not depend on tuples or number types.
    record = json.loads(json.dumps({**plain, "videos": _fingerprint(videos)}, default=str))
    rows = _checked_rows(videos)
    with _only_writer(store_dir):
        summary = _finished(store_dir, record)
        if summary is not None and not (retry_failures and summary.num_failures):
            return summary
        _check_root(root)
        write_json(store_dir / "prepare.json", {**record, "is_complete": False})
        _clear_leftovers(store_dir)
        to_do = [row for row in rows if not _is_done(store_dir, row, retry=retry_failures)]
        work = partial(_prepare_video, root, store_dir, extractor, SUFFIXES[image_format])
        outcomes = run_in_workers(
            work, to_do, num_workers=num_workers, time_limit_seconds=time_limit_seconds
        )
        try:
            _write_parts(
                store_dir,
                outcomes,
                num_done=len(rows) - len(to_do),
                console=console,
                num_videos=len(rows),
            )
            return _merge(store_dir, videos, rows, record)
        except OSError as error:
            raise DataError(f"The store {store_dir} cannot be written: {error}.") from error


def summary_table(summary: PrepareSummary) -> Table:
    """Show what a store holds, with the failures by reason."""
    table = Table(title=f"Prepared {summary.store_dir}", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("videos and images", f"{summary.num_videos:,}")
    table.add_row("face crops", f"{summary.num_faces:,}")
    table.add_row("without a face crop", f"{summary.num_failures:,}")
    for reason, count in summary.reasons.items():
        table.add_row(f"  {reason}", f"{count:,}")
    if summary.num_failures:
        table.caption = "failures.parquet says what was wrong with each."
    return table


def _check_arguments(image_format: str, num_workers: int, time_limit_seconds: float) -> None:
    if image_format not in get_args(ImageFormat):
        raise ValueError(f"image_format must be 'jpeg' or 'png', got {image_format!r}.")
    if num_workers < 1:
        raise ValueError(f"num_workers must be at least 1, got {num_workers}.")
    if not time_limit_seconds > 0:
        raise ValueError(f"time_limit_seconds must be above 0, got {time_limit_seconds}.")


def _check_root(root: Path) -> None:
    if not root.is_dir():
        raise DataError(f"There is no folder {root}; set data.root to where the data set lies.")


def _plain(value: Any) -> Any:  # noqa: ANN401 - settings hold anything
    """Turn dataclasses into dictionaries that say which class they were."""
    if is_dataclass(value) and not isinstance(value, type):
        members = {member.name: _plain(getattr(value, member.name)) for member in fields(value)}
        return {"_target_": f"{type(value).__module__}.{type(value).__qualname__}", **members}
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    return value


def _fingerprint(videos: pd.DataFrame) -> str:
    ordered = videos.sort_values("video_id")[sorted(videos.columns)]
    return sha256_of_json(ordered.to_json(orient="values"))


def _checked_rows(videos: pd.DataFrame) -> list[_Video]:
    if not len(videos):
        raise DataError("There are no videos to prepare; `unmask index` found none.")
    columns = (videos[name] for name in ("video_id", "path", "kind"))
    rows = [_Video(*values) for values in zip(*columns, strict=True)]
    for row in rows:
        parts = PurePosixPath(row.video_id).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise DataError(
                f"The video_id {row.video_id!r} cannot name a folder of crops: it must be a "
                "relative path without '..'."
            )
    return rows


@contextmanager
def _only_writer(store_dir: Path) -> Iterator[None]:
    """Hold the store's lock, which the system frees however the process ends."""
    try:
        store_dir.mkdir(parents=True, exist_ok=True)
        lock = (store_dir / ".lock").open("w")
    except OSError as error:
        raise DataError(f"The store {store_dir} cannot be written: {error}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"Another `unmask prepare` is writing {store_dir}.") from error
        yield


def _finished(store_dir: Path, record: Mapping[str, Any]) -> PrepareSummary | None:
    """Return the summary of a complete store of these settings and videos."""
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
    has_tables = all(
        (store_dir / f"{name}.parquet").is_file() for name in ("videos", "faces", "failures")
    )
    if not (found["is_complete"] and has_tables and found["videos"] == record["videos"]):
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


def _clear_leftovers(store_dir: Path) -> None:
    """Delete the temporary files of a run that was killed."""
    for folder in (store_dir, store_dir / "parts"):
        for path in folder.glob(".*-*"):
            path.unlink()


def _is_done(store_dir: Path, video: _Video, *, retry: bool) -> bool:
    part = store_dir / "parts" / video.part_name
    return part.is_file() and not (retry and _read_part(part).failure)


def _read_part(path: Path) -> _Part:
    return _Part(**json.loads(path.read_text()))


def _prepare_video(
    root: Path, store_dir: Path, extractor: FaceExtractor, suffix: str, video: _Video
) -> _Part:
    """Extract one video and write its crops; the body of a worker."""
    folder = store_dir / "crops" / video.video_id
    _remove_crops(folder)
    try:
        crops = extractor.extract(root / video.path, video.kind)
    except VideoError as error:
        stage = "detect" if error.reason in NO_FACE_REASONS else "decode"
        return _failed(video, stage, error.reason, str(error))
    # The boundary of a worker: whatever one file does to a library must not stop the others.
    except Exception as error:
        logger.exception("%s cannot be prepared.", video.path)
        return _failed(video, "worker", "internal_error", f"{type(error).__name__}: {error}")
    rows = []
    for crop in crops:
        name = f"{crop.track_id}_{crop.frame_index}{suffix}"
        write_bytes(folder / name, _encoded(crop, suffix))
        rows.append(_face_row(video, crop, f"crops/{video.video_id}/{name}"))
    return _Part(rows, None)


def _remove_crops(folder: Path) -> None:
    # Other videos may lie below: "a" and "a/b" are both good ids.
    for path in folder.glob("*"):
        if path.is_file():
            path.unlink()


def _encoded(crop: FaceCrop, suffix: str) -> bytes:
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, 95),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    ]
    is_encoded, content = cv2.imencode(
        suffix, crop.image[:, :, ::-1], options if suffix == ".jpg" else []
    )
    assert is_encoded
    encoded: bytes = content.tobytes()
    return encoded


def _face_row(video: _Video, crop: FaceCrop, crop_path: str) -> list[Any]:
    """Return the values of one face in the order of the table's columns."""
    return [
        video.video_id,
        crop.track_id,
        crop.frame_index,
        crop.pts_seconds,
        *crop.face.box.tolist(),
        *crop.face.landmarks.ravel().tolist(),
        crop.face.prob,
        crop.verifier_prob,
        *crop.crop_box,
        crop_path,
    ]


def _failed(video: _Video, stage: str, reason: str, detail: str) -> _Part:
    return _Part([], [video.video_id, video.path, stage, reason, detail])


def _write_parts(
    store_dir: Path,
    outcomes: Iterator[tuple[_Video, _Part | WorkerFailure]],
    *,
    num_done: int,
    num_videos: int,
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
        bar = progress.add_task("", completed=num_done, total=num_videos, failures=0, rate="")
        num_failures = 0
        for video, outcome in outcomes:
            if isinstance(outcome, WorkerFailure):
                _remove_crops(store_dir / "crops" / video.video_id)
                outcome = _failed(video, "worker", outcome.reason, outcome.detail)
            num_failures += outcome.failure is not None
            text = json.dumps({"faces": outcome.faces, "failure": outcome.failure})
            write_text(store_dir / "parts" / video.part_name, text)
            rate = progress.tasks[bar].speed
            progress.update(
                bar, advance=1, failures=num_failures, rate=f"{rate:.1f} videos/s" if rate else ""
            )


def _merge(
    store_dir: Path, videos: pd.DataFrame, rows: Sequence[_Video], record: Mapping[str, Any]
) -> PrepareSummary:
    """Make the tables from the parts; ``prepare.json`` comes last and says that they are there."""
    parts = [_read_part(store_dir / "parts" / row.part_name) for row in rows]
    faces = pd.DataFrame([face for part in parts for face in part.faces], columns=FACES.names)
    failed = [part.failure for part in parts if part.failure]
    failures = pd.DataFrame(failed, columns=FAILURES.names)
    write_table(store_dir / "videos.parquet", "videos", videos)
    write_table(store_dir / "failures.parquet", "failures", failures)
    write_table(store_dir / "faces.parquet", "faces", faces)
    reasons = dict(sorted(Counter(failures["reason"]).items()))
    summary = PrepareSummary(store_dir, len(rows), len(faces), len(failures), reasons)
    counts = {name: value for name, value in asdict(summary).items() if name != "store_dir"}
    write_json(store_dir / "prepare.json", {**record, "is_complete": True, "summary": counts})
    return summary

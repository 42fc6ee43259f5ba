"""What every source of videos has in common: its rows, its result and how folders are read."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import pandas as pd
import pyarrow as pa

from unmask.core.errors import DataError
from unmask.data.manifest import VIDEOS
from unmask.data.sources.lists import note_list

VIDEO_SUFFIXES: Final = frozenset(
    {".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"}
)
IMAGE_SUFFIXES: Final = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})


@dataclass(frozen=True, kw_only=True)
class Video:
    """One row of ``videos.parquet``; :data:`unmask.data.manifest.VIDEOS` explains each field."""

    video_id: str
    dataset: str
    path: str
    label: int
    method: str
    group: str
    kind: str = "video"
    compression: str = ""
    identities: tuple[str, ...] = ()
    original: str = ""
    split: str = ""


@dataclass(frozen=True)
class IndexedVideos:
    """What a source found below its root.

    Args:
        videos: Rows with the columns of :data:`unmask.data.manifest.VIDEOS`, ordered by
            ``video_id``; ``split`` is "" where the data set has no official one.
        notes: Sentences a person should read before believing a number: what differs from the
            published data set, what was assumed.
        ignored: ``"<path>: <reason>"`` of every file that was met and not indexed.
        boxes: Rows of :data:`unmask.data.manifest.BOXES` where the data set says which face of an
            image a row is about; None where faces must be found.
        masks: Rows of :data:`unmask.data.manifest.MASKS` where the data set shows which pixels were
            forged; None where it does not.
        num_absent: Videos or images that a list or a table names and that are not, or not wholly,
            on disk.
    """

    videos: pd.DataFrame
    notes: list[str]
    ignored: list[str]
    boxes: pd.DataFrame | None = None
    masks: pd.DataFrame | None = None
    num_absent: int = 0


class Source(Protocol):
    """A data set as it lies on disk."""

    @property
    def name(self) -> str:
        """Return the name of the data set, the first part of every ``video_id``."""

    def index(self, root: Path) -> IndexedVideos:
        """List the videos below ``root``.

        Raises:
            DataError: If ``root`` is missing or empty, or does not have the layout of this source.
        """


SplitKind = Literal["official", "official_test", "test_only", "identity"]


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """A data set that a folder seems to hold, and how to read it.

    Args:
        data: Its file in ``conf/data``.
        title: Its name for a person.
        root: Where its layout starts.
        source: Reads what is there, set so that parts that are missing are not asked for.
        fit: How well the folder fits, in (0, 1]; the best fit is believed.
        settings: Arguments of ``source`` that differ from those in ``conf/data``.
        split: What ``conf/data`` makes the splits from.
        published: Videos or images of each method as released; those of a whole class stand at
            ``"real"`` and ``"fake"``.
        missing: Parts that are published, but not here.
        labels: How the data set itself writes labels, where that is not 0 for real and 1 for fake
            or where a table beside the folders could be taken at its word.
        split_lists: Whether the split lists that are here are the official ones; "" where the data
            set has none.
        has_official_lists: False where they are not, or absent.
        suspicions: Sentences on what makes a number misleading.
    """

    data: str
    title: str
    root: Path
    source: Source
    fit: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    split: SplitKind = "official"
    published: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    labels: str = ""
    split_lists: str = ""
    has_official_lists: bool = True
    suspicions: tuple[str, ...] = ()


def check_name(name: str) -> None:
    """Refuse a data set name that cannot be the first folder of a path.

    Raises:
        ValueError: If ``name`` is empty, starts with a dot or holds a separator.
    """
    if not name or name.startswith(".") or any(separator in name for separator in "/\\"):
        raise ValueError(
            f"name must be a word that can name a folder, such as 'ffpp', got {name!r}."
        )


def check_root(root: Path, *, name: str) -> None:
    """Refuse a root that is missing, a file or empty.

    Raises:
        DataError: If ``root`` is not a folder that holds something.
    """
    if not root.exists():
        raise DataError(
            f"The root of '{name}' does not exist: {root}. Set data.root to its folder."
        )
    if not root.is_dir():
        raise DataError(f"The root of '{name}' is a file: {root}. Set data.root to its folder.")
    if next(root.iterdir(), None) is None:
        raise DataError(f"The root of '{name}' is empty: {root}. Set data.root to the data set.")


def media_kind(path: Path) -> str | None:
    """Tell from its suffix whether a file is a video or an image.

    Returns:
        ``"video"``, ``"image"``, or None for anything else, hidden files included.

    Example:
        >>> media_kind(Path("a.MP4")), media_kind(Path("a.mp4.part")), media_kind(Path("._a.mp4"))
        ('video', None, None)
    """
    if path.name.startswith("."):
        return None
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    return "image" if suffix in IMAGE_SUFFIXES else None


def why_not_media(path: Path) -> str:
    """Return why :func:`media_kind` returned None."""
    return "hidden file" if path.name.startswith(".") else f"suffix '{path.suffix}' is not media"


def relative_posix(path: Path, root: Path) -> str:
    """Return ``path`` below ``root`` with forward slashes on every platform."""
    return path.relative_to(root).as_posix()


def list_folders(parent: Path) -> list[Path]:
    """List the sub-folders that are not hidden, by name."""
    with os.scandir(parent) as entries:
        return sorted(parent / e.name for e in entries if e.is_dir() and e.name[0] != ".")


def list_videos(folder: Path, root: Path) -> tuple[list[Path], list[str]]:
    """List the video files directly in a folder.

    An empty video file is listed: prepare opens it and records the failure, whereas leaving it out
    here would make it vanish from every count.

    Returns:
        The videos ordered by name, and ``"<path>: <reason>"`` of the other files.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    videos = [path for path in files if media_kind(path) == "video"]
    ignored = [
        f"{relative_posix(path, root)}: "
        + ("an image among videos" if media_kind(path) else why_not_media(path))
        for path in files
        if media_kind(path) != "video"
    ]
    return videos, ignored


def walk_files(root: Path) -> Iterator[Path]:
    """Yield every file below ``root`` outside hidden folders, following links to folders.

    A link to a folder that contains it is not entered again, so that the walk ends.
    """
    for directory, folders, names in os.walk(root, followlinks=True):
        here = Path(directory).resolve()
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not here.is_relative_to((here / name).resolve())
        )
        parent = Path(directory)
        yield from (parent / name for name in sorted(names))


def find_folder(parent: Path, *names: str) -> Path | None:
    """Find the sub-folder with one of ``names`` in any spelling of upper and lower case.

    Returns:
        The folder as it is spelled on disk, or None.

    Raises:
        DataError: If several sub-folders qualify, because either choice could be the wrong one.
    """
    if not parent.is_dir():
        return None
    wanted = {name.lower() for name in names}
    # Entries as the system lists them: a folder can hold 100,000 files that need no Path.
    with os.scandir(parent) as entries:
        found = sorted(parent / e.name for e in entries if e.name.lower() in wanted and e.is_dir())
    if len(found) > 1:
        spellings = " and ".join(path.name for path in found)
        raise DataError(f"{parent} holds {spellings}, which mean the same. Keep one of them.")
    return found[0] if found else None


def inner_folder(folder: Path) -> Path:
    """Return the ``videos/`` level below ``folder`` where there is one, else ``folder``."""
    return find_folder(folder, "videos") or folder


def describe_entries(folder: Path, *, most: int = 8) -> str:
    """Name what lies directly in a folder, for the end of an error sentence.

    Returns:
        At most ``most`` names and the number of the others, or ``"nothing"``.
    """
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "nothing"


def check_layout(root: Path, title: str, wanted: Iterable[str], *, is_there: bool) -> None:
    """Refuse a root without the layout, naming what was looked for and the folder that has it.

    Args:
        title: The data set's name for a person.
        wanted: What was looked for, e.g. folder names.
        is_there: Whether the layout was found.

    Raises:
        DataError: If it was not.
    """
    if is_there:
        return
    names = sorted(wanted)
    inside = [p.name for p in sorted(root.iterdir()) if p.is_dir() and _holds(p, names)]
    hint = f" The layout starts in '{inside[0]}': set data.root to it." if inside else ""
    raise DataError(
        f"No {title} at {root}: looked for {' or '.join(names)}, "
        f"found {describe_entries(root)}.{hint}"
    )


def _holds(folder: Path, names: Iterable[str]) -> bool:
    present = {path.name.lower() for path in folder.iterdir()}
    return any(name.lower() in present for name in names)


def first_video_name(folder: Path | None, *, most: int = 50) -> str:
    """Return the stem of a video in a folder, looking at ``most`` entries at the most, or ""."""
    if folder is None or not folder.is_dir():
        return ""
    entries = (path for _, path in zip(range(most), folder.iterdir(), strict=False))
    return next((path.stem for path in entries if media_kind(path) == "video"), "")


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON is untyped
    """Read a JSON file that came with a data set.

    Raises:
        DataError: If it is not readable JSON.
    """
    try:
        return json.loads(note_list(path).read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(f"{path} is not readable JSON: {error}.") from error


def to_videos(rows: Iterable[Video]) -> pd.DataFrame:
    """Make the frame of rows, in the order and with the types that a written manifest has.

    Raises:
        DataError: If two rows have one ``video_id``.
    """
    ordered = sorted(rows, key=lambda row: (row.video_id, row.path))
    for one, other in pairwise(ordered):
        if one.video_id == other.video_id:
            raise DataError(
                f"'{one.video_id}' occurs twice: as {one.path} and as {other.path}. "
                "Remove or rename one of them."
            )
    columns = {name: list(map(attrgetter(name), ordered)) for name in VIDEOS.names}
    table = pa.Table.from_pydict(columns, schema=VIDEOS)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def count_notes(found: Mapping[str, int], published: Mapping[str, int]) -> list[str]:
    """Describe where the number of videos differs from what was published.

    Args:
        found: Videos on disk by subset or method.
        published: The same of the data set as released; others are not judged.

    Example:
        >>> count_notes({"youtube": 998, "MyMethod": 4}, {"youtube": 1000})
        ['youtube has 998 videos; 1000 are published.']
    """
    return [
        f"{name} has {number} videos; {published[name]} are published."
        for name, number in found.items()
        if name in published and number != published[name]
    ]

"""What several sources do alike with the files and the tables that they find."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final, TypeVar

from unmask.core.errors import DataError, did_you_mean
from unmask.core.labels import FAKE, REAL
from unmask.data.sources.source import (
    list_videos,
    media_kind,
    read_json,
    relative_posix,
    walk_files,
    why_not_media,
)

Row = TypeVar("Row")
WORDS: Final = {"real": REAL, "fake": FAKE}


def read_names(
    folder: Path, root: Path, read: Callable[[str, str], Row | None], *, what: str
) -> tuple[list[Row], list[str]]:
    """Read what the names of the videos directly in a folder say.

    Args:
        root: The data set, which paths are relative to.
        read: Takes a name without its suffix and the path; returns None where it is no such name.
        what: Whose videos they are, for the reason of those that are not.

    Returns:
        What was read, in the order of the names, and ``"<path>: <reason>"`` of the other files.
    """
    rows: list[Row] = []
    files, ignored = list_videos(folder, root)
    for file in files:
        path = relative_posix(file, root)
        row = read(file.stem, path)
        if row is None:
            ignored.append(f"{path}: not a file name of '{what}'")
        else:
            rows.append(row)
    return rows, ignored


def walk_videos(root: Path, *, tables: Collection[Path]) -> tuple[list[Path], list[str]]:
    """List the video files at any depth, in the order of :func:`walk_files`.

    Args:
        tables: Files that belong to it and are no media.

    Returns:
        The videos, and ``"<path>: <reason>"`` of the other files but the tables.
    """
    videos, ignored = [], []
    for file in walk_files(root):
        if media_kind(file) == "video":
            videos.append(file)
        elif file not in tables:
            ignored.append(f"{relative_posix(file, root)}: {why_not_media(file)}")
    return videos, ignored


def absent_notes(num_absent: int, num_listed: int, what: str) -> list[str]:
    """Return how many of the listed files are not there, where any are not.

    Example:
        >>> absent_notes(2, 30, "videos of dataset.json"), absent_notes(0, 30, "images")
        (['2 of 30 videos of dataset.json are not on disk.'], [])
    """
    return [f"{num_absent} of {num_listed} {what} are not on disk."] if num_absent else []


def read_records(path: Path, *, example: str) -> dict[str, dict[str, Any]]:
    """Read a JSON table of one record for each name.

    Raises:
        DataError: If it is not readable JSON, or something else; ``example`` shows what is wanted.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise DataError(f"{path} must look like {example}.")
    return content


def label_of_word(word: object, says: str) -> int:
    """Read the word real or fake in any spelling of upper and lower case.

    Args:
        word: What a table holds.
        says: The beginning of the sentence for another word, e.g. ``"x.json has the label"``.

    Raises:
        DataError: If it is another word.

    Example:
        >>> label_of_word("FAKE", "it has the label")
        1
    """
    text = str(word).lower()
    if text not in WORDS:
        raise DataError(f"{says} {word!r}" + did_you_mean(text, WORDS))
    return WORDS[text]

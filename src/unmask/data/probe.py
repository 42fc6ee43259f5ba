"""A cheap look into the files of a data set: what cannot be read, what is there twice."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from unmask.core.errors import VideoError
from unmask.core.files import sha256_of_file
from unmask.video.reader import FrameReader, ImageReader, PyAVReader

# What a look takes at the most, so that a data set of any size takes seconds. The smallest files
# come first, because cut-off and one-frame videos are among them.
MAX_OPENED: Final = 256
MAX_BYTES_OPENED: Final = 2**28
MAX_COMPARED: Final = 4000
MAX_BYTES_HASHED: Final = 2**28
HEAD_BYTES: Final = 4096

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class FileFault:
    """A file that cannot be used as it is.

    Args:
        path: Below the data set's root.
        reason: A short code, e.g. ``"truncated"`` or ``"one_frame"``.
        detail: A sentence for a person.
    """

    path: str
    reason: str
    detail: str


def find_faults(
    root: Path, files: Iterable[tuple[str, str]], *, sizes: dict[str, int]
) -> tuple[list[FileFault], int]:
    """Open the smallest files and report those that cannot be read or hold one frame.

    Videos are not decoded, only their containers read; of images, only the header.

    Args:
        files: Path below it and kind, ``"video"`` or ``"image"``; others are left out.
        sizes: Bytes of each path; a path without size is not there.

    Returns:
        The faults by path, and how many files were opened. Empty files are all reported.
    """
    readers: dict[str, FrameReader] = {"video": PyAVReader(), "image": ImageReader()}
    ordered = sorted((sizes[path], path, kind) for path, kind in files if path in sizes)
    faults = [
        FileFault(path, "empty_file", f"{root / path} is empty.")
        for size, path, _ in ordered
        if size == 0
    ]
    num_opened = num_bytes = 0
    for size, path, kind in ordered:
        if size == 0 or kind not in readers:
            continue
        num_bytes += size if kind == "video" else 0
        if num_opened == MAX_OPENED or num_bytes > MAX_BYTES_OPENED:
            break
        num_opened += 1
        try:
            num_frames = len(readers[kind].timeline(root / path).pts)
        except VideoError as error:
            faults.append(FileFault(path, error.reason, str(error)))
            continue
        if kind == "video" and num_frames == 1:
            faults.append(FileFault(path, "one_frame", f"{root / path} has 1 frame."))
    return sorted(faults, key=lambda fault: fault.path), num_opened


def find_identical(sizes: Mapping[str, int]) -> list[list[str]]:
    """Group files of identical content, comparing sizes, then beginnings, then all of it.

    Args:
        sizes: Bytes of each file by its path.

    Returns:
        Groups of two or more, in the order of their first file. Empty files are no copies of each
        other. Among very many candidates, only the first are compared.
    """
    same_size = _groups((file for file, size in sizes.items() if size), sizes.__getitem__)
    candidates = [file for group in same_size for file in group][:MAX_COMPARED]
    same_head = _groups(candidates, lambda file: (sizes[file], _head(file)))
    identical = []
    budget = MAX_BYTES_HASHED
    for group in same_head:
        size = sizes[group[0]]
        # A short file was compared whole already.
        if size <= HEAD_BYTES:
            identical.append(group)
            continue
        budget -= size * len(group)
        if budget < 0:
            break
        identical += _groups(group, lambda file: sha256_of_file(Path(file)))
    return identical


def _head(file: str) -> bytes:
    with Path(file).open("rb") as opened:
        return hashlib.sha256(opened.read(HEAD_BYTES)).digest()


def _groups(files: Iterable[str], key: Callable[[str], Key]) -> list[list[str]]:
    groups: dict[Key, list[str]] = defaultdict(list)
    for file in files:
        groups[key(file)].append(file)
    return [group for group in groups.values() if len(group) > 1]

"""UADFV: 49 videos and a face swap of each.

Yang, Li and Lyu, "Exposing Deep Fakes Using Inconsistent Head Poses", ICASSP 2019.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unmask.core.errors import DataError
from unmask.core.labels import CLASS_NAMES, FAKE, REAL
from unmask.data.sources.source import (
    IndexedVideos,
    Recognised,
    Video,
    check_layout,
    check_name,
    check_root,
    count_notes,
    find_folder,
    inner_folder,
    list_videos,
    relative_posix,
    to_videos,
)

PUBLISHED: Final = {"real": 49, "fake": 49}
NAMES: Final = {REAL: re.compile(r"\d{4}"), FAKE: re.compile(r"(\d{4})_fake")}


@dataclass(frozen=True, kw_only=True)
class UADFV:
    """Videos ``real/0000.mp4`` and ``fake/0000_fake.mp4``, or folders of their frames.

    A fake and the video that it was made from are one group. There is no official split. Where
    both a video and its extracted frames are there, the video is taken.

    Args:
        name: Name of the data set in every table.

    Raises:
        ValueError: If it cannot name a folder.
    """

    name: str = "uadfv"

    def __post_init__(self) -> None:
        check_name(self.name)

    def index(self, root: Path) -> IndexedVideos:
        """List the videos below ``root``.

        Args:
            root: The folder that holds ``real`` and ``fake``.

        Raises:
            DataError: If one of the two is missing or holds no video.
        """
        check_root(root, name=self.name)
        folders = {label: find_folder(root, word) for label, word in enumerate(CLASS_NAMES)}
        check_layout(root, "UADFV", CLASS_NAMES, is_there=any(folders.values()))
        rows: list[Video] = []
        ignored: list[str] = []
        for label, folder in folders.items():
            found, others = _read_class(folder or root / CLASS_NAMES[label], root, label, self.name)
            if not found:
                raise DataError(
                    f"UADFV at {root} has no {CLASS_NAMES[label]} video such as "
                    f"{'fake/0000_fake.mp4' if label else 'real/0000.mp4'}."
                )
            rows += found
            ignored += others
        reals = {row.video_id for row in rows if row.label == REAL}
        for row in [row for row in rows if row.original and row.original not in reals]:
            rows[rows.index(row)] = Video(**{**vars(row), "original": ""})
        notes = count_notes(Counter(row.method for row in rows), PUBLISHED)
        return IndexedVideos(to_videos(rows), notes, ignored)


def _read_class(folder: Path, root: Path, label: int, name: str) -> tuple[list[Video], list[str]]:
    files, ignored = list_videos(inner_folder(folder), root) if folder.is_dir() else ([], [])
    found = {file.stem: (file, "video") for file in files}
    frames = find_folder(folder, "frames")
    for inner in sorted(frames.iterdir()) if frames else []:
        if inner.is_dir() and inner.name not in found:
            found[inner.name] = (inner, "frames")
    rows = []
    for stem, (path, kind) in found.items():
        if not NAMES[label].fullmatch(stem):
            ignored.append(f"{relative_posix(path, root)}: not a name of '{CLASS_NAMES[label]}'")
            continue
        number = stem.removesuffix("_fake")
        rows.append(
            Video(
                video_id=f"{name}/{CLASS_NAMES[label]}/{stem}",
                dataset=name,
                path=relative_posix(path, root),
                kind=kind,
                label=label,
                method=CLASS_NAMES[label],
                group=f"{name}/{number}",
                identities=(number,),
                original=f"{name}/real/{number}" if label == FAKE else "",
            )
        )
    return rows, ignored


def recognise(root: Path) -> Recognised | None:
    """Recognise UADFV by its fakes' names beside a folder of real videos."""
    fakes, reals = find_folder(root, "fake"), find_folder(root, "real")
    if fakes is None or reals is None:
        return None
    folders = [inner_folder(fakes), *filter(None, [find_folder(fakes, "frames")])]
    if not any(NAMES[FAKE].fullmatch(p.stem) for folder in folders for p in folder.iterdir()):
        return None
    return Recognised(
        data="uadfv",
        title="UADFV",
        root=root,
        source=UADFV(),
        fit=0.9,
        split="test_only",
        published=PUBLISHED,
    )

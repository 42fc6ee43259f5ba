"""140k Real and Fake Faces (Kaggle, xhlulu): photographs of FFHQ and pictures by StyleGAN."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unmask.core.errors import DataError
from unmask.core.labels import CLASS_NAMES, FAKE, REAL
from unmask.data.sources.folder import FolderSource
from unmask.data.sources.lists import note_list
from unmask.data.sources.source import (
    IndexedVideos,
    Recognised,
    check_layout,
    check_name,
    check_root,
    count_notes,
    find_folder,
)

METHODS: Final = {REAL: "FFHQ", FAKE: "StyleGAN"}
# Inferred from code that cuts the tables; the page itself gives the sum alone.
PUBLISHED: Final = {"FFHQ": 70000, "StyleGAN": 70000}
TABLES: Final = ("train.csv", "valid.csv", "test.csv")
SHORTCUT: Final = (
    "Real and fake pictures come from different pipelines (FFHQ, StyleGAN), so a detector can "
    "learn how they were saved instead of how they were made."
)


@dataclass(frozen=True, kw_only=True)
class Faces140k:
    """Pictures below ``{train,valid,test}/{real,fake}``; the folder says label and split.

    In its tables **1 means real**. They are read for nothing but to count how often a folder and
    the word in ``label_str`` disagree.

    Args:
        name: Name of the data set in every table.

    Raises:
        ValueError: If it cannot name a folder.
    """

    name: str = "faces140k"

    def __post_init__(self) -> None:
        check_name(self.name)

    def index(self, root: Path) -> IndexedVideos:
        """List the pictures below ``root``.

        Args:
            root: The folder that holds ``real_vs_fake`` and the tables, or the splits themselves.

        Raises:
            DataError: If there is no labelled picture, or one without a split.
        """
        check_root(root, name=self.name)
        check_layout(
            root, "140k Real and Fake Faces", ["real_vs_fake", "train"], is_there=is_layout(root)
        )
        found = FolderSource(name=self.name).index(root)
        videos = found.videos.assign(method=found.videos["label"].map(METHODS))
        unplaced = videos.loc[videos["split"] == "", "path"]
        if len(unplaced):
            raise DataError(
                f"{len(unplaced)} pictures are in no folder train, valid or test, for example "
                f"{unplaced.iloc[0]}."
            )
        ignored = [line for line in found.ignored if line.partition(":")[0] not in TABLES]
        notes = count_notes(Counter(videos["method"].tolist()), PUBLISHED)
        folder_of = {p.split("/", p.count("/") - 2)[-1]: label for p, label in zip(
            videos["path"], videos["label"], strict=True)}  # fmt: skip
        return IndexedVideos(videos, [*notes, *_table_notes(root, folder_of), SHORTCUT], ignored)


def _table_notes(root: Path, label_of: Mapping[str, int]) -> list[str]:
    """Compare the tables with the folders; their numbers are told about and never used."""
    contrary, num_inverted = [], 0
    for path in (root / name for name in TABLES if (root / name).is_file()):
        with note_list(path).open(encoding="utf-8-sig", newline="") as file:
            for line in csv.DictReader(file):
                label, word = label_of.get(line.get("path") or ""), line.get("label_str")
                if label is None:
                    continue
                if word and word.lower() != CLASS_NAMES[label]:
                    contrary.append(f"{line['path']} has {word!r} in {path.name}")
                num_inverted += line.get("label") != str(label)
    notes = []
    if num_inverted:
        notes.append(
            f"In the tables 1 means real: the number of {num_inverted} pictures is not this "
            "project's. The folders were believed."
        )
    if contrary:
        notes.append(
            f"The tables contradict the folder of {len(contrary)} pictures, for example "
            f"{contrary[0]}; the folder was believed."
        )
    return notes


def is_layout(root: Path) -> bool:
    """Return whether ``root`` holds the pictures' folder or the splits beside their tables."""
    has_tables = any((root / name).is_file() for name in TABLES)
    return bool(find_folder(root, "real_vs_fake", "real-vs-fake")) or (
        has_tables and find_folder(root, "train", "valid", "test") is not None
    )


def recognise(root: Path) -> Recognised | None:
    """Recognise the set by its folder of pictures, or by a table with both kinds of label."""
    if not is_layout(root):
        return None
    if not find_folder(root, "real_vs_fake", "real-vs-fake"):
        path = next(root / name for name in TABLES if (root / name).is_file())
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            if "label_str" not in file.readline(10_000):
                return None
    return Recognised(
        data="faces140k",
        title="140k Real and Fake Faces",
        root=root,
        source=Faces140k(),
        fit=1.0,
        published=PUBLISHED,
        labels="In the tables 1 means real; the folders' names are believed.",
    )

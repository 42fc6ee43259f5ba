"""The DeepFake Detection Challenge: its training parts, and its labelled test videos.

Dolhansky et al., "The DeepFake Detection Challenge (DFDC) Dataset", 2020.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from unmask.core.errors import DataError
from unmask.core.labels import CLASS_NAMES, FAKE, REAL
from unmask.data.sources.lists import note_list
from unmask.data.sources.source import (
    IndexedVideos,
    Recognised,
    Video,
    check_layout,
    check_name,
    check_root,
    count_notes,
    list_folders,
    list_videos,
    media_kind,
    relative_posix,
    to_videos,
)
from unmask.data.sources.tree import WORDS, absent_notes, label_of_word, read_records, walk_videos

NUM_PARTS: Final = 50
PART: Final = re.compile(r"dfdc_train_part_(\d+)", re.IGNORECASE)
PUBLISHED_TEST: Final = {"real": 2500, "fake": 2500}
PUBLISHED_VALIDATION: Final = {"real": 2000, "fake": 2000}


@dataclass(frozen=True, kw_only=True)
class DFDC:
    """The videos of ``dfdc_train_part_<n>``, as each part's ``metadata.json`` labels them.

    A video and its fakes lie in one part and are one group. The split goes by part, as published
    detectors had it (ISPL: 0-34, 35-39, 40-49); the challenge itself only calls all of it train.

    Args:
        name: Name of the data set in every table.
        val_parts: Parts to validate on.
        test_parts: Parts to test on; all others train.

    Raises:
        ValueError: If a part is to be both, or is no part.
    """

    name: str = "dfdc"
    val_parts: Sequence[int] = tuple(range(35, 40))
    test_parts: Sequence[int] = tuple(range(40, 50))

    def __post_init__(self) -> None:
        check_name(self.name)
        both = sorted(set(self.val_parts) & set(self.test_parts))
        if both:
            raise ValueError(f"val_parts and test_parts both hold {both}; leave it in one of them.")
        strange = sorted({*self.val_parts, *self.test_parts} - set(range(NUM_PARTS)))
        if strange:
            raise ValueError(
                f"DFDC has the parts 0 to {NUM_PARTS - 1}, but {strange} is asked for."
            )

    def index(self, root: Path) -> IndexedVideos:
        """List the videos of the parts below ``root``.

        Args:
            root: The folder that holds the parts, or one of them.

        Raises:
            DataError: If there is no part, a part is there twice, or a label is neither REAL nor
                FAKE.
        """
        check_root(root, name=self.name)
        parts = find_parts(root)
        check_layout(root, "DFDC", ["dfdc_train_part_0"], is_there=bool(parts))
        rows: list[Video] = []
        notes: list[str] = []
        ignored: list[str] = []
        num_absent = 0
        for number, folder in parts.items():
            num_absent += self._read_part(number, folder, root, rows, notes, ignored)
        if not rows:
            first = f", for example {ignored[0]}" if ignored else ""
            raise DataError(f"No labelled DFDC video in {len(parts)} parts at {root}{first}.")
        absent = sorted(set(range(NUM_PARTS)) - set(parts))
        if absent:
            notes.append(f"{len(absent)} of {NUM_PARTS} parts are not here: {_ranges(absent)}.")
        notes.append(
            "Splits go by part, which keeps a video and its fakes together; an actor can still be "
            "in several parts, because nobody is named."
        )
        return IndexedVideos(to_videos(rows), notes, ignored, num_absent=num_absent)

    def _read_part(
        self,
        number: int,
        folder: Path,
        root: Path,
        rows: list[Video],
        notes: list[str],
        ignored: list[str],
    ) -> int:
        """Append what is in a part to the lists, and count what its table names in vain."""
        files, others = list_videos(folder, root)
        ignored += [line for line in others if not line.startswith(_metadata_line(folder, root))]
        if not (folder / "metadata.json").is_file():
            notes.append(
                f"Part {number} has no metadata.json, so its {len(files)} videos have no label."
            )
            ignored += [f"{relative_posix(file, root)}: no metadata.json" for file in files]
            return 0
        where = folder / "metadata.json"
        described = _metadata(where)
        present = {file.name for file in files}
        for file in files:
            if file.name not in described:
                ignored.append(f"{relative_posix(file, root)}: not in metadata.json")
                continue
            entry = described[file.name]
            label = label_of_word(entry.get("label"), f"{where}: {file.name} has the label")
            original = entry.get("original") if label == FAKE else None
            rows.append(self._row(file, root, number, label, original, present))
        absent = len(described.keys() - present)
        notes += [
            f"Part {number}: {line}" for line in absent_notes(absent, len(described), "videos")
        ]
        return absent

    def _row(
        self,
        file: Path,
        root: Path,
        number: int,
        label: int,
        original: object,
        present: set[str],
    ) -> Video:
        prefix = f"{self.name}/{number:02d}"
        stem = Path(str(original)).stem if original else ""
        is_val, is_test = number in self.val_parts, number in self.test_parts
        return Video(
            video_id=f"{prefix}/{file.stem}",
            dataset=self.name,
            path=relative_posix(file, root),
            label=label,
            method=CLASS_NAMES[label],
            group=f"{prefix}/{stem or file.stem}",
            original=f"{prefix}/{stem}" if original in present else "",
            split="val" if is_val else "test" if is_test else "train",
        )


@dataclass(frozen=True, kw_only=True)
class DFDCTest:
    """Test (or validation) videos with ``labels.csv`` or ``metadata.json``, at any depth.

    Here a label is a number and 1 means fake. Each video is a group of its own: who is in it is not
    published.

    Args:
        name: Name of the data set in every table.

    Raises:
        ValueError: If it cannot name a folder.
    """

    name: str = "dfdc_test"

    def __post_init__(self) -> None:
        check_name(self.name)

    def index(self, root: Path) -> IndexedVideos:
        """List the labelled videos below ``root``.

        Args:
            root: The folder that holds the table of labels, directly or in ``test``.

        Raises:
            DataError: If there is no usable table, no video, or two tables disagree.
        """
        check_root(root, name=self.name)
        wanted = ("labels.csv", "metadata.json")
        check_layout(root, "DFDC test set", wanted, is_there=bool(_label_files(root)))
        labels = read_labels(root)
        rows: list[Video] = []
        files, ignored = walk_videos(root, tables=_label_files(root))
        for file in files:
            path = relative_posix(file, root)
            if file.name not in labels:
                ignored.append(f"{path}: no label in the table")
            else:
                rows.append(self._row(file, path, labels[file.name]))
        if not rows:
            raise DataError(f"None of the {len(labels)} labelled DFDC videos is below {root}.")
        num_absent = len(labels) - len(rows)
        notes = _test_notes(rows, labels)
        return IndexedVideos(to_videos(rows), notes, ignored, num_absent=num_absent)

    def _row(self, file: Path, path: str, label: int) -> Video:
        return Video(
            video_id=f"{self.name}/{file.stem}",
            dataset=self.name,
            path=path,
            label=label,
            method=CLASS_NAMES[label],
            group=f"{self.name}/{file.stem}",
            split="test",
        )


def _test_notes(rows: Sequence[Video], labels: Mapping[str, int]) -> list[str]:
    found = {word: sum(row.label == label for row in rows) for word, label in WORDS.items()}
    is_validation = len(labels) == sum(PUBLISHED_VALIDATION.values())
    notes = count_notes(found, PUBLISHED_VALIDATION if is_validation else PUBLISHED_TEST)
    if is_validation:
        notes.append("4000 labelled videos: this is the validation set, not the test set.")
    if len(rows) < len(labels):
        notes.append(
            f"{len(labels) - len(rows)} of {len(labels)} labelled videos are not on disk. Many "
            "published DFDC numbers are of such a part: say which list yours is of."
        )
    return notes


def find_parts(root: Path) -> dict[int, Path]:
    """Find the folder of each training part at or below ``root``.

    Raises:
        DataError: If a part is there twice.
    """
    own = PART.fullmatch(root.name)
    if own and (root / "metadata.json").is_file():
        return {int(own[1]): root}
    parts: dict[int, Path] = {}
    for folder in list_folders(root):
        match = PART.fullmatch(folder.name)
        if match is None:
            continue
        # An unpacked archive dfdc_train_part_00 holds a folder dfdc_train_part_0.
        inner = [p for p in list_folders(folder) if PART.fullmatch(p.name)]
        other = parts.setdefault(int(match[1]), inner[0] if inner else folder)
        if other not in (folder, *inner):
            raise DataError(f"Part {int(match[1])} is at {other} and {folder}. Keep one of them.")
    return dict(sorted(parts.items()))


def read_labels(root: Path) -> dict[str, int]:
    """Read the label of each test video from whichever tables are in ``root`` or ``root/test``.

    Raises:
        DataError: If a table cannot be read or two contradict each other.
    """
    labels: dict[str, int] = {}
    for path in _label_files(root):
        found = _read_csv(path) if path.suffix == ".csv" else _read_metadata_labels(path)
        contrary = sorted(name for name in found if labels.get(name, found[name]) != found[name])
        if contrary:
            raise DataError(
                f"{path} and the other table of labels contradict each other on {len(contrary)} "
                f"videos, for example {contrary[0]}. Keep the one that is right."
            )
        labels |= found
    return labels


def _label_files(root: Path) -> list[Path]:
    places = (root, root / "test")
    files = [place / name for place in places for name in ("labels.csv", "metadata.json")]
    return [file for file in files if file.is_file()]


def _read_csv(path: Path) -> dict[str, int]:
    with note_list(path).open(encoding="utf-8-sig", newline="") as file:
        lines = [line for line in csv.reader(file) if line]
    labels: dict[str, int] = {}
    # A table without its header is read from the first line on, so that no video is lost.
    start = 1 if lines and lines[0][:1] == ["filename"] else 0
    for number, line in enumerate(lines[start:], start=start + 1):
        match line:
            case [str(name), "0" | "1" as label, *_]:
                labels[name] = FAKE if label == "1" else REAL
            case _:
                raise DataError(
                    f"Line {number} of {path} is {','.join(line)!r}, but must look like "
                    "'aalscayrfi.mp4,1', where 1 means fake."
                )
    return labels


def _read_metadata_labels(path: Path) -> dict[str, int]:
    labels = {}
    for name, entry in _metadata(path).items():
        value = entry.get("is_fake", entry.get("label"))
        labels[name] = (
            value
            if value in (REAL, FAKE)
            else label_of_word(value, f"{path}: {name} has the label")
        )
    return labels


def _metadata(path: Path) -> dict[str, dict[str, Any]]:
    return read_records(path, example='{"x.mp4": {"label": "FAKE"}}')


def _metadata_line(folder: Path, root: Path) -> str:
    return f"{relative_posix(folder / 'metadata.json', root)}:"


def _ranges(numbers: Sequence[int]) -> str:
    """Write sorted numbers with runs joined.

    Example:
        >>> _ranges([0, 1, 2, 7])
        '0-2, 7'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def recognise(root: Path) -> Recognised | None:
    """Recognise the training parts by their folders' names."""
    parts = find_parts(root)
    if not parts:
        return None
    return Recognised(
        data="dfdc",
        title="DFDC, training parts",
        root=root,
        source=DFDC(),
        fit=1.0,
        missing=tuple(f"part {number}" for number in range(NUM_PARTS) if number not in parts),
    )


def recognise_test(root: Path) -> Recognised | None:
    """Recognise the test set by a table of labels that names videos."""
    if find_parts(root) or not _label_files(root):
        return None
    try:
        labels = read_labels(root)
    except DataError:
        return None
    if not labels or any(media_kind(Path(name)) != "video" for name in labels):
        return None
    return Recognised(
        data="dfdc_test",
        title="DFDC, test set",
        root=root,
        source=DFDCTest(),
        fit=0.9,
        split="test_only",
        labels="In labels.csv and metadata.json 1 means fake.",
        published=PUBLISHED_TEST,
    )

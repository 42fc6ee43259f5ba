"""Any tree of ``real`` and ``fake`` folders, or any CSV that lists labelled files."""

from collections.abc import Mapping, Sequence
from csv import DictReader
from csv import Error as CSVError
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal, TypeVar, get_args

from unmask.core.errors import DataError, did_you_mean
from unmask.core.labels import CLASS_NAMES, FAKE, REAL
from unmask.data.sources.lists import note_list
from unmask.data.sources.source import (
    IMAGE_SUFFIXES,
    IndexedVideos,
    Recognised,
    Video,
    check_name,
    check_root,
    describe_entries,
    find_folder,
    list_folders,
    media_kind,
    relative_posix,
    to_videos,
    walk_files,
    why_not_media,
)

GroupBy = Literal["file", "folder"]
Value = TypeVar("Value")
_Line = tuple[int, dict[str, str]]
NOT_ON_DISK: Final = "listed, but not on disk"
EXTRA: Final = "\0extra"

LABEL_WORDS: Final = {"0": REAL, "real": REAL, "1": FAKE, "fake": FAKE}
SPLIT_WORDS: Final = {
    "": "",
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, kw_only=True)
class FolderSource:
    """Videos and images of your own.

    Without ``csv``, the label of a file is the folder called ``real`` or ``fake`` above it, at any
    depth. The first folder below that is the method (``fake/FaceSwap/a.mp4``), and a folder
    ``train``, ``val`` or ``test`` above it the official split (``test/fake/a.mp4``).

    With ``csv``, a table with the columns ``path`` (below the root) and ``label`` (0 or ``real``,
    1 or ``fake``), and where known ``method``, ``group`` (same person or footage) and ``split``.
    Other columns are not read.

    Args:
        name: Name of the data set in every table.
        csv: Path of the table below the root, or None to read the tree.
        label_column: The column of ``csv`` that holds the label; some public tables have a second
            one in words beside a number whose meaning is inverted.
        group_by: What stays on one side of a split where no ``group`` is given: each file alone, or
            all files of a folder, as for the extracted frames of a video.

    Raises:
        ValueError: If an argument is not one of the above.
    """

    name: str = "folder"
    csv: str | None = None
    label_column: str = "label"
    group_by: GroupBy = "file"

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.group_by not in get_args(GroupBy):
            raise ValueError(
                f"group_by is {self.group_by!r}, which is not a way to group files"
                + did_you_mean(str(self.group_by), get_args(GroupBy))
            )
        if self.label_column in {"path", "method", "group", "split"}:
            raise ValueError(
                f"label_column is {self.label_column!r}, which holds something else. "
                "Name the column that holds the label."
            )

    def index(self, root: Path) -> IndexedVideos:
        """List the labelled videos and images below ``root``.

        Args:
            root: The folder that the tree or the paths of the table start from.

        Raises:
            DataError: If there is no labelled file, a file has two labels, or the table cannot be
                used.
        """
        check_root(root, name=self.name)
        return self._index_tree(root) if self.csv is None else self._index_csv(root, self.csv)

    def _index_tree(self, root: Path) -> IndexedVideos:
        rows: list[Video] = []
        ignored: list[str] = []
        for file in walk_files(root):
            path = relative_posix(file, root)
            labels = _label_folders(path)
            if media_kind(file) is None:
                ignored.append(f"{path}: {why_not_media(file)}")
            elif not labels:
                ignored.append(f"{path}: no folder above it is called real or fake")
            else:
                rows.append(self._tree_row(path, labels))
        if not rows:
            raise DataError(
                f"No video or image lies below a folder called real or fake in {root}; "
                f"found {describe_entries(root)}. Arrange the files so, or name a `csv`."
            )
        notes = [self._group_note()]
        if any(row.split for row in rows):
            notes.append("Splits were read from the folders above real and fake.")
        return IndexedVideos(to_videos(rows), notes, ignored)

    def _tree_row(self, path: str, labels: Mapping[int, int]) -> Video:
        if len(set(labels.values())) > 1:
            raise DataError(f"{path} lies below both 'real' and 'fake'. Rename one of the folders.")
        folders = path.split("/")[:-1]
        label_at, label = next(iter(labels.items()))
        below = folders[label_at + 1 :]
        splits = {SPLIT_WORDS.get(folder.lower(), "") for folder in folders[:label_at]} - {""}
        if len(splits) > 1:
            raise DataError(
                f"{path} lies in folders of several splits: {', '.join(sorted(splits))}. "
                "Rename one of them."
            )
        return self._row(
            path,
            label=label,
            method=below[0] if below else "",
            split=splits.pop() if splits else "",
        )

    def _row(self, path: str, *, label: int, method: str, split: str, group: str = "") -> Video:
        own_group = path if self.group_by == "file" else (path.rpartition("/")[0] or ".")
        return Video(
            # With its suffix, because a.mp4 and a.jpg are two files.
            video_id=f"{self.name}/{path}",
            dataset=self.name,
            path=path,
            kind=_kind_of(path),
            label=label,
            method=method or CLASS_NAMES[label],
            group=f"{self.name}/{group or own_group}",
            split=split,
        )

    def _group_note(self) -> str:
        if self.group_by == "folder":
            return "Files of one folder were taken as one group; splits never cut through it."
        return (
            "Every file was taken as a group of its own, so one person can be in several splits. "
            "Where that matters, give a `csv` with a column 'group', or set `group_by` to 'folder'."
        )

    def _index_csv(self, root: Path, csv: str) -> IndexedVideos:
        lines = _read_csv(root / csv, root=root, label_column=self.label_column)
        _check_numbers(
            [(cells["path"], cells[self.label_column]) for _, cells in lines],
            f"column '{self.label_column}' of {root / csv}",
        )
        rows: list[Video] = []
        ignored: list[str] = []
        for number, cells in lines:
            where = f"Line {number} of {root / csv}"
            path = _path_below_root(cells["path"], where)
            reason = _why_unusable(root / path)
            if reason:
                ignored.append(f"{path}: {reason}")
                continue
            rows.append(
                self._row(
                    path,
                    label=_choice(cells[self.label_column], LABEL_WORDS, where, "label"),
                    method=cells.get("method", ""),
                    split=_choice(cells.get("split", ""), SPLIT_WORDS, where, "split"),
                    group=cells.get("group", ""),
                )
            )
        if not rows:
            first = f", for example {ignored[0]}" if ignored else ""
            raise DataError(
                f"None of the {len(lines)} files of {root / csv} can be used{first}. "
                "Paths start from the root."
            )
        has_groups = all(cells.get("group") for _, cells in lines)
        notes = [] if has_groups else [self._group_note()]
        num_absent = sum(line.endswith(NOT_ON_DISK) for line in ignored)
        return IndexedVideos(to_videos(rows), notes, ignored, num_absent=num_absent)


def _kind_of(path: str) -> str:
    """Tell a video from an image without a Path, because there can be 100,000."""
    return "image" if f".{path.rpartition('.')[2].lower()}" in IMAGE_SUFFIXES else "video"


def _label_folders(path: str) -> dict[int, int]:
    """Return the position and the label of each folder of ``path`` called real or fake."""
    folders = path.split("/")[:-1]
    return {
        position: LABEL_WORDS[folder.lower()]
        for position, folder in enumerate(folders)
        if folder.lower() in CLASS_NAMES
    }


def _read_csv(path: Path, *, root: Path, label_column: str) -> list[_Line]:
    """Read every cell as stripped text and check that the needed columns are there."""
    if not path.is_file():
        raise DataError(f"There is no table {path}; {root} holds {describe_entries(root)}.")
    try:
        with note_list(path).open(encoding="utf-8-sig", newline="") as file:
            reader = DictReader(file, restkey=EXTRA, restval="", strict=True)
            reader.fieldnames = columns = [name.strip() for name in reader.fieldnames or ()]
            lines = [(reader.line_num, cells) for cells in reader]
    except (CSVError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a readable CSV table: {error}.") from error
    for column in ("path", label_column):
        if column not in columns:
            raise DataError(f"{path} has no column '{column}'" + did_you_mean(column, columns))
    for number, cells in lines:
        # Cells without a column come as a list; empty ones are only commas at the end of a line.
        if any(cells.pop(EXTRA, ())):
            raise DataError(f"Line {number} of {path} has more than {len(columns)} cells.")
    return [(number, {k: v.strip() for k, v in cells.items()}) for number, cells in lines]


def _check_numbers(labelled: Sequence[tuple[str, str]], where: str) -> None:
    """Refuse labels whose numbers contradict the folders they point into.

    The table of a widely used data set of faces has 1 for real; believed, it would turn every
    number of a report around.
    """
    contrary = []
    num_judged = 0
    for path, label in labelled:
        folder_labels = set(_label_folders(path).values())
        if len(folder_labels) != 1 or label not in {"0", "1"}:
            continue
        num_judged += 1
        if LABEL_WORDS[label] not in folder_labels:
            contrary.append(f"{path} has {label}")
    if 2 * len(contrary) > num_judged:
        raise DataError(
            f"The numbers in {where} look inverted: {contrary[0]}, but 0 must mean real and 1 "
            "fake. Use a `label_column` that holds words, or leave out `csv` to read the folders."
        )


def _path_below_root(text: str, where: str) -> str:
    path = PurePosixPath(text)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise DataError(f"{where} has the path {text!r}, but it must lie below the root.")
    return path.as_posix()


def _why_unusable(file: Path) -> str:
    if media_kind(file) is None:
        return why_not_media(file)
    return "" if file.is_file() else NOT_ON_DISK


def _choice(text: str, words: Mapping[str, Value], where: str, what: str) -> Value:
    if text.lower() not in words:
        raise DataError(
            f"{where} has the {what} {text!r}" + did_you_mean(text, filter(None, words))
        )
    return words[text.lower()]


def recognise(root: Path) -> Recognised | None:
    """Recognise folders called real and fake, in the root or one level below."""
    below = list_folders(root)
    if not any(find_folder(folder, *CLASS_NAMES[:1]) for folder in (root, *below)):
        return None
    if not any(find_folder(folder, *CLASS_NAMES[1:]) for folder in (root, *below)):
        return None
    return Recognised(
        data="folder",
        title="folders called real and fake",
        root=root,
        source=FolderSource(),
        fit=0.1,
        split="identity",
    )

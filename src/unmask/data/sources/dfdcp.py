"""The preview of the DeepFake Detection Challenge.

Dolhansky et al., "The Deepfake Detection Challenge (DFDC) Preview Dataset", 2019.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from unmask.core.errors import DataError, did_you_mean
from unmask.core.labels import CLASS_NAMES, FAKE
from unmask.data.groups import connected_groups
from unmask.data.sources.source import (
    IndexedVideos,
    Recognised,
    Video,
    check_layout,
    check_name,
    check_root,
    count_notes,
    find_folder,
    relative_posix,
    to_videos,
)
from unmask.data.sources.tree import absent_notes, label_of_word, read_records, walk_videos

PUBLISHED: Final = {"real": 1131, "fake": 4119}
TABLE: Final = "dataset.json"
EXAMPLE: Final = '{"original_videos/1/1_A_001.mp4": {"label": "real", "set": "train"}}'


@dataclass(frozen=True, kw_only=True)
class DFDCPreview:
    """The videos that ``dataset.json`` names, found by their path there or else by their name.

    ``method_A/<target>/<target>_<suffix>/<swapped>_<target>_<suffix>_<n>.mp4`` joins target and
    swapped into one group. Only train and test are official.

    Args:
        name: Name of the data set in every table.

    Raises:
        ValueError: If it cannot name a folder.
    """

    name: str = "dfdcp"

    def __post_init__(self) -> None:
        check_name(self.name)

    def index(self, root: Path) -> IndexedVideos:
        """List the videos below ``root``.

        Args:
            root: The folder that holds ``dataset.json``, ``original_videos``, ``method_A`` and
                ``method_B``.

        Raises:
            DataError: If the table is missing or unusable, or none of its videos is there.
        """
        check_root(root, name=self.name)
        check_layout(root, "DFDC preview", [TABLE], is_there=(root / TABLE).is_file())
        table = read_records(root / TABLE, example=EXAMPLE)
        by_stem: dict[str, list[str]] = {}
        for key in table:
            by_stem.setdefault(PurePosixPath(key).stem, []).append(key)
        rows: list[Video] = []
        files, ignored = walk_videos(root, tables=[root / TABLE])
        for file in files:
            path = relative_posix(file, root)
            keys = [path] if path in table else by_stem.get(file.stem, [])
            if len(keys) == 1:
                rows.append(self._row(path, keys[0], table[keys[0]]))
            else:
                ignored.append(f"{path}: " + ("several" if keys else "none") + f" in {TABLE}")
        if not rows:
            raise DataError(f"None of the {len(table)} videos of {root / TABLE} is below {root}.")
        group_of = connected_groups(row.identities for row in rows)
        rows = [replace(row, group=f"{self.name}/{group_of[row.identities[0]]}") for row in rows]
        notes = count_notes(Counter(CLASS_NAMES[row.label] for row in rows), PUBLISHED)
        num_absent = len(table) - len(rows)
        notes += absent_notes(num_absent, len(table), f"videos of {TABLE}")
        return IndexedVideos(to_videos(rows), notes, ignored, num_absent=num_absent)

    def _row(self, path: str, key: str, entry: Mapping[str, Any]) -> Video:
        label = label_of_word(entry.get("label"), f"{TABLE} gives {key} the label")
        split = str(entry.get("set")).lower()
        if split not in ("train", "test"):
            raise DataError(
                f"{TABLE} gives {key} the set {entry.get('set')!r}"
                + did_you_mean(split, ("train", "test"))
            )
        parts = PurePosixPath(key).parts
        stem = PurePosixPath(key).stem
        first = stem.partition("_")[0]
        people: tuple[str, ...] = (parts[1] if len(parts) > 2 else first,)
        if label == FAKE and first not in people:
            people += (first,)
        return Video(
            # The whole key, because names repeat from method_A to method_B.
            video_id=f"{self.name}/{PurePosixPath(key).with_suffix('')}",
            dataset=self.name,
            path=path,
            label=label,
            method=parts[0] if len(parts) > 1 else CLASS_NAMES[label],
            group="",
            identities=people,
            split=split,
        )


def recognise(root: Path) -> Recognised | None:
    """Recognise the preview by its table and one of its folders."""
    if not (root / TABLE).is_file():
        return None
    names = ("original_videos", "method_A", "method_B")
    folders = [name for name in names if find_folder(root, name)]
    if not folders:
        return None
    return Recognised(
        data="dfdcp",
        title="DFDC preview",
        root=root,
        source=DFDCPreview(),
        fit=1.0,
        split="official_test",
        published=PUBLISHED,
        missing=tuple(name for name in names if name not in folders),
    )

"""FaceForensics++ with FaceShifter, and the DeepFakeDetection videos that lie inside it.

Rössler et al., "FaceForensics++: Learning to Detect Manipulated Facial Images", ICCV 2019.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import pandas as pd

from unmask.core.errors import DataError, did_you_mean
from unmask.core.labels import FAKE, REAL
from unmask.data.groups import connected_groups
from unmask.data.manifest import SPLITS
from unmask.data.sources.source import (
    IndexedVideos,
    Video,
    check_name,
    check_root,
    count_notes,
    describe_entries,
    find_folder,
    inner_folder,
    list_videos,
    relative_posix,
    to_videos,
)

Compression = Literal["raw", "c23", "c40"]
Footage = Literal["youtube", "actors"]

# Some copies call the uncompressed videos c0.
FOLDERS_OF_COMPRESSION: Final = {"raw": ("raw", "c0"), "c23": ("c23",), "c40": ("c40",)}
# Made from the actors' videos; every other method is made from the YouTube videos.
ACTOR_METHOD: Final = "DeepFakeDetection"
PUBLISHED: Final = {
    "youtube": 1000,
    "actors": 363,
    "Deepfakes": 1000,
    "Face2Face": 1000,
    "FaceShifter": 1000,
    "FaceSwap": 1000,
    "NeuralTextures": 1000,
    ACTOR_METHOD: 3068,
}
OFFICIAL_NAMES: Final = {name.lower(): name for name in PUBLISHED}
# Of the sorted ids joined by ",", so that re-formatting a list changes nothing.
OFFICIAL_LISTS: Final = {
    "train": "47d0e1b5e7d985957b023865737bc3cfab2bbdc6a7444d67612836ca0d6fa7c5",
    "val": "ba0cc34ea73a462f885f80361f9c48bcb2db402bd80d5ec350efefe117ff3c48",
    "test": "e3471dcb4b325062fa30e18b37518f29828c4b1cabf33b69ac5b96d97bb6e36c",
}
# What a file name says, as published: fakes are <target>_<source>.
NAMES: Final = {
    ("youtube", REAL): re.compile(r"(?P<target>\d+)"),
    ("youtube", FAKE): re.compile(r"(?P<target>\d+)_(?P<source>\d+)"),
    ("actors", REAL): re.compile(r"(?P<target>\d+)__(?P<scene>.+)"),
    ("actors", FAKE): re.compile(r"(?P<target>\d+)_(?P<source>\d+)__(?P<scene>.+)__\w+"),
}

Pair = tuple[str, str]


@dataclass(frozen=True)
class _Subset:
    """A folder of real videos or of one manipulation."""

    label: int
    method: str
    footage: str

    @property
    def parent(self) -> str:
        return "original_sequences" if self.label == REAL else "manipulated_sequences"


@dataclass(frozen=True, kw_only=True)
class FaceForensics:
    """The videos of one compression, grouped by the people who share a fake.

    A fake ``000_003`` shows 003's face over 000's footage and joins both into one group. Labels
    come from the folder. The official lists hold *pairs*: ``["071", "054"]`` places both reals
    and, of every method, both fakes. Masks and other compressions are never read.

    Args:
        name: Name of the data set in every table.
        compression: Which copies to index; ``"raw"`` also accepts a folder called ``c0``.
        methods: Folders below ``manipulated_sequences``, official or your own, in any spelling of
            upper and lower case. ``DeepFakeDetection`` needs ``"actors"`` among ``reals``, every
            other method ``"youtube"``: fakes against reals of other footage measure the footage.
        reals: Folders below ``original_sequences``.

    Raises:
        ValueError: If an argument is not one of the above.
    """

    name: str = "ffpp"
    compression: Compression = "c23"
    methods: Sequence[str] = (
        "Deepfakes",
        "Face2Face",
        "FaceSwap",
        "NeuralTextures",
        "FaceShifter",
    )
    reals: Sequence[Footage] = ("youtube",)

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.compression not in get_args(Compression):
            raise ValueError(
                f"compression is {self.compression!r}, which FaceForensics++ does not have"
                + did_you_mean(str(self.compression), get_args(Compression))
            )
        for argument in ("methods", "reals"):
            values = getattr(self, argument)
            if isinstance(values, str) or not values or len(set(values)) < len(values):
                raise ValueError(f"{argument} must list different names, got {values!r}.")
            # One spelling of the official names, because they become part of every video_id.
            names = tuple(OFFICIAL_NAMES.get(value.lower(), value) for value in values)
            object.__setattr__(self, argument, names)
        for footage in self.reals:
            if footage not in get_args(Footage):
                raise ValueError(
                    f"reals holds {footage!r}, which FaceForensics++ does not have"
                    + did_you_mean(footage, get_args(Footage))
                )
        for method in self.methods:
            if _footage_of(method) not in self.reals:
                raise ValueError(
                    f"methods holds {method!r}, whose real counterparts are "
                    f"{_footage_of(method)!r}, but reals is {list(self.reals)}. Add them to reals."
                )

    def index(self, root: Path) -> IndexedVideos:
        """List the videos of the chosen subsets below ``root``.

        Args:
            root: The folder that holds ``original_sequences`` and ``manipulated_sequences``, and
                the split lists either directly or in ``dataset/splits``.

        Raises:
            DataError: If a subset is missing or empty, or a split list is unusable.
        """
        check_root(root, name=self.name)
        self._check_layout(root)
        pairs = read_split_lists(root) if "youtube" in self.reals else {}
        rows: list[_Row] = []
        ignored: list[str] = []
        for subset in self._subsets():
            folder = self._folder(root, subset)
            found, others = _read_subset(folder, root, subset)
            if not found:
                raise DataError(
                    f"{folder} holds no video of '{subset.method}'; "
                    f"found {describe_entries(folder)}."
                )
            rows += found
            ignored += others
        videos = to_videos(_to_video_rows(rows, pairs, self.name, self.compression))
        return IndexedVideos(videos, self._notes(root, videos, pairs), ignored)

    def _subsets(self) -> list[_Subset]:
        reals = [_Subset(REAL, footage, footage) for footage in self.reals]
        return reals + [_Subset(FAKE, method, _footage_of(method)) for method in self.methods]

    def _check_layout(self, root: Path) -> None:
        top = ("original_sequences", "manipulated_sequences")
        if all(find_folder(root, name) for name in top):
            return
        inside = [p.name for p in sorted(root.iterdir()) if p.is_dir() and find_folder(p, top[0])]
        hint = f" The layout starts in '{inside[0]}': set data.root to it." if inside else ""
        raise DataError(
            f"No FaceForensics++ at {root}: looked for the folders {' and '.join(top)}, "
            f"found {describe_entries(root)}.{hint}"
        )

    def _folder(self, root: Path, subset: _Subset) -> Path:
        """Find the folder that holds the videos of a subset, through every known spelling."""
        parent = find_folder(root, subset.parent) or root / subset.parent
        folder = find_folder(parent, subset.method)
        if folder is None:
            argument = "methods" if subset.label == FAKE else "reals"
            raise DataError(
                f"There is no '{subset.method}' in {parent}; found {describe_entries(parent)}. "
                f"Add it, or leave it out of `{argument}`."
            )
        names = FOLDERS_OF_COMPRESSION[self.compression]
        compressed = find_folder(folder, *names)
        if compressed is None:
            raise DataError(
                f"There is no {' or '.join(names)} in {folder}; found {describe_entries(folder)}. "
                "Choose another `compression`."
            )
        return inner_folder(compressed)

    def _notes(
        self, root: Path, videos: pd.DataFrame, pairs: Mapping[str, Sequence[Pair]]
    ) -> list[str]:
        notes = count_notes(Counter(videos["method"].tolist()), PUBLISHED)
        if "youtube" in self.reals:
            notes += _list_notes(pairs)
        parent = find_folder(root, "manipulated_sequences") or root
        asked = {method.lower() for method in self.methods}
        unused = sorted(
            p.name for p in parent.iterdir() if p.is_dir() and p.name.lower() not in asked
        )
        if unused:
            notes.append(f"Not asked for in `methods`, so not indexed: {', '.join(unused)}.")
        num_unplaced = int((videos["split"] == "").sum())
        if pairs and num_unplaced:
            notes.append(
                f"Videos without an official split: {num_unplaced}. The lists do not place all of "
                "their identities in one."
            )
        if "actors" in self.reals:
            notes.append(
                "DeepFakeDetection has no official split, and its faces are not all forged: "
                "several people can be in frame."
            )
        return notes


def read_split_lists(root: Path) -> dict[str, list[Pair]]:
    """Read the pairs of ``train.json``, ``val.json`` and ``test.json``.

    Args:
        root: The folder that holds them, directly or in ``dataset/splits``.

    Returns:
        The pairs of each split; empty where there is no list at all.

    Raises:
        DataError: If only some of the lists are there, one is not a JSON list of pairs of ids, or
            an id occurs in two of them.
    """
    for folder in (root, root / "dataset" / "splits"):
        present = [split for split in SPLITS if (folder / f"{split}.json").is_file()]
        if not present:
            continue
        if len(present) < len(SPLITS):
            missing = ", ".join(f"{split}.json" for split in SPLITS if split not in present)
            raise DataError(f"{folder} holds only some of the split lists: add {missing}.")
        pairs = {split: _read_pairs(folder / f"{split}.json") for split in SPLITS}
        _split_of_ids(pairs)
        return pairs
    return {}


def hash_of_ids(pairs: Iterable[Pair]) -> str:
    """Return the SHA-256 of the sorted ids of a split list, whatever its formatting.

    Example:
        >>> hash_of_ids([("2", "1")]) == hash_of_ids([("1", "2")])
        True
    """
    ids = sorted(identity for pair in pairs for identity in pair)
    return hashlib.sha256(",".join(ids).encode()).hexdigest()


@dataclass(frozen=True)
class _Row:
    """A video file and what its name says."""

    path: str
    stem: str
    subset: _Subset
    identities: tuple[str, ...]
    original: str

    @property
    def nodes(self) -> list[str]:
        """Identities made unique, because actors and YouTube videos are numbered separately."""
        return [f"{self.subset.footage}/{identity}" for identity in self.identities]


def _footage_of(method: str) -> str:
    return "actors" if method == ACTOR_METHOD else "youtube"


def _read_subset(folder: Path, root: Path, subset: _Subset) -> tuple[list[_Row], list[str]]:
    rows: list[_Row] = []
    files, ignored = list_videos(folder, root)
    for file in files:
        path = relative_posix(file, root)
        parts = NAMES[subset.footage, subset.label].fullmatch(file.stem)
        if parts is None:
            ignored.append(f"{path}: not a file name of '{subset.method}'")
            continue
        named = parts.groupdict()
        identities = tuple(named[part] for part in ("target", "source") if part in named)
        scene = f"__{named['scene']}" if "scene" in named else ""
        original = f"{subset.footage}/{named['target']}{scene}" if subset.label == FAKE else ""
        rows.append(_Row(path, file.stem, subset, identities, original))
    return rows, ignored


def _to_video_rows(
    rows: Sequence[_Row], pairs: Mapping[str, Sequence[Pair]], name: str, compression: str
) -> list[Video]:
    split_of = _split_of_ids(pairs)
    # The lists join pairs too, so that a group does not depend on which methods are asked for.
    listed = [[f"youtube/{one}" for one in pair] for split in pairs.values() for pair in split]
    group_of = connected_groups([*(row.nodes for row in rows), *listed])
    real_ids = {f"{row.subset.method}/{row.stem}" for row in rows if row.subset.label == REAL}
    videos = []
    for row in rows:
        splits = {split_of.get(node, "") for node in row.nodes}
        videos.append(
            Video(
                video_id=f"{name}/{row.subset.method}/{row.stem}",
                dataset=name,
                path=row.path,
                label=row.subset.label,
                method=row.subset.method,
                compression=compression,
                group=f"{name}/{group_of[row.nodes[0]]}",
                identities=row.identities,
                original=f"{name}/{row.original}" if row.original in real_ids else "",
                split=splits.pop() if len(splits) == 1 else "",
            )
        )
    return videos


def _read_pairs(path: Path) -> list[Pair]:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise DataError(f"{path} is not readable JSON: {error}.") from error
    if not isinstance(value, list):
        raise DataError(f"{path} must be a list of pairs of ids, but is a {type(value).__name__}.")
    pairs: list[Pair] = []
    for item in value:
        match item:
            case [str(one), str(other)]:
                pairs.append((one, other))
            case _:
                raise DataError(
                    f'{path} must hold pairs such as ["071", "054"], but holds {item!r}.'
                )
    return pairs


def _split_of_ids(pairs: Mapping[str, Sequence[Pair]]) -> dict[str, str]:
    """Map ``youtube/<id>`` to its split."""
    split_of: dict[str, str] = {}
    for split, listed in pairs.items():
        for identity in (one for pair in listed for one in pair):
            other = split_of.setdefault(f"youtube/{identity}", split)
            if other != split:
                raise DataError(
                    f"The split lists place '{identity}' in both {other} and {split}. "
                    "Keep it in one of them."
                )
    return split_of


def _list_notes(pairs: Mapping[str, Sequence[Pair]]) -> list[str]:
    if not pairs:
        return [
            "No train.json, val.json and test.json in the root or in dataset/splits, so no video "
            "has an official split."
        ]
    changed = [split for split in SPLITS if hash_of_ids(pairs[split]) != OFFICIAL_LISTS[split]]
    if not changed:
        return []
    sizes = ", ".join(f"{split} {2 * len(pairs[split])} ids" for split in changed)
    return [
        f"These split lists are not the official ones of FaceForensics++: {sizes}. "
        "Numbers are not comparable with published ones."
    ]

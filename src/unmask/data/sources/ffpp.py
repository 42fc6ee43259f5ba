"""FaceForensics++ with FaceShifter, and the DeepFakeDetection videos that lie inside it.

Rössler et al., "FaceForensics++: Learning to Detect Manipulated Facial Images", ICCV 2019.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import pandas as pd

from unmask.core.errors import DataError, did_you_mean
from unmask.core.labels import FAKE, REAL
from unmask.data.manifest import MASKS, SPLITS
from unmask.data.sources.ffpp_rows import (
    ACTOR_METHOD,
    DFD_WITHOUT_REALS,
    OFFICIAL_NAMES,
    PUBLISHED,
    Pair,
    Row,
    Subset,
    footage_of,
    read_subset,
    to_video_rows,
)
from unmask.data.sources.source import (
    IndexedVideos,
    Recognised,
    check_layout,
    check_name,
    check_root,
    count_notes,
    describe_entries,
    find_folder,
    first_video_name,
    inner_folder,
    list_folders,
    list_videos,
    read_json,
    relative_posix,
    to_videos,
)

Compression = Literal["raw", "c0", "c23", "c40"]
Footage = Literal["youtube", "actors"]

OFFICIAL: Final = "train.json, val.json and test.json are the official ones."
TOP: Final = ("original_sequences", "manipulated_sequences")
# Some copies call the uncompressed videos c0.
FOLDERS_OF_COMPRESSION: Final[dict[Compression, tuple[str, ...]]] = {
    "raw": ("raw", "c0"),
    "c23": ("c23",),
    "c40": ("c40",),
}
# Of the sorted ids joined by ",", so that re-formatting a list changes nothing.
OFFICIAL_LISTS: Final = {
    "train": "47d0e1b5e7d985957b023865737bc3cfab2bbdc6a7444d67612836ca0d6fa7c5",
    "val": "ba0cc34ea73a462f885f80361f9c48bcb2db402bd80d5ec350efefe117ff3c48",
    "test": "e3471dcb4b325062fa30e18b37518f29828c4b1cabf33b69ac5b96d97bb6e36c",
}


@dataclass(frozen=True, kw_only=True)
class FaceForensics:
    """The videos of one compression, grouped by the people who share a fake.

    A fake ``000_003`` shows 003's face over 000's footage and joins both into one group. Labels
    come from the folder. The official lists hold *pairs*: ``["071", "054"]`` places both reals
    and, of every method, both fakes. Masks are named beside their fakes and are the same for every
    compression; other compressions are never read.

    Args:
        name: Name of the data set in every table.
        compression: Which copies to index; ``"raw"`` and ``"c0"`` are one, in either spelling.
        methods: Folders below ``manipulated_sequences``, official or your own, in any spelling of
            upper and lower case. ``DeepFakeDetection`` needs ``"actors"`` among ``reals``, every
            other method ``"youtube"``: fakes against reals of other footage measure the footage.
        reals: Folders below ``original_sequences``.
        people: Whose ids the identities are, the first part of every group: another copy of the
            same footage gets the same, so that a shared person is seen across data sets. By
            default ``name``.

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
    people: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        check_name(self.people or self.name)
        if self.compression not in get_args(Compression):
            raise ValueError(
                f"compression is {self.compression!r}, which FaceForensics++ does not have"
                + did_you_mean(str(self.compression), get_args(Compression))
            )
        if self.compression == "c0":
            object.__setattr__(self, "compression", "raw")
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
            if footage_of(method) not in self.reals:
                raise ValueError(
                    f"methods holds {method!r}, whose real counterparts are "
                    f"{footage_of(method)!r}, but reals is {list(self.reals)}. Add them to reals."
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
        rows: list[Row] = []
        ignored: list[str] = []
        for subset in self._subsets():
            folder = self._folder(root, subset)
            found, others = read_subset(folder, root, subset)
            if not found:
                raise DataError(
                    f"{folder} holds no video of '{subset.method}'; "
                    f"found {describe_entries(folder)}."
                )
            rows += found
            ignored += others
        listed = to_video_rows(
            rows,
            name=self.name,
            compression=self.compression,
            people=self.people or self.name,
            split_of=split_of_ids(pairs),
            pairs=[pair for split in pairs.values() for pair in split],
        )
        videos = to_videos(listed)
        masks = find_masks(root, rows, name=self.name)
        return IndexedVideos(videos, self._notes(root, videos, pairs), ignored, masks=masks)

    def _subsets(self) -> list[Subset]:
        reals = [Subset(REAL, footage, footage) for footage in self.reals]
        return reals + [Subset(FAKE, method, footage_of(method)) for method in self.methods]

    def _check_layout(self, root: Path) -> None:
        is_there = all(find_folder(root, name) for name in TOP)
        check_layout(root, "FaceForensics++", TOP, is_there=is_there)

    def _folder(self, root: Path, subset: Subset) -> Path:
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
        parent = find_folder(root, TOP[1])
        asked = {method.lower() for method in self.methods}
        folders = parent.iterdir() if parent else ()
        unused = sorted(p.name for p in folders if p.is_dir() and p.name.lower() not in asked)
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
        split_of_ids(pairs)
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


def find_masks(root: Path, rows: Sequence[Row], *, name: str) -> pd.DataFrame | None:
    """Find the masks of fakes, which lie beside the compressions or in a tree of their own.

    Args:
        root: The folder that holds ``manipulated_sequences``.
        rows: Indexed videos.
        name: Name of the data set.

    Returns:
        Rows of :data:`unmask.data.manifest.MASKS`, or None where there is no mask.
    """
    found: list[tuple[str, str]] = []
    by_method: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.subset.label == FAKE:
            by_method.setdefault(row.subset.method, {})[row.stem] = row.path
    for method, stems in by_method.items():
        for parent in (root, root / "masks"):
            above = find_folder(parent, TOP[1])
            folder = above and find_folder(above, method)
            folder = folder and find_folder(folder, "masks")
            videos = list_videos(inner_folder(folder), root)[0] if folder else []
            ids = {v.stem: relative_posix(v, root) for v in videos if v.stem in stems}
            found += [(f"{name}/{method}/{stem}", path) for stem, path in ids.items()]
            if ids:
                break
    return pd.DataFrame(found, columns=MASKS.names) if found else None


def _read_pairs(path: Path) -> list[Pair]:
    value = read_json(path)
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


def split_of_ids(pairs: Mapping[str, Sequence[Pair]]) -> dict[str, str]:
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


def recognise(root: Path) -> Recognised | None:
    """Recognise FaceForensics++ by its two folders, and choose the fullest compression."""
    present = {name: subsets_with_videos(root, name) for name in FOLDERS_OF_COMPRESSION}
    compression = max(present, key=lambda name: (len(present[name]), name == "c23"))
    found = present[compression]
    official = [name for name in PUBLISHED if footage_of(name) == "youtube" and name != "actors"]
    here = {subset.method for subset in found if subset.footage == "youtube"}
    if not here:
        return None
    methods = [s.method for s in found if s.label == FAKE and s.footage == "youtube"]
    suspicions = []
    if {ACTOR_METHOD} == {subset.method for subset in found if subset.footage == "actors"}:
        suspicions.append(DFD_WITHOUT_REALS)
    defaults = FaceForensics.methods
    settings: dict[str, Any] = {} if compression == "c23" else {"compression": compression}
    if methods and set(methods) != set(defaults) - {"FaceShifter"}:
        settings["methods"] = methods
    return Recognised(
        data="ffpp",
        title=f"FaceForensics++ ({compression})",
        root=root,
        source=FaceForensics(compression=compression, methods=methods or defaults),
        fit=1.0,
        settings=settings,
        published={name: PUBLISHED[name] for name in official},
        missing=tuple(name for name in official if name not in here),
        split_lists=(lists := judge_split_lists(root)),
        has_official_lists=lists == OFFICIAL,
        suspicions=tuple(suspicions),
    )


def judge_split_lists(root: Path) -> str:
    """Say whether the split lists below ``root`` are the official ones, by their canonical hash."""
    try:
        notes = _list_notes(read_split_lists(root))
    except DataError as error:
        notes = [str(error)]
    return " ".join(notes) or OFFICIAL


def subsets_with_videos(root: Path, compression: Compression) -> list[Subset]:
    """List the subsets of the official layout that hold a video of a compression."""
    found = []
    for label, top in zip((REAL, FAKE), TOP, strict=True):
        parent = find_folder(root, top)
        for folder in list_folders(parent) if parent else []:
            inside = find_folder(folder, *FOLDERS_OF_COMPRESSION[compression])
            if inside and first_video_name(inner_folder(inside)):
                method = OFFICIAL_NAMES.get(folder.name.lower(), folder.name)
                footage = method if label == REAL else footage_of(method)
                found.append(Subset(label, method, footage))
    return found

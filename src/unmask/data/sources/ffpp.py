"""FaceForensics++ with FaceShifter, and the DeepFakeDetection videos that lie inside it.

Rössler et al., "FaceForensics++: Learning to Detect Manipulated Facial Images", ICCV 2019.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import pandas as pd

from unmask.core.errors import DataError, did_you_mean
from unmask.core.labels import FAKE, REAL
from unmask.data.manifest import MASKS
from unmask.data.sources.ffpp_lists import (
    NO_CONVERSION,
    OFFICIAL,
    find_conversion,
    judge_split_lists,
    list_notes,
    read_split_lists,
    same_video_links,
    split_of_ids,
)
from unmask.data.sources.ffpp_rows import (
    ACTOR_METHOD,
    DFD_WITHOUT_REALS,
    OFFICIAL_NAMES,
    PUBLISHED,
    SEVERAL_PEOPLE,
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
    relative_posix,
    to_videos,
)

Compression = Literal["raw", "c0", "c23", "c40"]
Footage = Literal["youtube", "actors"]

TOP: Final = ("original_sequences", "manipulated_sequences")
# Some copies call the uncompressed videos c0.
FOLDERS_OF_COMPRESSION: Final[dict[Compression, tuple[str, ...]]] = {
    "raw": ("raw", "c0"),
    "c23": ("c23",),
    "c40": ("c40",),
}


@dataclass(frozen=True, kw_only=True)
class FaceForensics:
    """The videos of one compression, grouped by the people who share a fake.

    A fake ``000_003`` shows 003's face over 000's footage and joins both into one group. Labels
    come from the folder. Where ``conversion_dict.json`` lies in the root or in ``dataset``, clips
    of one YouTube video are one group as well. The official lists hold *pairs*:
    ``["071", "054"]`` places both reals and, of every method, both fakes. Masks are named beside
    their fakes and are the same for every compression; other compressions are never read.

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
            DataError: If a subset is missing or empty, or a split list or the map of clips to
                YouTube videos is unusable.
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
            same_footage=same_video_links(root) if "youtube" in self.reals else (),
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
            notes += list_notes(pairs)
            notes += [] if find_conversion(root) else [NO_CONVERSION]
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
            notes.append(SEVERAL_PEOPLE)
        return notes


def find_masks(root: Path, rows: Sequence[Row], *, name: str) -> pd.DataFrame | None:
    """Find the masks of fakes, which lie beside the compressions or in a tree of their own.

    Args:
        root: The folder that holds ``manipulated_sequences``.
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

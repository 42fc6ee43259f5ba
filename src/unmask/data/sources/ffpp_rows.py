"""What the file names of FaceForensics++ say, wherever its videos lie; re-packs keep the names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unmask.core.labels import FAKE, REAL
from unmask.data.groups import connected_groups
from unmask.data.sources.source import Video
from unmask.data.sources.tree import read_names

Pair = tuple[str, str]

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
DFD_WITHOUT_REALS: Final = (
    "DeepFakeDetection fakes lie here without their real videos, the actors': a number computed on "
    "them against other real videos measures the footage. Leave them out."
)
SEVERAL_PEOPLE: Final = (
    "DeepFakeDetection has no official split, and its faces are not all forged: several people can "
    "be in frame."
)
OFFICIAL_NAMES: Final = {name.lower(): name for name in PUBLISHED}
# What a file name says, as published: fakes are <target>_<source>.
NAMES: Final = {
    ("youtube", REAL): re.compile(r"(?P<target>\d+)"),
    ("youtube", FAKE): re.compile(r"(?P<target>\d+)_(?P<source>\d+)"),
    ("actors", REAL): re.compile(r"(?P<target>\d+)__(?P<scene>.+)"),
    ("actors", FAKE): re.compile(r"(?P<target>\d+)_(?P<source>\d+)__(?P<scene>.+)__\w+"),
}


@dataclass(frozen=True)
class Subset:
    """A folder of real videos or of one manipulation."""

    label: int
    method: str
    footage: str

    @property
    def parent(self) -> str:
        """Return the folder above it in the official layout."""
        return "original_sequences" if self.label == REAL else "manipulated_sequences"


@dataclass(frozen=True)
class Row:
    """A video and what its name says."""

    path: str
    stem: str
    subset: Subset
    identities: tuple[str, ...]
    original: str
    kind: str = "video"

    @property
    def nodes(self) -> list[str]:
        """Identities made unique, because actors and YouTube videos are numbered separately."""
        return [f"{self.subset.footage}/{identity}" for identity in self.identities]


def footage_of(method: str) -> str:
    """Return which real videos a method's fakes were made from, ``"youtube"`` or ``"actors"``."""
    return "actors" if method == ACTOR_METHOD else "youtube"


def read_name(stem: str, path: str, subset: Subset, *, kind: str = "video") -> Row | None:
    """Read what a name says, or return None where it is not a name of the subset.

    Example:
        >>> read_name("000_003", "000_003.mp4", Subset(1, "FaceSwap", "youtube")).original
        'youtube/000'
    """
    parts = NAMES[subset.footage, subset.label].fullmatch(stem)
    if parts is None:
        return None
    named = parts.groupdict()
    identities = tuple(named[part] for part in ("target", "source") if part in named)
    scene = f"__{named['scene']}" if "scene" in named else ""
    original = f"{subset.footage}/{named['target']}{scene}" if subset.label == FAKE else ""
    return Row(path, stem, subset, identities, original, kind)


def read_subset(folder: Path, root: Path, subset: Subset) -> tuple[list[Row], list[str]]:
    """Read the video files of a folder, and list the others with their reason."""
    return read_names(
        folder,
        root,
        lambda stem, path: read_name(stem, path, subset),
        what=subset.method,
    )


def to_video_rows(
    rows: Sequence[Row],
    *,
    name: str,
    compression: str,
    people: str,
    split_of: Mapping[str, str],
    pairs: Iterable[Pair] = (),
    same_footage: Iterable[Sequence[str]] = (),
) -> list[Video]:
    """Make manifest rows, joining everybody who shares a fake into one group.

    Args:
        rows: Videos of one compression.
        name: Name of the data set.
        people: Whose ids the identities are, the first part of every group.
        split_of: The official split of ``youtube/<id>``.
        pairs: YouTube ids in published fakes, whichever methods are asked for.
        same_footage: Clips such as ``youtube/000`` that were cut from one video.
    """
    listed = [[f"youtube/{one}" for one in pair] for pair in pairs]
    group_of = connected_groups([*(row.nodes for row in rows), *listed, *same_footage])
    reals = {f"{row.subset.method}/{row.stem}" for row in rows if row.subset.label == REAL}
    videos = []
    for row in rows:
        splits = {split_of.get(node, "") for node in row.nodes}
        videos.append(
            Video(
                video_id=f"{name}/{row.subset.method}/{row.stem}",
                dataset=name,
                path=row.path,
                kind=row.kind,
                label=row.subset.label,
                method=row.subset.method,
                compression=compression,
                group=f"{people}/{group_of[row.nodes[0]]}",
                identities=row.identities,
                original=f"{name}/{row.original}" if row.original in reals else "",
                split=splits.pop() if len(splits) == 1 else "",
            )
        )
    return videos

"""Frames and index files of DeepfakeBench (SCLBD/DeepfakeBench), of any of its data sets."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from unmask.core.errors import DataError
from unmask.core.labels import FAKE, REAL
from unmask.data.groups import connected_groups
from unmask.data.manifest import SPLITS
from unmask.data.sources.source import (
    IndexedVideos,
    Recognised,
    Video,
    check_layout,
    check_name,
    check_root,
    describe_entries,
    read_json,
    to_videos,
)
from unmask.data.sources.tree import absent_notes

COMPRESSIONS: Final = ("raw", "c23", "c40")
FOLDERS: Final = (".", "dataset_json", "preprocessing/dataset_json")
# By the beginning of a data set's labels: whose people these are and what the names mean.
FAMILIES: Final = (
    ("FF-", "ffpp/youtube", re.compile(r"(\d+)(?:_(\d+))?")),
    ("DFD_", "ffpp/actors", re.compile(r"(\d+)(?:_(\d+))?__.+")),
    *(
        (f"CelebDF{version}_", f"celebdf_{version}/{footage}", pattern)
        for version in ("v1", "v2")
        for footage, pattern in (
            ("celeb", re.compile(r"(id\d+)(?:_(id\d+))?_\d+")),
            ("youtube", re.compile(r"(\d+)")),
        )
    ),
    ("UADFV_", "uadfv", re.compile(r"(\d+)(?:_fake)?")),
)
FF_FAKES: Final = ("DF", "F2F", "FS", "NT", "FH")


@dataclass(frozen=True, kw_only=True)
class DeepfakeBench:
    """The videos that one index file names, each a folder of frames.

    The file looks like ``{set: {label: {split: {[compression]: {video: {"frames": [...]}}}}}}``.
    Labels come from its words (``FF-real``, ``CelebDFv2_fake``). Its paths are tried as they are,
    with slashes for backslashes, and without as many of their first folders as it takes to find
    them here. A video in several splits, as DeepfakeBench has all of DFD and UADFV, gets none.

    Args:
        name: Name of the data set in every table.
        index_file: Path of the index file below the root; "" where there is only one.
        compression: Which copies to take where the file has several.

    Raises:
        ValueError: If an argument is not one of the above.
    """

    name: str = "deepfakebench"
    index_file: str = ""
    compression: str = "c23"

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.compression not in COMPRESSIONS:
            raise ValueError(
                f"compression is {self.compression!r}; choose one of: {', '.join(COMPRESSIONS)}."
            )

    def index(self, root: Path) -> IndexedVideos:
        """List the videos of the index file whose frames lie below ``root``.

        Raises:
            DataError: If there is no index file or a choice of several, it cannot be used, or none
                of its videos is there.
        """
        check_root(root, name=self.name)
        path = self._index_path(root)
        places = _Places(root)
        rows: dict[str, _Listed] = {}
        ignored: list[str] = []
        for listed in _read_index(path, self.compression):
            earlier = rows.setdefault(f"{self.name}/{listed.method}/{listed.video}", listed)
            earlier.splits.add(listed.split)
        videos = {}
        for video_id, listed in rows.items():
            folder = places.find(listed.frames)
            if folder:
                videos[video_id] = (listed, folder)
            else:
                ignored.append(f"{video_id}: its frames are not on disk")
        if not videos:
            raise DataError(
                f"None of the {len(rows)} videos of {path} has its frames below {root}; "
                f"found {describe_entries(root)}."
            )
        group_of = connected_groups(listed.nodes for listed, _ in videos.values())
        found = [
            self._row(video_id, listed, folder, group_of)
            for video_id, (listed, folder) in videos.items()
        ]
        short = sum(
            sum(1 for _ in (root / folder).iterdir()) < listed.num_frames
            for listed, folder in videos.values()
        )
        notes = _notes(rows, len(ignored), short)
        return IndexedVideos(to_videos(found), notes, ignored, num_absent=len(ignored) + short)

    def _index_path(self, root: Path) -> Path:
        if self.index_file:
            path = root / self.index_file
            if not path.is_file():
                raise DataError(f"There is no index file {path}; set `index_file` to its path.")
            return path
        found = find_index_files(root)
        check_layout(root, "DeepfakeBench index file", FOLDERS[1:], is_there=bool(found))
        if len(found) > 1:
            names = ", ".join(path.relative_to(root).as_posix() for path in found)
            raise DataError(f"{root} has several index files: set `index_file` to one of {names}.")
        return found[0]

    def _row(
        self, video_id: str, listed: "_Listed", folder: str, group_of: Mapping[str, str]
    ) -> Video:
        return Video(
            video_id=video_id,
            dataset=self.name,
            path=folder,
            kind="frames",
            label=listed.label,
            method=listed.method,
            compression=listed.compression,
            group=group_of[listed.nodes[0]],
            identities=listed.identities,
            split=next(iter(listed.splits)) if len(listed.splits) == 1 else "",
        )


@dataclass(frozen=True)
class _Listed:
    """A video of an index file."""

    method: str
    video: str
    label: int
    compression: str
    split: str
    frames: str
    num_frames: int
    splits: set[str]

    @property
    def _people(self) -> tuple[str, tuple[str, ...]]:
        for beginning, people, pattern in FAMILIES:
            parts = pattern.fullmatch(self.video) if self.method.startswith(beginning) else None
            if parts:
                return people, tuple(filter(None, parts.groups()))
        return self.method.partition("_")[0].lower(), (self.video,)

    @property
    def identities(self) -> tuple[str, ...]:
        return self._people[1]

    @property
    def nodes(self) -> list[str]:
        people, identities = self._people
        return [f"{people}/{one}" for one in identities]


class _Places:
    """Where the folders of frames are; the prefixes in the index file are ignored."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._dropped = 0

    def find(self, frames: str) -> str:
        """Return the folder of frames below the root, or "" where it is not there."""
        parts = PurePosixPath(frames.replace("\\", "/")).parts
        # What worked for the last video comes first, so that a tree is searched once.
        for dropped in dict.fromkeys([self._dropped, *range(len(parts))]):
            rest = parts[dropped:]
            if rest and ".." not in rest and rest[0] != "/" and self._root.joinpath(*rest).is_dir():
                self._dropped = dropped
                return "/".join(rest)
        return ""


def label_of(word: str) -> int:
    """Read a label of DeepfakeBench.

    Raises:
        DataError: If it is not known to be real or fake.

    Example:
        >>> label_of("FF-real"), label_of("FF-F2F"), label_of("DFDCP_FakeA")
        (0, 1, 1)
    """
    last = re.split(r"[-_]", word)[-1]
    if last.lower() == "real":
        return REAL
    if last.lower().startswith("fake") or (word.startswith("FF-") and last in FF_FAKES):
        return FAKE
    raise DataError(
        f"The label {word!r} is not one of DeepfakeBench: it ends in real or fake, or is one of "
        f"FF-{', FF-'.join(FF_FAKES)}."
    )


def _read_index(path: Path, compression: str) -> Iterator[_Listed]:
    content = read_json(path)
    try:
        for labels in content.values():
            for word, splits in labels.items():
                for split, videos in splits.items():
                    chosen, inner = _of_compression(videos, compression)
                    for video, entry in inner.items():
                        yield _listed(word, split, chosen, video, entry)
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise DataError(
            f"{path} is not an index file of DeepfakeBench, which looks like "
            '{"FaceForensics++": {"FF-real": {"train": {"c23": {"000": {"frames": ["…"]}}}}}}.'
        ) from error


def _of_compression(videos: Mapping[str, Any], compression: str) -> tuple[str, Mapping[str, Any]]:
    if videos and set(videos) <= set(COMPRESSIONS):
        return compression, videos.get(compression, {})
    return "", videos


def _listed(
    word: str, split: str, compression: str, video: str, entry: Mapping[str, Any]
) -> _Listed:
    name = split.lower()
    if name not in SPLITS:
        raise DataError(f"The split {split!r} of {word} is not one of {', '.join(SPLITS)}.")
    frames = entry["frames"][0].replace("\\", "/").rpartition("/")[0] if entry["frames"] else ""
    num_frames = len(entry["frames"])
    return _Listed(word, video, label_of(word), compression, name, frames, num_frames, set())


def _notes(rows: Mapping[str, _Listed], num_absent: int, num_short: int) -> list[str]:
    notes = []
    several = sum(len(listed.splits) > 1 for listed in rows.values())
    if several:
        notes.append(
            f"{several} of {len(rows)} videos are in several splits of the index file, as "
            "DeepfakeBench has it for sets without an official one; they were given none."
        )
    notes += absent_notes(num_absent, len(rows), "videos of the index file")
    if num_short:
        notes.append(f"{num_short} videos have fewer frames on disk than the index file lists.")
    notes.append(
        "DeepfakeBench's crops are aligned and widened by 1.3; they are not cut again alike."
    )
    return notes


def find_index_files(root: Path) -> list[Path]:
    """List the index files at the places where DeepfakeBench puts them."""
    files = (p for folder in FOLDERS for p in sorted((root / folder).glob("*.json")))
    return [path for path in files if _looks_like_index(path)]


def _looks_like_index(path: Path) -> bool:
    """Tell by its first words, because an index file can have 100 MB."""
    with path.open("rb") as file:
        start = file.read(500).decode("utf-8", errors="replace")
    return bool(
        re.match(r'\s*\{\s*"[^"]+":\s*\{\s*"[^"]+":\s*\{\s*"(train|val|test)":\s*\{', start)
    )


def recognise(root: Path) -> Recognised | None:
    """Recognise the tree by its index files; of several, the first is taken."""
    files = find_index_files(root)
    if not files:
        return None
    name = files[0].relative_to(root).as_posix()
    others = ", ".join(path.name for path in files[1:])
    return Recognised(
        data="deepfakebench",
        title=f"DeepfakeBench frames ({files[0].stem})",
        root=root,
        source=DeepfakeBench(index_file=name),
        fit=1.0,
        settings={"index_file": name},
        suspicions=(f"There are other index files, each a data set: {others}.",) if others else (),
    )

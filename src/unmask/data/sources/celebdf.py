"""Celeb-DF versions 1 and 2, and version 3, which is called Celeb-DF++.

Li et al., "Celeb-DF: A Large-scale Challenging Dataset for DeepFake Forensics", CVPR 2020.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal, get_args

from unmask.core.errors import DataError, did_you_mean
from unmask.core.labels import FAKE, REAL
from unmask.data.groups import connected_groups
from unmask.data.sources.lists import note_list
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
    to_videos,
)
from unmask.data.sources.tree import read_names

Version = Literal["v1", "v2", "v3"]

LABELS: Final = {"Celeb-real": REAL, "YouTube-real": REAL, "Celeb-synthesis": FAKE}
PUBLISHED: Final = {
    "v1": {"Celeb-real": 158, "YouTube-real": 250, "Celeb-synthesis": 795},
    "v2": {"Celeb-real": 590, "YouTube-real": 300, "Celeb-synthesis": 5639},
    "v3": {"Celeb-real": 590, "YouTube-real": 300},
}
# The number of test videos of v1 could not be found in a source.
PUBLISHED_TEST: Final = {"v2": 518}
TEST_LIST: Final = "List_of_testing_videos.txt"
# What a file name says, as published: fakes are <target>_<source>_<recording>.
NAMES: Final = {
    "Celeb-real": re.compile(r"(?P<target>id\d+)_(?P<recording>\d+)"),
    "YouTube-real": re.compile(r"(?P<target>\d+)"),
    "Celeb-synthesis": re.compile(r"(?P<target>id\d+)_(?P<source>id\d+)_(?P<recording>\d+)"),
}

# Version 3 sorts the methods below Celeb-synthesis into these folders.
CATEGORIES: Final = {
    "FaceSwap": (
        "Celeb-DF", "BlendFace", "GHOST", "HifiFace", "InSwapper", "MobileFaceSwap", "SimSwap",
        "UniFace",
    ),
    "FaceReenact": (
        "DaGAN", "FSRT", "HyperReenact", "LIA", "LivePortrait", "MCNET", "TPSMM",
    ),
    "TalkingFace": (
        "AniTalker", "EchoMimic", "EDTalk", "FLOAT", "IP_LAP", "Real3DPortrait", "SadTalker",
    ),
}  # fmt: skip
CATEGORY_OF: Final = {name: category for category, all_ in CATEGORIES.items() for name in all_}
# One method has two spellings in the README.
METHODS: Final = {name.lower(): name for name in CATEGORY_OF} | {"celeb-df-v2": "Celeb-DF"}
# A re-enacted or talking face can have no second person, and more behind the recording's number.
NAME_OF_V3: Final = re.compile(
    r"(?P<target>id\d+)(_(?P<source>id\d+))?_(?P<recording>\d+)([_-].*)?"
)

# The subset in lower case, because some copies spell it Youtube-real, and the file's stem. Names
# repeat from method to method in version 3, so there the subset is e.g. "celeb-synthesis/simswap".
Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class CelebDF:
    """All videos, of which those on the test list have the split ``"test"`` and the others none.

    Only a test list is official. People are joined into groups by the fakes they appear in; a
    YouTube video is a group of its own. Labels come from the folder and never from the list, whose
    numbers mean **1 = real**.

    Args:
        name: Name of the data set in every table; by default ``"celebdf_<version>"``.
        version: Which release this is. In v3, a method is a folder below ``Celeb-synthesis``.
        people: Whose ids the identities are, the first part of every group; v3 has v2's people. By
            default ``name``.

    Raises:
        ValueError: If an argument is not one of the above.
    """

    name: str = ""
    version: Version = "v2"
    people: str = ""

    def __post_init__(self) -> None:
        if self.version not in get_args(Version):
            raise ValueError(
                f"version is {self.version!r}, which is not a Celeb-DF release read here"
                + did_you_mean(str(self.version), get_args(Version))
            )
        if not self.name:
            object.__setattr__(self, "name", f"celebdf_{self.version}")
        check_name(self.name)
        check_name(self.people or self.name)

    def index(self, root: Path) -> IndexedVideos:
        """List the videos below ``root``.

        Args:
            root: The folder that holds ``Celeb-real``, ``Celeb-synthesis``, ``YouTube-real`` and
                the list of test videos.

        Raises:
            DataError: If none of the folders is there, they hold no video, or a line of the list is
                malformed.
        """
        check_root(root, name=self.name)
        folders = _find_subsets(root, self.version)
        rows: list[_Row] = []
        ignored: list[str] = []
        for subset, method, folder in folders:
            found, others = _read_subset(folder, root, subset, method)
            rows += found
            ignored += others
        if not rows:
            places = ", ".join(str(folder) for _, _, folder in folders)
            raise DataError(f"No Celeb-DF video in {places}; {len(ignored)} other files are there.")
        listed = read_test_list(root / TEST_LIST)
        videos = to_videos(_to_video_rows(rows, listed, self.name, self.people or self.name))
        num_absent = len(listed.keys() - {row.key for row in rows})
        return IndexedVideos(videos, self._notes(rows, listed), ignored, num_absent=num_absent)

    def _notes(self, rows: Sequence["_Row"], listed: Mapping[Key, int]) -> list[str]:
        counts = Counter(row.subset for row in rows)
        missing: list[str] = [subset for subset in LABELS if subset not in counts]
        if self.version == "v3":
            methods = {row.method for row in rows}
            missing += sorted(CATEGORY_OF.keys() - methods)
        notes = [f"There is no video of '{subset}'." for subset in missing]
        notes += count_notes(counts, PUBLISHED[self.version])
        if not listed:
            return [*notes, f"No {TEST_LIST} in the root, so no video has an official split."]
        published = PUBLISHED_TEST.get(self.version, len(listed))
        if len(listed) != published:
            notes.append(f"{TEST_LIST} names {len(listed)} videos; {published} are published.")
        return notes + _list_notes(rows, listed)


def read_test_list(path: Path) -> dict[Key, int]:
    """Read which videos are the official test set.

    Args:
        path: Lines such as ``1 YouTube-real/00170.mp4``, from the first line on, without a header.

    Returns:
        For each video the **label of this project**: the list's 1 means real and is inverted here.
        Empty where there is no such file.

    Raises:
        DataError: If a line is not a 0 or 1 and a path of two or more parts.
    """
    if not path.is_file():
        return {}
    labels: dict[Key, int] = {}
    text = note_list(path).read_text(encoding="utf-8-sig")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match line.split(maxsplit=1):
            case ["0" | "1" as is_real, name] if "/" in name:
                labels[_listed_key(name.strip())] = REAL if is_real == "1" else FAKE
            case _:
                raise DataError(
                    f"Line {number} of {path} is {line!r}, but must look like "
                    "'1 YouTube-real/00170.mp4'."
                )
    return labels


def _listed_key(name: str) -> Key:
    """Read a path of the list, with or without the folders of version 3.

    Example:
        >>> _listed_key("Celeb-synthesis/FaceSwap/SimSwap/id1_id0_0007.mp4")
        ('celeb-synthesis/simswap', 'id1_id0_0007')
    """
    path = PurePosixPath(name)
    subset, *folders = (part.lower() for part in path.parts[:-1])
    method = METHODS.get(folders[-1], "") if folders else ""
    return _key(subset, method, path.stem)


def _key(subset: str, method: str, stem: str) -> Key:
    is_new = method not in ("", "Celeb-DF") and method not in LABELS
    return f"{subset}/{method}".lower() if is_new else subset.lower(), stem


@dataclass(frozen=True)
class _Row:
    """A video file and what its name says."""

    path: str
    stem: str
    subset: str
    method: str
    identities: tuple[str, ...]
    original: str

    @property
    def key(self) -> Key:
        return _key(self.subset, self.method, self.stem)

    @property
    def nodes(self) -> list[str]:
        """Identities made unique: a YouTube video's number is not a celebrity's."""
        footage = "youtube" if self.subset == "YouTube-real" else "celeb"
        return [f"{footage}/{identity}" for identity in self.identities]


def _find_subsets(root: Path, version: str) -> list[tuple[str, str, Path]]:
    """List (subset, method, folder of videos)."""
    folders = {subset: find_folder(root, subset) for subset in LABELS}
    check_layout(root, "Celeb-DF", LABELS, is_there=any(folders.values()))
    found = []
    for subset, folder in folders.items():
        if folder and version == "v3" and LABELS[subset] == FAKE:
            found += [(subset, method, inner) for method, inner in method_folders(folder).items()]
        elif folder:
            found.append((subset, subset, inner_folder(folder)))
    return found


def method_folders(synthesis: Path) -> dict[str, Path]:
    """Find version 3's folder of each method below ``Celeb-synthesis``, sorted or not."""
    categories = (find_folder(synthesis, category) for category in CATEGORIES)
    parents = [synthesis, *(folder for folder in categories if folder)]
    folders = (p for parent in parents for p in sorted(parent.iterdir()) if p.is_dir())
    return {
        METHODS[folder.name.lower()]: inner_folder(folder)
        for folder in folders
        if folder.name.lower() in METHODS
    }


def _read_subset(
    folder: Path, root: Path, subset: str, method: str
) -> tuple[list[_Row], list[str]]:
    pattern = NAMES[subset] if method == subset else NAME_OF_V3

    def read(stem: str, path: str) -> _Row | None:
        parts = pattern.fullmatch(stem)
        if parts is None:
            return None
        named = parts.groupdict()
        identities = tuple(named[part] for part in ("target", "source") if named.get(part))
        is_fake = LABELS[subset] == FAKE
        original = f"Celeb-real/{named['target']}_{named['recording']}" if is_fake else ""
        return _Row(path, stem, subset, method, identities, original)

    return read_names(folder, root, read, what=method)


def _to_video_rows(
    rows: Sequence[_Row], listed: Mapping[Key, int], name: str, people: str
) -> list[Video]:
    group_of = connected_groups(row.nodes for row in rows)
    real_ids = {f"{row.subset}/{row.stem}" for row in rows if LABELS[row.subset] == REAL}
    return [
        Video(
            video_id=f"{name}/{row.method}/{row.stem}",
            dataset=name,
            path=row.path,
            label=LABELS[row.subset],
            method=row.method,
            group=f"{people}/{group_of[row.nodes[0]]}",
            identities=row.identities,
            original=f"{name}/{row.original}" if row.original in real_ids else "",
            split="test" if row.key in listed else "",
        )
        for row in rows
    ]


def _list_notes(rows: Sequence[_Row], listed: Mapping[Key, int]) -> list[str]:
    notes = []
    on_disk = {row.key: LABELS[row.subset] for row in rows}
    absent = sorted("/".join(key) for key in listed.keys() - on_disk.keys())
    if absent:
        notes.append(
            f"{len(absent)} videos of {TEST_LIST} are not on disk, for example {absent[0]}."
        )
    contrary = sorted(
        "/".join(key) for key, label in listed.items() if on_disk.get(key, label) != label
    )
    if contrary:
        notes.append(
            f"{TEST_LIST} contradicts the folder of {len(contrary)} videos, for example "
            f"{contrary[0]}; the folder was believed. In the official list 1 means real."
        )
    tested = {node for row in rows if row.key in listed for node in row.nodes}
    others = {node for row in rows if row.key not in listed for node in row.nodes}
    both = tested & others
    if both:
        notes.append(
            f"{len(both)} of {len(tested | others)} identities are both on the test list and off "
            "it: a detector trained on the rest is tested on faces it knows."
        )
    return notes


def recognise(root: Path) -> Recognised | None:
    """Recognise Celeb-DF by its three folders, and its version by what is in them."""
    folders = {subset: find_folder(root, subset) for subset in LABELS}
    if sum(folder is not None for folder in folders.values()) < 2:
        return None
    counts = {
        subset: sum(1 for _ in inner_folder(folder).iterdir())
        for subset, folder in folders.items()
        if folder
    }
    synthesis = folders["Celeb-synthesis"]
    version: Version
    methods = method_folders(synthesis) if synthesis else {}
    if methods:
        version = "v3"
    elif any(number > PUBLISHED["v1"][subset] for subset, number in counts.items()):
        version = "v2"
    else:
        is_named_so = root.name.lower() in ("celeb-df", "celeb-df-v1", "celebdf_v1")
        version = "v1" if is_named_so or counts == PUBLISHED["v1"] else "v2"
    lists, is_official = _judge_test_list(root, version)
    return Recognised(
        data=f"celebdf_{version}",
        title={"v3": "Celeb-DF++"}.get(version, f"Celeb-DF {version}"),
        root=root,
        source=CelebDF(version=version, people="celebdf_v2" if version == "v3" else ""),
        fit=1.0,
        split="official_test",
        published=PUBLISHED[version],
        missing=(
            *(subset for subset, folder in folders.items() if folder is None),
            *(m for m in CATEGORY_OF if version == "v3" and m not in methods),
        ),
        labels=f"In {TEST_LIST} 1 means real; the folders' names are believed.",
        split_lists=lists,
        has_official_lists=is_official,
    )


def _judge_test_list(root: Path, version: str) -> tuple[str, bool]:
    """Return whether the test list has as many videos as published; its hash is not known."""
    try:
        number = len(read_test_list(root / TEST_LIST))
    except DataError as error:
        return str(error), False
    if not number:
        return f"There is no {TEST_LIST}.", False
    published = PUBLISHED_TEST.get(version)
    if published is None:
        return f"{TEST_LIST} names {number} videos; how many are published is not known.", True
    return f"{TEST_LIST} names {number} videos; {published} are published.", number == published

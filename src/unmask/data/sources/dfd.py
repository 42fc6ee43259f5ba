"""DeepFakeDetection (Google and Jigsaw): the videos with actors, without the YouTube ones."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from unmask.core.errors import DataError
from unmask.core.labels import FAKE, REAL
from unmask.data.sources.ffpp import TOP, Compression, FaceForensics, subsets_with_videos
from unmask.data.sources.ffpp_rows import (
    ACTOR_METHOD,
    DFD_WITHOUT_REALS,
    NAMES,
    PUBLISHED,
    SEVERAL_PEOPLE,
    Row,
    Subset,
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
    to_videos,
)

# Names that copies without FaceForensics++'s layout give the two folders.
FLAT_FOLDERS: Final = {
    REAL: ("real", "actors", "DFD_original sequences", "DFD_original_sequences"),
    FAKE: ("fake", ACTOR_METHOD, "DFD_manipulated_sequences", "DFD_manipulated sequences"),
}
SUBSETS: Final = {
    REAL: Subset(REAL, "actors", "actors"),
    FAKE: Subset(FAKE, ACTOR_METHOD, "actors"),
}


@dataclass(frozen=True, kw_only=True)
class DFD:
    """The actors' videos, in FaceForensics++'s layout or as one folder of each class.

    The actors are joined into groups by the fakes they appear in; there are three groups, of 18, 5
    and 5 actors, so other ratios than these cannot be split without sharing a person.

    Args:
        name: Name of the data set in every table.
        compression: Which copies to index; of flat folders, what they are said to be, or "" where
            nobody says.
        people: Whose numbers the actors have, the first part of every group; copies share it.

    Raises:
        ValueError: If a name cannot name a folder.
    """

    name: str = "dfd"
    compression: Compression | Literal[""] = "c23"
    people: str = "ffpp"

    def __post_init__(self) -> None:
        check_name(self.name)
        check_name(self.people)
        if self.compression:
            self._in_ffpp(self.compression)

    def _in_ffpp(self, compression: Compression) -> FaceForensics:
        return FaceForensics(
            name=self.name,
            compression=compression,
            methods=[ACTOR_METHOD],
            reals=["actors"],
            people=self.people,
        )

    def index(self, root: Path) -> IndexedVideos:
        """List the videos below ``root``.

        Args:
            root: The folder that holds FaceForensics++'s two folders or one folder of each class.

        Raises:
            DataError: If a class is missing, or its files are not named as the actors' are.
        """
        check_root(root, name=self.name)
        if find_folder(root, *TOP[:1]) or find_folder(root, *TOP[1:]):
            return self._in_ffpp(self.compression or "c23").index(root)
        folders = flat_folders(root)
        wanted = [*TOP, *FLAT_FOLDERS[REAL][:1], *FLAT_FOLDERS[FAKE][:1]]
        check_layout(root, "DeepFakeDetection", wanted, is_there=bool(folders))
        if folders.keys() == {FAKE}:
            raise DataError(f"{folders[FAKE]}: {DFD_WITHOUT_REALS}")
        rows: list[Row] = []
        ignored: list[str] = []
        for label, subset in SUBSETS.items():
            folder = folders.get(label, root)
            found, others = read_subset(folder, root, subset)
            ignored += others
            if not found:
                raise DataError(
                    f"{folder} holds no video named as those of '{subset.method}' are; "
                    f"found {describe_entries(folder)}."
                )
            rows += found
        listed = to_video_rows(
            rows, name=self.name, compression=self.compression, people=self.people, split_of={}
        )
        notes = count_notes(Counter(row.subset.method for row in rows), PUBLISHED)
        return IndexedVideos(to_videos(listed), [*notes, SEVERAL_PEOPLE], ignored)


def flat_folders(root: Path) -> dict[int, Path]:
    """Find the folder of each class below ``root`` or below a folder ``FF++`` in it."""
    base = find_folder(root, "FF++") or root
    found = {label: find_folder(base, *names) for label, names in FLAT_FOLDERS.items()}
    # An unpacked archive often repeats its name as an inner folder.
    return {
        label: inner_folder(find_folder(folder, folder.name) or folder)
        for label, folder in found.items()
        if folder
    }


def recognise(root: Path) -> Recognised | None:
    """Recognise the actors' videos by their folders, or by their file names under other folders."""
    compression: Compression
    for compression in ("c23", "c40", "raw"):
        present = subsets_with_videos(root, compression)
        labels = {subset.label for subset in present if subset.footage == "actors"}
        # Half of it inside FaceForensics++ is that data set's to tell.
        is_alone = labels and all(subset.footage == "actors" for subset in present)
        if labels == {REAL, FAKE} or is_alone:
            settings = {} if compression == "c23" else {"compression": compression}
            return _recognised(root, DFD(compression=compression), settings=settings)
    folders = flat_folders(root)
    samples = {label: first_video_name(folder) for label, folder in folders.items()}
    if not any(NAMES["actors", label].fullmatch(name) for label, name in samples.items()):
        return None
    if find_folder(root, "original"):  # a flat FaceForensics++, which says so itself
        return None
    is_posing = "ff++" in {folder.parent.name.lower() for folder in folders.values()}
    if is_posing:
        return _recognised(root, DFD(name="dfd_kaggle", compression=""), data="dfd_kaggle")
    return _recognised(root, DFD(compression=""), settings={"compression": ""})


def _recognised(
    root: Path, source: DFD, *, settings: Mapping[str, str] | None = None, data: str = "dfd"
) -> Recognised:
    suspicions = []
    if data == "dfd_kaggle":
        suspicions.append(
            "The folder is called FF++, but its file names are those of DeepFakeDetection's "
            "actors: this is a part of DeepFakeDetection (Kaggle hungle3401/faceforensics) and no "
            "FaceForensics++. Do not train on one and test on the other."
        )
    return Recognised(
        data=data,
        title="DeepFakeDetection" + (" posing as FaceForensics++" if suspicions else ""),
        root=root,
        source=source,
        fit=1.0,
        settings=settings or {},
        split="identity",
        published={name: PUBLISHED[name] for name in ("actors", ACTOR_METHOD)},
        suspicions=tuple(suspicions),
    )

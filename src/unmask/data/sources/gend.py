"""FaceForensics++ as frames in the folders of GenD (yermandy/GenD)."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unmask.core.errors import DataError
from unmask.core.labels import FAKE, REAL
from unmask.data.sources.ffpp_lists import (
    NO_CONVERSION,
    OFFICIAL,
    find_conversion,
    judge_split_lists,
    read_split_lists,
    same_video_links,
    split_of_ids,
)
from unmask.data.sources.ffpp_rows import PUBLISHED, Row, Subset, read_name, to_video_rows
from unmask.data.sources.source import (
    IndexedVideos,
    Recognised,
    check_layout,
    check_name,
    check_root,
    count_notes,
    find_folder,
    relative_posix,
    to_videos,
)

SUBSETS: Final = {
    "real": Subset(REAL, "youtube", "youtube"),
    "DF": Subset(FAKE, "Deepfakes", "youtube"),
    "F2F": Subset(FAKE, "Face2Face", "youtube"),
    "FS": Subset(FAKE, "FaceSwap", "youtube"),
    "NT": Subset(FAKE, "NeuralTextures", "youtube"),
}
CUT_BY_OTHERS: Final = "Whoever cut these frames chose the compression, the frames and the margin."


@dataclass(frozen=True, kw_only=True)
class GenD:
    """Folders ``FF/{real,DF,F2F,FS,NT}/<video>`` of frames; each is one video of the manifest.

    A copy of FaceForensics++'s own split lists in the root makes the official split.

    Args:
        name: Name of the data set in every table.
        people: Whose numbers the ids are, the first part of every group; copies share it.

    Raises:
        ValueError: If a name cannot name a folder.
    """

    name: str = "ffpp_gend"
    people: str = "ffpp"

    def __post_init__(self) -> None:
        check_name(self.name)
        check_name(self.people)

    def index(self, root: Path) -> IndexedVideos:
        """List the videos whose frames lie below ``root``.

        Args:
            root: The folder that holds ``FF``, or ``FF`` itself.

        Raises:
            DataError: If there is no real or no fake video, or a split list is unusable.
        """
        check_root(root, name=self.name)
        base = find_folder(root, "FF") or root
        present = {name: find_folder(base, name) for name in SUBSETS}
        check_layout(root, "GenD tree", ["FF", *SUBSETS], is_there=any(present.values()))
        rows: list[Row] = []
        ignored: list[str] = []
        for name, folder in present.items():
            for video in sorted(folder.iterdir()) if folder else []:
                path = relative_posix(video, root)
                row = read_name(video.name, path, SUBSETS[name], kind="frames")
                if row is None or not video.is_dir():
                    ignored.append(f"{path}: not a folder of frames named as those of '{name}'")
                else:
                    rows.append(row)
        if {row.subset.label for row in rows} != {REAL, FAKE}:
            raise DataError(f"The GenD tree at {root} needs real and fake videos of frames.")
        pairs = read_split_lists(root)
        listed = to_video_rows(
            rows,
            name=self.name,
            compression="",
            people=self.people,
            split_of=split_of_ids(pairs),
            pairs=[pair for split in pairs.values() for pair in split],
            same_footage=same_video_links(root),
        )
        notes = count_notes(Counter(row.subset.method for row in rows), PUBLISHED)
        if not pairs:
            notes.append(
                "No train.json, val.json and test.json, so no video has an official split."
            )
        notes += [] if find_conversion(root) else [NO_CONVERSION]
        return IndexedVideos(to_videos(listed), [*notes, CUT_BY_OTHERS], ignored)


def recognise(root: Path) -> Recognised | None:
    """Recognise the tree by ``real`` beside two or more of its methods' short names."""
    base = find_folder(root, "FF") or root
    present = [name for name in SUBSETS if find_folder(base, name)]
    if "real" not in present or len(present) < 2:
        return None
    published = {subset.method: PUBLISHED[subset.method] for subset in SUBSETS.values()}
    return Recognised(
        data="ffpp_gend",
        title="FaceForensics++ frames (GenD)",
        root=root,
        source=GenD(),
        fit=0.9,
        published=published,
        missing=tuple(name for name in SUBSETS if name not in present),
        split_lists=(lists := judge_split_lists(root)),
        has_official_lists=lists == OFFICIAL,
    )

"""FaceForensics++ re-packed with one flat folder for each method (Kaggle xdxd003/ff-c23)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from unmask.core.errors import DataError
from unmask.core.labels import REAL
from unmask.data.sources.ffpp import FaceForensics
from unmask.data.sources.ffpp_lists import OFFICIAL, judge_split_lists
from unmask.data.sources.ffpp_rows import (
    ACTOR_METHOD,
    DFD_WITHOUT_REALS,
    OFFICIAL_NAMES,
    PUBLISHED,
    Pair,
    Subset,
)
from unmask.data.sources.source import (
    Recognised,
    check_layout,
    describe_entries,
    find_folder,
    first_video_name,
    inner_folder,
    list_folders,
    list_videos,
)

OUTER: Final = "FaceForensics++_C23"
NO_REALS: Final = "Their real videos, the actors', are not in the re-pack."
METHODS: Final = tuple(n for n in PUBLISHED if n not in ("youtube", "actors", ACTOR_METHOD))


@dataclass(frozen=True, kw_only=True)
class FlatFaceForensics(FaceForensics):
    """The videos of ``original/`` and of one folder for each method, all of one compression.

    Its tables of labels (``csv/``) are not read: the folders say it all. ``DeepFakeDetection`` lies
    here without the actors' videos: it is left out, which is counted, and refused where it is asked
    for, so that no split holds it beside the other methods. A copy of FaceForensics++'s own
    ``train.json``, ``val.json`` and ``test.json``, which are not part of the re-pack, makes the
    official split.
    """

    name: str = "ffpp_kaggle"
    people: str = "ffpp"

    def _check_layout(self, root: Path) -> None:
        is_there = find_folder(_base(root), "original") is not None
        check_layout(root, "flat FaceForensics++", (OUTER, "original"), is_there=is_there)
        if "actors" in self.reals:
            raise DataError(f"{_base(root)}: {DFD_WITHOUT_REALS}")

    def _folder(self, root: Path, subset: Subset) -> Path:
        base = _base(root)
        folder = find_folder(base, "original" if subset.label == REAL else subset.method)
        if folder is None:
            raise DataError(
                f"There is no '{subset.method}' in {base}; found {describe_entries(base)}. "
                "Add it, or leave it out of `methods`."
            )
        return inner_folder(folder)

    def _notes(
        self, root: Path, videos: pd.DataFrame, pairs: Mapping[str, Sequence[Pair]]
    ) -> list[str]:
        notes = super()._notes(root, videos, pairs)
        folder = find_folder(_base(root), ACTOR_METHOD)
        found = len(list_videos(inner_folder(folder), root)[0]) if folder else 0
        if found:
            notes.append(f"Left out of every split: {found} videos of {ACTOR_METHOD}. {NO_REALS}")
        return notes


def recognise(root: Path) -> Recognised | None:
    """Recognise the re-pack by ``original/`` beside a folder of a method."""
    base = _base(root)
    originals = find_folder(base, "original")
    folders = {OFFICIAL_NAMES.get(p.name.lower(), ""): p for p in list_folders(base)}
    present = [m for m in METHODS if m in folders and first_video_name(inner_folder(folders[m]))]
    if originals is None or not present:
        return None
    is_default = set(present) == set(METHODS) - {"FaceShifter"}
    return Recognised(
        data="ffpp_kaggle",
        title="FaceForensics++ (c23), flat re-pack",
        root=root,
        source=FlatFaceForensics(methods=present),
        fit=1.0,
        settings={} if is_default else {"methods": present},
        published={name: PUBLISHED[name] for name in ("youtube", *METHODS)},
        missing=tuple(name for name in METHODS if name not in present),
        split_lists=(lists := judge_split_lists(root)),
        has_official_lists=lists == OFFICIAL,
        suspicions=(DFD_WITHOUT_REALS,) if ACTOR_METHOD in folders else (),
    )


def _base(root: Path) -> Path:
    return find_folder(root, OUTER) or root

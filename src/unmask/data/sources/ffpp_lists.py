"""The tables that FaceForensics++ publishes beside its videos: split lists, and YouTube ids."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from unmask.core.errors import DataError
from unmask.data.manifest import SPLITS
from unmask.data.sources.ffpp_rows import Pair
from unmask.data.sources.source import read_json

OFFICIAL: Final = "train.json, val.json and test.json are the official ones."
# SHA-256 of the sorted ids joined by ",", so that re-formatting a list changes nothing.
OFFICIAL_LISTS: Final = {
    "train": "47d0e1b5e7d985957b023865737bc3cfab2bbdc6a7444d67612836ca0d6fa7c5",
    "val": "ba0cc34ea73a462f885f80361f9c48bcb2db402bd80d5ec350efefe117ff3c48",
    "test": "e3471dcb4b325062fa30e18b37518f29828c4b1cabf33b69ac5b96d97bb6e36c",
}
CONVERSION: Final = "conversion_dict.json"
# Said where the map is missing, because groups and splits then look cleaner than they are.
NO_CONVERSION: Final = (
    f"No {CONVERSION} in the root or in dataset, so clips that were cut from one YouTube video "
    "count as different people: the 1,000 clips are of 977 videos, 7 of which are in two splits. "
    "Copy it from the data set's repository (dataset/)."
)


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
    """Return the SHA-256 of the sorted ids of a split list, independent of its formatting.

    Example:
        >>> hash_of_ids([("2", "1")]) == hash_of_ids([("1", "2")])
        True
    """
    ids = sorted(identity for pair in pairs for identity in pair)
    return hashlib.sha256(",".join(ids).encode()).hexdigest()


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


def list_notes(pairs: Mapping[str, Sequence[Pair]]) -> list[str]:
    """Describe where the split lists are missing or not the official ones."""
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


def find_conversion(root: Path) -> Path | None:
    """Find the map of clips to YouTube videos in ``root`` or in ``root/dataset``."""
    places = (root / CONVERSION, root / "dataset" / CONVERSION)
    return next((place for place in places if place.is_file()), None)


def read_conversion(root: Path) -> dict[str, str]:
    """Read which YouTube video each clip was cut from.

    Args:
        root: The folder that holds ``conversion_dict.json``, directly or in ``dataset``.

    Returns:
        Clip to YouTube id; the number of the cut is dropped.

    Raises:
        DataError: If the file is missing, not JSON, or maps a clip to something else than
            ``"<YouTube id> <number>"``.
    """
    path = find_conversion(root)
    if path is None:
        raise DataError(
            f"There is no {CONVERSION} in {root} or {root / 'dataset'}, which says whose clips are "
            "of one YouTube video. Copy it from the data set's repository (dataset/), or use "
            "data/split=official."
        )
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path} must map clips to videos, but is a {type(content).__name__}.")
    youtube_of = {}
    for clip, value in content.items():
        youtube, _, number = value.rpartition(" ") if isinstance(value, str) else ("", "", "")
        if not youtube or not number.isdigit():
            raise DataError(
                f'{path} must map each clip to "<YouTube id> <number>", but maps {clip} to '
                f"{value!r}."
            )
        youtube_of[str(clip)] = youtube
    return youtube_of


def same_video_links(root: Path) -> list[list[str]]:
    """List the clips of each YouTube video as ``youtube/<id>``; none where nobody maps them.

    Two clips of one video show one person in one room, even where their numbers differ.

    Raises:
        DataError: If the map is malformed.
    """
    if find_conversion(root) is None:
        return []
    clips_of: dict[str, list[str]] = defaultdict(list)
    for clip, youtube in sorted(read_conversion(root).items()):
        clips_of[youtube].append(f"youtube/{clip}")
    return list(clips_of.values())


def judge_split_lists(root: Path) -> str:
    """Return whether the split lists below ``root`` have the official lists' canonical hash."""
    try:
        notes = list_notes(read_split_lists(root))
    except DataError as error:
        notes = [str(error)]
    return " ".join(notes) or OFFICIAL

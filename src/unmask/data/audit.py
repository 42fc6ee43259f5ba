"""What two splits share: a video, an identity group, or a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd

from unmask.core.errors import DataError
from unmask.data.fingerprints import NUM_BITS, near_pairs
from unmask.data.manifest import SPLITS

KINDS_OF_LEAK: Final = ("video", "group", "crop")


@dataclass(frozen=True)
class Audited:
    """What of one manifest takes part in an audit.

    Attributes:
        videos: Rows of ``videos.parquet``; those of an evaluation set have the split ``"test"``.
        prints: Fingerprints of their crops, as
            :func:`unmask.data.fingerprints.fingerprints_of` gives them; None where there are none.
    """

    videos: pd.DataFrame
    prints: pd.DataFrame | None = None


@dataclass(frozen=True, order=True)
class SharedThing:
    """Something that two splits have in common.

    Attributes:
        kind: ``"video"``, ``"group"`` or ``"crop"``.
        splits: The two splits, in the order train, val, test.
        first: A video of the one split.
        second: A video of the other; the same one where ``kind`` is ``"video"``.
        what: The video, the group, or the two crops and how many bits part them.
    """

    kind: str
    splits: tuple[str, str]
    first: str
    second: str
    what: str


def shared_things(audited: Sequence[Audited]) -> list[SharedThing]:
    """List what two splits share, in one data set or across several.

    Args:
        audited: Everything that one run trains, validates or tests on.

    Returns:
        Videos, then groups, then pairs of videos with near-identical crops (the nearest pair of
        crops of each two videos); a pair of videos that is the same video is listed once.

    Raises:
        DataError: If a split has another name.
    """
    columns = ["video_id", "group", "split"]
    videos = pd.concat([one.videos[columns] for one in audited], ignore_index=True)
    videos = videos[videos["split"] != ""].drop_duplicates()
    unknown = sorted(set(videos["split"]) - set(SPLITS))
    if unknown:
        example = videos.loc[videos["split"] == unknown[0], "video_id"].iloc[0]
        raise DataError(
            f"The split of {example} is '{unknown[0]}', but it must be one of {', '.join(SPLITS)}."
        )
    prints = _prints_with_split(audited)
    found: list[SharedThing] = []
    for splits in combinations(SPLITS, 2):
        first, second = (videos[videos["split"] == split] for split in splits)
        found += _shared_names(first, second, splits)
        looks, other_looks = (prints[prints["split"] == split] for split in splits)
        found += _shared_crops(looks, other_looks, splits)
    order = {kind: number for number, kind in enumerate(KINDS_OF_LEAK)}
    return sorted(found, key=lambda thing: (order[thing.kind], thing))


def count_by_kind(things: Sequence[SharedThing]) -> dict[str, int]:
    """Count shared things by their kind.

    Example:
        >>> count_by_kind([SharedThing("group", ("train", "test"), "a", "b", "g")])
        {'video': 0, 'group': 1, 'crop': 0}
    """
    return {kind: sum(thing.kind == kind for thing in things) for kind in KINDS_OF_LEAK}


def describe_thing(thing: SharedThing) -> str:
    """Write one shared thing as the part of a sentence.

    Example:
        >>> describe_thing(SharedThing("group", ("train", "test"), "a/1", "a/2", "a/g"))
        'group a/g is in train (a/1) and test (a/2)'
    """
    one, other = thing.splits
    if thing.kind == "video":
        return f"video {thing.what} is in {one} and {other}"
    if thing.kind == "group":
        return f"group {thing.what} is in {one} ({thing.first}) and {other} ({thing.second})"
    return f"{one} ({thing.first}) and {other} ({thing.second}) show one picture: {thing.what}"


def refuse_leaks(things: Sequence[SharedThing]) -> None:
    """Refuse to go on with anything shared.

    Raises:
        DataError: If there is anything, with the first of each kind and the ways out.
    """
    if not things:
        return
    counts = count_by_kind(things)
    said = ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in counts.items())
    shown = [
        describe_thing(thing)
        for kind in KINDS_OF_LEAK
        for thing in [thing for thing in things if thing.kind == kind][:3]
    ]
    lines = "".join(f"\n  - {line}" for line in shown)
    more = f"\n  and {len(things) - len(shown)} more" if len(things) > len(shown) else ""
    raise DataError(
        f"Splits share {said}, so that a test would measure memory:{lines}{more}\nSplit by group "
        "with data/split=identity, or set allow_leak=true to go on with every number marked; "
        "`unmask audit` lists them all."
    )


def _shared_names(
    first: pd.DataFrame, second: pd.DataFrame, splits: tuple[str, str]
) -> list[SharedThing]:
    videos = sorted(set(first["video_id"]) & set(second["video_id"]))
    found = [SharedThing("video", splits, name, name, name) for name in videos]
    examples = [_examples_of_groups(part) for part in (first, second)]
    for group in sorted(examples[0].keys() & examples[1].keys()):
        one, other = (example[group] for example in examples)
        found.append(SharedThing("group", splits, one, other, group))
    return found


def _examples_of_groups(videos: pd.DataFrame) -> dict[str, str]:
    first = videos.groupby("group")["video_id"].min()
    return dict(zip(map(str, first.index), map(str, first), strict=True))


def _prints_with_split(audited: Sequence[Audited]) -> pd.DataFrame:
    columns = ["video_id", "crop_path", "bits", "split"]
    parts = [
        one.prints.merge(one.videos[["video_id", "split"]], on="video_id")[columns]
        for one in audited
        if one.prints is not None and len(one.prints)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _shared_crops(
    first: pd.DataFrame, second: pd.DataFrame, splits: tuple[str, str]
) -> list[SharedThing]:
    """Find the videos whose crops look alike; of equal crops of one split the first stands."""
    first, second = (
        part.drop_duplicates("bits").reset_index(drop=True) for part in (first, second)
    )
    if first.empty or second.empty:
        return []
    bits = [np.frombuffer(b"".join(part["bits"]), np.uint8) for part in (first, second)]
    left, right, distance = near_pairs(*(array.reshape(-1, NUM_BITS // 8) for array in bits))
    pairs = pd.DataFrame(
        {
            "first": first["video_id"].to_numpy()[left],
            "second": second["video_id"].to_numpy()[right],
            "crop": first["crop_path"].to_numpy()[left],
            "other_crop": second["crop_path"].to_numpy()[right],
            "distance": distance,
        }
    )
    nearest = pairs.sort_values("distance", kind="stable").drop_duplicates(["first", "second"])
    return [
        SharedThing(
            "crop",
            splits,
            str(row.first),
            str(row.second),
            f"{row.crop} and {row.other_crop} differ in {row.distance} of {NUM_BITS} bits",
        )
        for row in nearest.itertuples()
        if str(row.first) != str(row.second)
    ]

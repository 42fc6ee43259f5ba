"""What two splits share: footage under two names, a video, an identity group, or a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Final

import numpy as np
import pandas as pd

from unmask.core.errors import DataError
from unmask.data.fingerprints import NUM_BITS, near_pairs
from unmask.data.groups import connected_groups
from unmask.data.manifest import SPLITS

KINDS_OF_LEAK: Final = ("re-pack", "video", "group", "crop")
# First parts of groups such as ffpp/actors/01: people of DeepFakeDetection, in any copy of it.
ACTORS: Final = r"[^/]+/actors/"
# The folder in which Kaggle hungle3401/faceforensics holds videos of DeepFakeDetection.
REPACK_FOLDER: Final = "ff++/"


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
        kind: One of :data:`KINDS_OF_LEAK`.
        splits: The two splits, in the order train, val, test. Of a re-pack, what the two data sets
            are used for: ``"train"`` or ``"test"``.
        first: A video of the one split; of a re-pack, the re-packed data set.
        second: A video of the other; the same one where ``kind`` is ``"video"``. Of a re-pack, the
            data set that holds the same footage.
        what: The video, the group, the two crops and how many bits part them, or the footage.
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
        Data sets that re-pack another one's footage, then videos, then groups, then pairs of videos
        with near-identical crops (the nearest pair of crops of each two videos); a pair of videos
        that is the same video is listed once. Groups of several data sets are joined through the
        people in them, because each data set names a group by the people whom it knows of.

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
    videos["people"] = videos["group"].map(_groups_across([one.videos for one in audited]))
    prints = _prints_with_split(audited)
    found = _repacks([one.videos for one in audited])
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
        {'re-pack': 0, 'video': 0, 'group': 1, 'crop': 0}
    """
    return {kind: sum(thing.kind == kind for thing in things) for kind in KINDS_OF_LEAK}


def describe_thing(thing: SharedThing) -> str:
    """Write one shared thing as the part of a sentence.

    Example:
        >>> describe_thing(SharedThing("group", ("train", "test"), "a/1", "a/2", "a/g"))
        'group a/g is in train (a/1) and test (a/2)'
    """
    one, other = thing.splits
    if thing.kind == "re-pack":
        return f"{thing.first} ({one}) and {thing.second} ({other}) both hold {thing.what}"
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
    for thing in things:
        if thing.kind == "re-pack":
            raise DataError(
                f"'{thing.first}' and '{thing.second}' both hold {thing.what}: a detector would "
                "meet the same footage twice. Leave one of them out, or set allow_leak=true to go "
                "on with every number marked."
            )
    counts = {kind: count for kind, count in count_by_kind(things).items() if kind != "re-pack"}
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
        "with data/split=identity (FaceForensics++ also has data/split=official_clean), or set "
        "allow_leak=true to go on with every number marked; `unmask audit` lists them all."
    )


def _shared_names(
    first: pd.DataFrame, second: pd.DataFrame, splits: tuple[str, str]
) -> list[SharedThing]:
    videos = sorted(set(first["video_id"]) & set(second["video_id"]))
    found = [SharedThing("video", splits, name, name, name) for name in videos]
    seen: set[str] = set()
    # The name that both give a group, before the one that joins two names for the same people.
    for column in ("group", "people"):
        examples = [_examples_of(part, column) for part in (first, second)]
        for name in sorted(examples[0].keys() & examples[1].keys()):
            (one, people), (other, _) = (example[name] for example in examples)
            if column == "group" or people not in seen:
                found.append(SharedThing("group", splits, one, other, name))
            seen.add(people)
    return found


def _examples_of(videos: pd.DataFrame, column: str) -> dict[str, tuple[str, str]]:
    """Return the first video and the people of each value of a column."""
    first = videos.sort_values("video_id").drop_duplicates(column)
    columns = (map(str, first[name]) for name in (column, "video_id", "people"))
    return {name: (video_id, people) for name, video_id, people in zip(*columns, strict=True)}


def _groups_across(manifests: Sequence[pd.DataFrame]) -> dict[str, str]:
    """Name each group after everybody it reaches in any of the manifests.

    One copy of a data set may know of a fake, or of a YouTube video behind two clips, that another
    does not, so that the same people stand in groups of two names.
    """
    links: set[tuple[str, ...]] = set()
    for videos in manifests:
        for group, identities in zip(videos["group"], videos["identities"], strict=True):
            people = str(group).rpartition("/")[0]
            links.add((str(group), *(f"{people}/{identity}" for identity in identities)))
    return connected_groups(sorted(links))


def _repacks(manifests: Sequence[pd.DataFrame]) -> list[SharedThing]:
    """Find re-packed videos of DeepFakeDetection beside other copies of them, one trained on.

    A copy whose compression nobody tells cannot be told apart from a re-pack.
    """
    actors = [rows[rows["group"].str.match(ACTORS)] for rows in manifests]
    uses = ["train" if rows["split"].isin(["train", "val"]).any() else "test" for rows in manifests]
    found: list[SharedThing] = []
    for (one, use), (other, other_use) in permutations(zip(actors, uses, strict=True), 2):
        if one.empty or other.empty or {use, other_use} == {"test"}:
            continue
        names = str(one["dataset"].iloc[0]), str(other["dataset"].iloc[0])
        is_mirrored = any((thing.second, thing.first) == names for thing in found)
        if names[0] != names[1] and _is_repack(one) and not is_mirrored:
            footage = f"videos of DeepFakeDetection, which {names[0]} has as a re-pack"
            found.append(SharedThing("re-pack", (use, other_use), *names, footage))
    return found


def _is_repack(videos: pd.DataFrame) -> bool:
    is_in_folder = videos["path"].str.lower().str.startswith(REPACK_FOLDER)
    return bool(((videos["compression"] == "") | is_in_folder).any())


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

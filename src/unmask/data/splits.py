"""Which videos train, validate and test, and the checks that nobody is in two of them."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from unmask.core.errors import DataError
from unmask.core.files import sha256_of_json
from unmask.core.labels import CLASS_NAMES
from unmask.core.reproducibility import derive_seed
from unmask.data.manifest import SPLITS

SplitRule = Callable[[pd.DataFrame], pd.DataFrame]
"""Takes the rows of ``videos.parquet`` and returns them with every ``split`` filled."""


@runtime_checkable
class Explains(Protocol):
    """A split rule that says why it leaves videos out."""

    def left_out(self, videos: pd.DataFrame) -> pd.DataFrame:
        """Return ``video_id`` and ``reason`` of what the rule leaves out of ``videos``."""


@dataclass(frozen=True, kw_only=True)
class OfficialSplit:
    """Keep the split that the data set was published with."""

    def __call__(self, videos: pd.DataFrame) -> pd.DataFrame:
        """Return ``videos`` as they are.

        Raises:
            DataError: If a video has no official split.
        """
        unplaced = videos.loc[videos["split"] == "", "video_id"]
        if len(unplaced):
            raise DataError(
                f"{len(unplaced)} of {len(videos)} videos have no official split, for example "
                f"{unplaced.iloc[0]}. Use IdentitySplit to make one, OfficialTestSplit where only "
                "the test list is official, or TestOnlySplit where nothing is trained on them."
            )
        return videos.copy()


@dataclass(frozen=True, kw_only=True)
class IdentitySplit:
    """Share the groups out to splits, so that no person or footage is in two of them.

    Within what whole groups allow, every split gets its fraction of each class and of each method.
    The same groups are shared out the same way in any order of the rows. Official splits are
    overwritten, except where a test list alone is official: what is on it and does not come to the
    test leaves the table, so that nothing else ever holds a listed test video.

    Args:
        train: Fraction of the videos to train on.
        val: Fraction to validate on.
        test: Fraction to test on; the three add up to 1, and a split of 0 stays empty.
        seed: Another seed shares the groups out differently.

    Raises:
        ValueError: If a fraction is negative or they do not add up to 1.
    """

    train: float = 0.7
    val: float = 0.15
    test: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        fractions = {"train": self.train, "val": self.val, "test": self.test}
        for name, fraction in fractions.items():
            if not 0 <= fraction <= 1:
                raise ValueError(f"{name} must be a fraction in [0, 1], got {fraction}.")
        if not math.isclose(sum(fractions.values()), 1, abs_tol=1e-6):
            raise ValueError(f"train, val and test must add up to 1, got {fractions}.")

    def __call__(self, videos: pd.DataFrame) -> pd.DataFrame:
        """Return a copy of ``videos`` with a new ``split``.

        Raises:
            DataError: If there are fewer groups than splits.
        """
        fractions = {"train": self.train, "val": self.val, "test": self.test}
        shared_out = _share_out(videos, fractions, self.seed)
        if set(videos["split"]) != {"", "test"}:
            return shared_out
        is_misplaced = (videos["split"] == "test") & (shared_out["split"] != "test")
        return shared_out[~is_misplaced].reset_index(drop=True)


@dataclass(frozen=True, kw_only=True)
class OfficialTestSplit:
    """Keep the official test list and share the rest out to training and validation by group.

    Whether somebody is on both sides of the official list is the data set's doing;
    :func:`check_splits` refuses it unless told otherwise.

    Args:
        val: Fraction of the videos off the test list to validate on, by whole groups.
        seed: Another seed shares the groups out differently.

    Raises:
        ValueError: If ``val`` does not lie between 0 and 1.
    """

    val: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.val < 1:
            raise ValueError(f"val must be a fraction between 0 and 1, got {self.val}.")

    def __call__(self, videos: pd.DataFrame) -> pd.DataFrame:
        """Return a copy of ``videos`` with ``split`` filled.

        Raises:
            DataError: If no video is on the official test list, all are, or the others are one
                group.
        """
        is_test = videos["split"] == "test"
        if not is_test.any() or is_test.all():
            raise DataError(
                f"{int(is_test.sum())} of {len(videos)} videos are on the official test list, so "
                "it cannot part test from training. Use IdentitySplit or TestOnlySplit instead."
            )
        rest = _share_out(videos[~is_test], {"train": 1 - self.val, "val": self.val}, self.seed)
        split = videos["split"].mask(~is_test, rest["split"])
        return videos.assign(split=split)


@dataclass(frozen=True, kw_only=True)
class TestOnlySplit:
    """Test on the official test videos alone, or on all videos where no test list is official.

    Videos off the official list leave the table: a data set that is only tested on needs none of
    them prepared, and published numbers are of the list.
    """

    __test__ = False  # not a test case, although pytest takes its name for one

    def __call__(self, videos: pd.DataFrame) -> pd.DataFrame:
        """Return a copy of the videos to test on."""
        is_test = videos["split"] == "test"
        chosen = videos[is_test] if is_test.any() else videos
        return chosen.assign(split="test")


@dataclass(frozen=True)
class Leak:
    """One video or one group that is in several splits.

    Args:
        kind: ``"video"`` or ``"group"``.
        name: Its ``video_id`` or ``group``.
        splits: The splits it is in, in the order train, val, test.
    """

    kind: str
    name: str
    splits: tuple[str, ...]


def find_leaks(videos: pd.DataFrame) -> list[Leak]:
    """List the videos, then the groups, that are in more than one split.

    Args:
        videos: Rows with ``video_id``, ``group`` and ``split``, of one data set or of several.

    Returns:
        The leaks of each kind, ordered by name.
    """
    leaks = []
    for kind, column in (("video", "video_id"), ("group", "group")):
        placed = videos.loc[videos["split"] != "", [column, "split"]].drop_duplicates()
        shared = placed[placed.duplicated(column, keep=False)]
        leaks += [
            Leak(kind, str(name), tuple(split for split in SPLITS if split in set(found)))
            for name, found in shared.groupby(column)["split"]
        ]
    return leaks


def check_splits(videos: pd.DataFrame, *, allow_leak: bool = False) -> None:
    """Refuse splits that share a video or a group, and names that are not splits.

    Args:
        videos: Rows with ``video_id``, ``group`` and ``split``, of one data set or of several.
        allow_leak: Accept shared groups and videos, for a protocol published with them.

    Raises:
        DataError: If a split has another name, or something is in two splits and ``allow_leak`` is
            False.
    """
    unknown = sorted(set(videos["split"]) - set(SPLITS))
    if unknown:
        example = videos.loc[videos["split"] == unknown[0], "video_id"].iloc[0]
        raise DataError(
            f"The split of {example} is '{unknown[0]}', but it must be one of {', '.join(SPLITS)}."
        )
    leaks = [] if allow_leak else find_leaks(videos)
    if leaks:
        named = "; ".join(
            f"{leak.kind} {leak.name} is in {_join(leak.splits)}" for leak in leaks[:5]
        )
        more = f"; and {len(leaks) - 5} more" if len(leaks) > 5 else ""
        raise DataError(
            f"The splits share {len(leaks)} videos or groups: {named}{more}. Split by group with "
            "IdentitySplit, or set allow_leak=true to measure anyway."
        )


def split_hashes(videos: pd.DataFrame) -> dict[str, str]:
    """Return the SHA-256 of each split's videos and labels, independent of row order.

    Args:
        videos: Rows with ``video_id``, ``label`` and ``split``.

    Example:
        >>> videos = pd.DataFrame({"video_id": ["a", "b"], "label": [0, 1], "split": "test"})
        >>> split_hashes(videos) == split_hashes(videos[::-1])
        True
        >>> split_hashes(videos) == split_hashes(videos.assign(label=0))
        False
    """
    return {
        str(split): sha256_of_json(
            sorted(zip(part["video_id"].tolist(), part["label"].tolist(), strict=True))
        )
        for split, part in videos.groupby("split", sort=True)
    }


def require_split(videos: pd.DataFrame, split: str) -> pd.DataFrame:
    """Return the rows of one split.

    Raises:
        DataError: If there are none.
    """
    rows = videos[videos["split"] == split]
    if rows.empty:
        counts = videos["split"].value_counts().sort_index()
        found = ", ".join(f"{count} in '{name}'" for name, count in counts.items()) or "no videos"
        raise DataError(
            f"There is no video in the split '{split}'; found {found}. Choose another split rule "
            "and run `unmask index` again."
        )
    return rows


def require_both_classes(videos: pd.DataFrame, split: str) -> None:
    """Refuse a split that cannot be learned from or measured on.

    Raises:
        DataError: If the split is empty, or its videos are all real or all fake.
    """
    labels = require_split(videos, split)["label"]
    present = sorted(set(labels))
    if len(present) < len(CLASS_NAMES):
        raise DataError(
            f"All {len(labels)} videos of the split '{split}' are {CLASS_NAMES[present[0]]}; "
            "it needs real and fake ones."
        )


def _share_out(videos: pd.DataFrame, fractions: dict[str, float], seed: int) -> pd.DataFrame:
    """Give each group to the split that most lacks what the group holds, largest groups first.

    A split's distance from what it should hold is the sum over classes and methods of
    ``(is - should) ** 2``, divided by the split's fraction so that small splits count as much as
    large ones. Each group goes where the sum of the distances falls most.

    Raises:
        DataError: If there are fewer groups than splits with a fraction above 0.
    """
    names = [name for name, fraction in fractions.items() if fraction > 0]
    shares = _shares_of_groups(videos)
    if len(shares) < len(names):
        raise DataError(
            f"{len(videos)} videos in {len(shares)} groups cannot fill the splits "
            f"{_join(names)}: a group is never cut."
        )
    weights = np.array([fractions[name] for name in names])
    lacks = np.outer(weights, shares.to_numpy().sum(axis=0))
    is_empty = np.ones(len(names), dtype=bool)
    split_of: dict[str, str] = {}
    ordered = shares.loc[_order_of_groups(videos, seed)]
    for group, share in zip(ordered.index, ordered.to_numpy(), strict=True):
        # The last groups go to splits that have none yet, so that no split stays empty.
        must_fill = len(ordered) - len(split_of) <= is_empty.sum()
        gains = (2 * lacks @ share - share @ share) / weights
        chosen = int(np.argmax(np.where(is_empty | ~must_fill, gains, -np.inf)))
        lacks[chosen] -= share
        is_empty[chosen] = False
        split_of[group] = names[chosen]
    return videos.assign(split=videos["group"].map(split_of).astype(videos["split"].dtype))


def _order_of_groups(videos: pd.DataFrame, seed: int) -> list[str]:
    """Order the groups from large to small, and those of one size as the seed draws it."""
    sizes = Counter(videos["group"].tolist())
    return sorted(
        sizes, key=lambda group: (-sizes[group], derive_seed(seed, "split", group), group)
    )


def _shares_of_groups(videos: pd.DataFrame) -> pd.DataFrame:
    """Describe each group by its share of every class and of every method.

    Returns:
        One row for each group in the order of their names. The column of a class holds the fraction
        of its videos that are in the group; so does that of a method, divided by the number of
        methods so that many rare methods do not outweigh the classes.
    """
    method = videos["label"].astype(str) + "/" + videos["method"] + "/" + videos["kind"]
    shares = []
    for column in (videos["label"], method):
        counts = pd.crosstab(videos["group"], column)
        shares.append(counts / counts.sum() / (1 if column is videos["label"] else counts.shape[1]))
    return pd.concat(shares, axis=1)


def _join(words: list[str] | tuple[str, ...]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)

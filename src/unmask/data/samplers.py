"""Which clips an epoch holds: all, as many of each kind, or fakes beside their originals.

A policy knows every epoch from the seed and the epoch's number alone, so that a run which resumes
at epoch 7 sees what an uninterrupted run saw there.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from unmask.core.errors import DataError
from unmask.core.labels import FAKE, REAL
from unmask.core.reproducibility import derive_seed

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class EpochPlan:
    """What every epoch of a run holds.

    Attributes:
        num_rows: Clips per epoch.
        rows_of: Gives the rows of an epoch in the table of clips, ``(num_rows,)``, in their order;
            it can be pickled, for processes that are spawned.
        together: So many consecutive rows belong in one batch.
    """

    num_rows: int
    rows_of: Callable[[int], Rows]
    together: int = 1


class SamplingPolicy(Protocol):
    """Chooses the clips of each epoch; how many of each label is the same in every epoch."""

    def plan(self, clips: pd.DataFrame, seed: int) -> EpochPlan:
        """Lay down every epoch.

        Args:
            clips: One row per training clip, with ``dataset, video_id, label, method, original``.
        """


@dataclass(frozen=True)
class NaturalSampling:
    """Every clip once per epoch, in the proportion in which the data sets hold them."""

    def plan(self, clips: pd.DataFrame, seed: int) -> EpochPlan:
        """Shuffle all clips anew in every epoch."""
        return EpochPlan(len(clips), partial(_shuffled, np.arange(len(clips)), seed))


@dataclass(frozen=True)
class BalancedSampling:
    """As many real as fake clips; an epoch is as long as under :class:`NaturalSampling`.

    The larger class is not seen whole in one epoch, but takes up in the next where it stopped; the
    smaller one is seen more than once. No clip comes a second time before its whole class came.
    """

    def plan(self, clips: pd.DataFrame, seed: int) -> EpochPlan:
        """Take turns between the labels."""
        return _turns(clips, ["label"], seed)


@dataclass(frozen=True)
class StratifiedSampling:
    """As much of each data set; in it as much real as fake; in these as much of each method.

    An epoch is about as long as under :class:`NaturalSampling`. No clip comes a second time before
    all of its data set, label and method came.
    """

    def plan(self, clips: pd.DataFrame, seed: int) -> EpochPlan:
        """Take turns between data sets, in each between labels, in each between methods."""
        return _turns(clips, ["dataset", "label", "method"], seed)


@dataclass(frozen=True)
class PairedSampling:
    """Every fake clip once per epoch, each beside a clip of the real video that it was made from.

    The two stand next to each other, so that an even batch size keeps them in one batch. Over the
    epochs a fake meets every clip of its original. Where the original of a fake is not known or
    has no face, any real clip of its data set takes the place, in turn.
    """

    def plan(self, clips: pd.DataFrame, seed: int) -> EpochPlan:
        """Pair each fake clip.

        Raises:
            DataError: If no fake has its original among the clips, or a data set has no real clip.
        """
        fakes, pools = _fakes_and_pools(clips)
        # Fakes that share a pool start at different clips of it and move on by one each epoch.
        starts = np.asarray(fakes.groupby("pool").cumcount(), dtype=np.int64)
        fake_rows = fakes.index.to_numpy(np.int64)
        pool_of = [_permuted(pools[name], seed, str(name), 0) for name in fakes["pool"]]
        pairs = _Pairs(fake_rows, pool_of, starts, seed)
        return EpochPlan(2 * len(fake_rows), pairs.rows_of, together=2)


@dataclass(frozen=True)
class _Pairs:
    """Fakes, each with the reals that it meets over the epochs.

    Attributes:
        fake_rows: The fakes' rows, ``(fakes,)``.
        pool_of: For each fake, the rows of the reals that it meets.
        starts: For each fake, at which of them it begins, ``(fakes,)``.
    """

    fake_rows: Rows
    pool_of: list[Rows]
    starts: Rows
    seed: int

    def rows_of(self, epoch: int) -> Rows:
        """Return the pairs of an epoch one after the other, ``(2 * fakes,)``."""
        sizes = np.array([len(pool) for pool in self.pool_of])
        places = (self.starts + epoch) % sizes
        partners = [pool[place] for pool, place in zip(self.pool_of, places, strict=True)]
        pairs = np.stack([self.fake_rows, np.array(partners, dtype=np.int64)], axis=1)
        return pairs[_shuffled(np.arange(len(pairs)), self.seed, epoch)].reshape(-1)


def _fakes_and_pools(clips: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Rows]]:
    """Return the fakes with the name of the pool of reals of each, and the rows of each pool."""
    numbered = clips.reset_index(drop=True)
    reals = numbered[numbered["label"] == REAL]
    fakes = numbered[numbered["label"] == FAKE]
    has_original = fakes["original"].isin(reals["video_id"])
    if not has_original.any():
        raise DataError(
            f"None of the {len(fakes)} fake clips has the video that it was made from among the "
            f"{len(reals)} real training clips, so nothing can be paired. Choose sampler=balanced."
        )
    alone = sorted(set(fakes.loc[~has_original, "dataset"]) - set(reals["dataset"]))
    if alone:
        raise DataError(
            f"'{alone[0]}' has fake training clips and no real one to pair them with. Choose "
            "sampler=balanced."
        )
    # "/<dataset>" cannot be a video_id, which starts with the data set's name.
    by_video = {str(key): rows.index for key, rows in reals.groupby("video_id")}
    by_dataset = {f"/{key}": rows.index for key, rows in reals.groupby("dataset")}
    pool = fakes["original"].where(has_original, "/" + fakes["dataset"])
    pools = {key: index.to_numpy(np.int64) for key, index in (by_video | by_dataset).items()}
    return fakes.assign(pool=pool), pools


@dataclass(frozen=True)
class _Turns:
    """An endless sequence of rows: one child after the other, or one pass over rows after the next.

    Attributes:
        name: What it holds; with the seed it decides the order of every pass.
        rows: The rows, where there are no children.
        children: Sequences that take turns.
    """

    name: str
    rows: Rows
    children: Sequence["_Turns"] = ()

    def between(self, start: int, stop: int, seed: int) -> Rows:
        """Return what stands at the positions from ``start`` up to ``stop``, in any order."""
        if self.children:
            count = len(self.children)
            # Child c stands at every position p with p % count == c; it is its own p // count.
            parts = [
                child.between(
                    (start - c + count - 1) // count, (stop - c + count - 1) // count, seed
                )
                for c, child in enumerate(self.children)
            ]
            return np.concatenate(parts)
        length = len(self.rows)
        first, last = start // length, max(stop - 1, start) // length
        passes = [
            _permuted(self.rows, seed, self.name, number) for number in range(first, last + 1)
        ]
        return np.concatenate(passes)[start - first * length : stop - first * length]


def _turns(clips: pd.DataFrame, columns: list[str], seed: int) -> EpochPlan:
    """Let the values of the columns take turns, the later ones within the earlier ones."""
    root = _tree(clips.reset_index(drop=True), columns, "")
    step = _step(root, len(columns) - (columns[-1] == "method"))
    num_rows = math.ceil(len(clips) / step) * step

    return EpochPlan(num_rows, partial(_rows_in_turn, root, num_rows, seed))


def _rows_in_turn(root: _Turns, num_rows: int, seed: int, epoch: int) -> Rows:
    rows = root.between(epoch * num_rows, (epoch + 1) * num_rows, seed)
    return _shuffled(rows, seed, epoch)


def _tree(clips: pd.DataFrame, columns: list[str], name: str) -> _Turns:
    if not columns:
        return _Turns(name, clips.index.to_numpy(np.int64))
    children = [
        _tree(part, columns[1:], f"{name}/{value}")
        for value, part in clips.groupby(columns[0], sort=True)
    ]
    return _Turns(name, np.empty(0, dtype=np.int64), children)


def _step(turns: _Turns, depth: int) -> int:
    """Return of how many rows an epoch's length must be a multiple for equal shares of labels."""
    if depth == 0:
        return 1
    return len(turns.children) * math.lcm(*(_step(child, depth - 1) for child in turns.children))


def _permuted(rows: Rows, seed: int, name: str, number: int) -> Rows:
    random = np.random.default_rng(derive_seed(seed, "pass", name, number))
    return random.permutation(rows)


def _shuffled(rows: Rows, seed: int, epoch: int) -> Rows:
    return np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(rows)

"""Whether one detector ranks better than another, or chance and the choice of people would do.

Two answers to the same question stand beside each other. The primary one is a paired bootstrap
over identity groups: both detectors see the same draws of people. DeLong's test is the usual one in
print, but it takes videos for independent, so that several videos of one person count as several
people and its p-values are then too small.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, erfc, sqrt
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from unmask.core.errors import PredictionsError
from unmask.core.labels import FAKE, REAL
from unmask.evaluation.metrics import Labels, Scores, require_both_classes, roc_auc
from unmask.evaluation.predictions import VIDEO_FACTS, VIDEO_KEY
from unmask.evaluation.resamples import ClusteredRows, Resamples, Values, draw_counts
from unmask.evaluation.uncertainty import quantile_ends, weighted_auc

# Below this a corrected p-value is called a difference.
ALPHA: Final = 0.05
# Up to so many groups, a table of wins between each two of them makes a draw 10 times cheaper; one
# of 500 takes 2 MB.
MAX_TABLE_GROUPS: Final = 500
# Products behind the draws of one target that are still quickly taken, in about 10 s on one core.
MAX_PRODUCTS: Final = 100_000_000_000


@dataclass(frozen=True)
class DeLong:
    """DeLong's test of two AUCs over the same videos.

    Args:
        difference: First AUC less the second.
        variance: Variance of the difference, as estimated.
        p_value: Two-sided. 1 where the AUCs agree and the variance is 0; None where they differ and
            it is 0, as for two rankings without a single error of another kind.
    """

    difference: float
    variance: float
    p_value: float | None


@dataclass(frozen=True)
class AucDifference:
    """How much higher the first of two detectors ranks, over the same videos.

    Args:
        difference: First AUC less the second.
        low: Lower end of the clustered bootstrap's interval; None where there is one group.
        p_value: Two-sided, of the clustered bootstrap; at least ``2 / (resamples + 1)``.
        delong: The same under the assumption of independent videos.
        num_videos: Videos that both scored.
        num_groups: Identity groups among them.
        num_resamples: Draws behind the interval and the p-value; 0 where there is one group.
    """

    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    delong: DeLong
    num_videos: int
    num_groups: int
    num_resamples: int

    @property
    def smallest_p(self) -> float | None:
        """The smallest p-value that so many draws can give; None where there is one group."""
        return 2 / (self.num_resamples + 1) if self.num_resamples else None


def delong_test(labels: Labels, first: Sequence[Scores], second: Sequence[Scores]) -> DeLong:
    """Test whether the mean AUCs of two sides, over the same videos, differ.

    DeLong, DeLong and Clarke-Pearson (1988), Comparing the areas under two or more correlated
    receiver operating characteristic curves; by the midranks of Sun and Xu (2014), Fast
    implementation of DeLong's algorithm, which take O(n log n). It assumes independent videos. An
    AUC is a mean of placements; hence the mean AUC is that of the mean placements, and the variance
    follows as for one.

    Args:
        labels: 0 real, 1 fake, (n,); at least 2 of each.
        first: Scores of each detector of one side, (n,).
        second: Scores of each detector of the other side for the same videos, (n,).

    Raises:
        PredictionsError: If there are fewer than 2 of a class.
    """
    require_both_classes(labels, "DeLong's test")
    if min(np.bincount(labels, minlength=2)) < 2:
        raise PredictionsError("DeLong's test needs at least 2 real and 2 fake videos.")
    of_first, of_second = _mean_placements(labels, first), _mean_placements(labels, second)
    difference = float((of_first[1] - of_second[1]).mean())
    # The variance of a difference is that of the videos' own differences, by class.
    variance = sum(
        float(np.var(one - other, ddof=1)) / len(one)
        for one, other in zip(of_first, of_second, strict=True)
    )
    if variance <= 0.0:
        return DeLong(difference, 0.0, 1.0 if abs(difference) < 1e-12 else None)
    return DeLong(difference, variance, erfc(abs(difference) / sqrt(2 * variance)))


def _mean_placements(labels: Labels, scores: Sequence[Scores]) -> tuple[Values, Values]:
    found = [_placements(labels, one) for one in scores]
    return np.mean([one[0] for one in found], axis=0), np.mean([one[1] for one in found], axis=0)


def _placements(labels: Labels, scores: Scores) -> tuple[Values, Values]:
    """Return of each real the share of fakes above it, and of each fake that of reals below it."""
    reals, fakes = scores[labels == REAL], scores[labels == FAKE]
    among_all = rankdata(np.concatenate([reals, fakes]))
    fakes_below = among_all[: len(reals)] - rankdata(reals)
    reals_below = among_all[len(reals) :] - rankdata(fakes)
    return 1.0 - fakes_below / len(fakes), reals_below / len(reals)


def compare_aucs(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    num_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> AucDifference:
    """Compare two detectors on the same videos.

    The p-value inverts the interval: twice the smaller share of draws on either side of no
    difference, each with one draw added, so that it is never 0 (Davison and Hinkley 1997).

    Args:
        first: One row per video with ``dataset``, ``video_id``, ``label``, ``group`` and ``score``.
        second: The same videos as scored by the other.
        num_resamples: Draws of groups, at least 1.
        level: Share of the draws inside the interval, in (0, 1).

    Returns:
        The difference with its interval and both p-values.

    Raises:
        PredictionsError: If the videos or their labels, methods, groups or splits differ, or as
            :func:`delong_test`.
        ValueError: If ``num_resamples`` or ``level`` is out of range.
    """
    return compare_mean_aucs([first], [second], num_resamples=num_resamples, level=level, seed=seed)


def compare_mean_aucs(
    first: Sequence[pd.DataFrame],
    second: Sequence[pd.DataFrame],
    *,
    num_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> AucDifference:
    """Compare the mean AUC of one detector's runs with that of another's, on the same videos.

    Runs that differ in their seed count as their mean AUC, which is not the AUC of their mean
    score: that would be an ensemble. The answer holds for these runs; how far other seeds would
    move it is their standard deviation.

    Args:
        first: At least one table as :func:`compare_aucs` takes it.
        second: At least one of the same videos.

    Returns:
        The difference of the means, as :func:`compare_aucs` returns one.

    Raises:
        PredictionsError: As :func:`compare_aucs`.
        ValueError: As :func:`compare_aucs`, or if one side has no table.
    """
    return compare_with_others(
        first, [second], num_resamples=num_resamples, level=level, seed=seed
    )[0]


def compare_with_others(
    first: Sequence[pd.DataFrame],
    others: Sequence[Sequence[pd.DataFrame]],
    *,
    num_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> list[AucDifference]:
    """Compare one detector with each of several, as :func:`compare_mean_aucs` does with one.

    All see the same draws, which are taken once.

    Args:
        others: The runs of each other detector, on the same videos.

    Returns:
        The differences, in the order of the others.

    Raises:
        PredictionsError: As :func:`compare_aucs`.
        ValueError: As :func:`compare_mean_aucs`.
    """
    for other in others:
        if not first or not other:
            raise ValueError(f"Each side needs a table, got {len(first)} and {len(other)}.")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, got {level}.")
    aligned = [[align_videos(first[0], table) for table in side] for side in (first, *others)]
    videos = aligned[0][0][0]
    labels, codes = videos["label"].to_numpy(np.int64), pd.factorize(videos["group"], sort=True)[0]
    sides = [[table["score"].to_numpy(np.float64) for _, table in side] for side in aligned]
    num_groups, means = int(codes.max()) + 1, [_mean_roc_auc(labels, side) for side in sides]
    drawn = None
    if num_groups > 1:
        drawn = _drawn_aucs(labels, sides, codes, num_resamples=num_resamples, seed=seed)
    found = []
    for index, side in enumerate(sides[1:], start=1):
        low, high, p_value = _bounds(None if drawn is None else drawn[0] - drawn[index], level)
        found.append(
            AucDifference(
                difference=means[0] - means[index],
                low=low,
                high=high,
                p_value=p_value,
                delong=delong_test(labels, sides[0], side),
                num_videos=len(videos),
                num_groups=num_groups,
                num_resamples=0 if drawn is None else drawn.shape[1],
            )
        )
    return found


def _mean_roc_auc(labels: Labels, side: Sequence[Scores]) -> float:
    return float(np.mean([roc_auc(labels, each) for each in side]))


def _bounds(drawn: Values | None, level: float) -> tuple[float | None, float | None, float | None]:
    """Return the ends of the interval of drawn differences and the p-value that inverts it."""
    if drawn is None:
        return None, None, None
    low, high = quantile_ends(drawn, level)
    # Equal rankings differ in the last bit when their sums were taken in another order.
    either = [int((drawn <= 1e-12).sum()), int((drawn >= -1e-12).sum())]
    return low, high, min(1.0, 2 * (min(either) + 1) / (len(drawn) + 1))


def _drawn_aucs(
    labels: Labels,
    sides: Sequence[Sequence[Scores]],
    codes: NDArray[np.intp],
    *,
    num_resamples: int,
    seed: int,
) -> Values:
    """Return the mean AUC of each side on the same draws of groups, (sides, resamples)."""
    num_groups = int(codes.max()) + 1
    rows = [[ClusteredRows(labels, each, codes, num_groups) for each in side] for side in sides]
    draws = draw_counts(rows[0][0], num_resamples=num_resamples, seed=seed)
    if num_groups > MAX_TABLE_GROUPS:
        parts = [[_mean_auc(side, counts) for side in rows] for counts, _ in draws]
        return np.concatenate(parts, axis=1)
    # A mean of AUCs over the same videos is one of their wins, so that seeds cost nothing more.
    wins = [np.mean([_wins(one) for one in side], axis=0) for side in rows]
    reals, fakes = (rows[0][0].sums((labels == one).astype(np.float64)) for one in (REAL, FAKE))
    parts = []
    for counts, _ in draws:
        pairs = (counts @ reals) * (counts @ fakes)
        parts.append([np.einsum("rg,rg->r", counts @ won, counts) / pairs for won in wins])
    return np.concatenate(parts, axis=1)


def _wins(rows: ClusteredRows) -> Values:
    """Count the pairs of a fake of one group above a real of another, (groups, groups).

    Ties count half. Where the groups are drawn ``counts`` times, ``counts @ wins @ counts`` is the
    number of pairs won.
    """
    reals, fakes = rows.sums_by_level
    of_level = reals.toarray()
    below = of_level.sum(axis=0) - np.cumsum(of_level, axis=0) + of_level / 2
    won: Values = fakes.T @ below
    return won


def _mean_auc(rows: Sequence[ClusteredRows], counts: Values) -> Values:
    mean: Values = np.mean([weighted_auc(Resamples(one, counts)) for one in rows], axis=0)
    return mean


def align_videos(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two tables of videos in the same order.

    Raises:
        PredictionsError: If a video is missing in one, or repeats, or its facts differ.
    """
    one, other = (table.set_index(VIDEO_KEY).sort_index() for table in (first, second))
    for table in (one, other):
        if table.index.has_duplicates:
            repeated = table.index[table.index.duplicated()][0]
            raise PredictionsError(f"Video {repeated} stands twice in a table of videos.")
    alone = one.index.symmetric_difference(other.index)
    if len(alone):
        raise PredictionsError(
            f"{len(alone)} videos are scored by one of two runs alone, such as {alone[0]}; only "
            "runs over the same videos can be compared."
        )
    facts = [name for name in VIDEO_FACTS if name in one and name in other]
    differ = (one[facts] != other[facts]).any(axis=1)
    if differ.any():
        raise PredictionsError(
            f"Video {one.index[differ][0]} has another label, method, group or split in each of "
            "two runs; they were not scored on the same manifest."
        )
    return one.reset_index(), other.reset_index()


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for being several, so that one wrong claim among them stays unlikely.

    Holm (1979), A simple sequentially rejective multiple test procedure: of m values the i-th
    smallest is multiplied by m - i + 1; none may fall below a smaller one's.

    Args:
        p_values: Each in [0, 1].

    Returns:
        The adjusted values in the same order, each at most 1.

    Raises:
        ValueError: If a value lies outside [0, 1].

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    outside = [value for value in p_values if not 0.0 <= value <= 1.0]
    if outside:
        raise ValueError(f"A p-value must lie in [0, 1], got {outside[0]}.")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = highest
    return adjusted


def draws_for_holm(num_tests: int, *, num_groups: int, num_sides: int, at_least: int) -> int:
    """Return how often to draw so that Holm's correction can find a difference at all.

    The smallest p-value of B draws is ``2 / (B + 1)``, and Holm's correction multiplies the
    smallest of m by m: with 1000 draws none of 26 could fall below 0.05. Ten times what it takes is
    drawn where that is quickly done, so that single draws do not decide.

    Args:
        num_tests: p-values that are corrected together.
        num_groups: Groups that are drawn.
        num_sides: Detectors that see each draw.
        at_least: Draws wanted anyway.

    Returns:
        Draws, at least ``at_least``.

    Example:
        >>> draws_for_holm(26, num_groups=60, num_sides=14, at_least=1000)
        10400
        >>> draws_for_holm(26, num_groups=5000, num_sides=14, at_least=1000)
        1040
    """
    enough = ceil(2 * num_tests / ALPHA)
    products = 10 * enough * num_sides * num_groups**2
    is_quick = num_groups <= MAX_TABLE_GROUPS and products <= MAX_PRODUCTS
    return max(at_least, 10 * enough if is_quick else enough)

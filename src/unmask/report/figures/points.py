"""The points that curves are drawn through, few enough for a page."""

import heapq
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn import metrics as reference

from unmask.core.labels import FAKE
from unmask.evaluation.metrics import Labels, Scores, require_both_classes, roc_points
from unmask.evaluation.metrics.probability import NUM_BINS, bin_of

Values = NDArray[np.float64]
Line = tuple[Values, Values]
"""The x and the y of each point, both (points,)."""

# A point of a path takes 17 bytes, so that all curves of one chart stay below 60 kB.
MOST_POINTS: Final = 1800
FEWEST_POINTS: Final = 48
# Error rates nearer to 0 and 1 than this are drawn on the border of the DET chart.
DET_EDGE: Final = 0.001


def points_per_curve(num_curves: int) -> int:
    """Share the points of one chart among its curves.

    Example:
        >>> points_per_curve(1), points_per_curve(6), points_per_curve(100)
        (900, 300, 48)
    """
    return max(FEWEST_POINTS, MOST_POINTS // max(2, num_curves))


def thin(line: Line, most: int) -> Line:
    """Keep the points of a curve that :func:`kept_points` chooses.

    Example:
        >>> thin((np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.5, 1.0])), 2)
        (array([0., 1.]), array([0., 1.]))
    """
    chosen = kept_points(line, most)
    return line[0][chosen], line[1][chosen]


def kept_points(line: Line, most: int) -> NDArray[np.intp]:
    """Choose the points of a curve that say most about its shape.

    Starting from its ends, the point farthest from what is drawn so far is added until there are
    enough. Ramer (1972), An iterative procedure for the polygonal approximation of plane curves,
    and Douglas and Peucker (1973), with a number of points as the end instead of a tolerance.

    Args:
        line: In the coordinates of the drawing, both axes of about the same length.
        most: Points to keep, at least 2.

    Returns:
        Indices of at most ``most`` points in their order, first and last among them.

    Raises:
        ValueError: If ``most`` is less than 2.
    """
    if most < 2:
        raise ValueError(f"most must be at least 2, got {most}.")
    x, y = line
    if len(x) <= most:
        return np.arange(len(x))
    kept = [0, len(x) - 1]
    # The farthest point of the worst piece comes out first.
    pieces = [_farthest(x, y, *kept)]
    while len(kept) < most and pieces[0][0] < 0.0:
        _, point, first, last = heapq.heappop(pieces)
        kept.append(point)
        heapq.heappush(pieces, _farthest(x, y, first, point))
        heapq.heappush(pieces, _farthest(x, y, point, last))
    return np.sort(np.array(kept))


def _farthest(x: Values, y: Values, first: int, last: int) -> tuple[float, int, int, int]:
    """Return minus the largest distance from the chord of a piece, and where it is."""
    if last - first < 2:
        return 0.0, first, first, last
    across, up = x[last] - x[first], y[last] - y[first]
    inside = slice(first + 1, last)
    length = float(np.hypot(across, up))
    if length == 0.0:
        distances = np.hypot(x[inside] - x[first], y[inside] - y[first])
    else:
        distances = np.abs(across * (y[inside] - y[first]) - up * (x[inside] - x[first])) / length
    point = int(np.argmax(distances))
    return -float(distances[point]), first + 1 + point, first, last


def labels_and_scores(table: pd.DataFrame) -> tuple[Labels, Scores]:
    """Return the columns ``label`` and ``score`` of a table as arrays, (n,) each."""
    return table["label"].to_numpy(np.int64), table["score"].to_numpy(np.float64)


def roc_line(table: pd.DataFrame, most: int) -> Line:
    """Return the ROC curve from (0, 0) to (1, 1).

    Args:
        table: ``label`` and ``score``.
        most: Points, at least 2.

    Returns:
        Share of reals called fake; share of fakes called fake.

    Raises:
        PredictionsError: If one class is missing.
    """
    return thin(roc_points(*labels_and_scores(table)), most)


def pr_line(table: pd.DataFrame, most: int) -> Line:
    """Return precision over recall as the steps that average precision is the area of.

    A straight line between two points would promise more than any threshold gives (Davis and
    Goadrich 2006, The relationship between precision-recall and ROC curves).

    Args:
        table: ``label`` and ``score``.
        most: Points, at least 2.

    Returns:
        Recall of fake, from 0; precision of fake, whose last value is the share of fakes.

    Raises:
        PredictionsError: If one class is missing.
    """
    labels, scores = labels_and_scores(table)
    require_both_classes(labels, "a precision-recall curve")
    precision, recall, _ = reference.precision_recall_curve(
        labels, scores, pos_label=FAKE, drop_intermediate=True
    )
    # From the strictest threshold on; each precision holds for the recall gained to reach it.
    recall, precision = recall[::-1], precision[::-1]
    return thin((np.repeat(recall, 2)[:-1], np.repeat(precision, 2)[1:]), most)


def det_line(table: pd.DataFrame, most: int) -> Line:
    """Return the detection error trade-off as normal deviates, in which normal scores are lines.

    Martin et al. (1997), The DET curve in assessment of detection task performance.

    Args:
        table: ``label`` and ``score``.
        most: Points, at least 2.

    Returns:
        Share of reals called fake; share of fakes called real; both as normal deviates, rates
        beyond ``DET_EDGE`` and its complement moved there.

    Raises:
        PredictionsError: If one class is missing.
    """
    false_fake, true_fake = roc_points(*labels_and_scores(table))
    x, y = deviates(false_fake), deviates(1.0 - true_fake)
    return thin((x, y), most)


def deviates(rates: Sequence[float] | Values) -> Values:
    """Return the normal deviates of rates, 0 for one half.

    Example:
        >>> deviates([0.025, 0.5]).round(2).tolist()
        [-1.96, 0.0]
    """
    found: Values = ndtri(np.clip(rates, DET_EDGE, 1.0 - DET_EDGE))
    return found


def reliability_line(table: pd.DataFrame, *, num_bins: int = NUM_BINS) -> Line:
    """Return the share of fakes over the mean score, in the bins of the calibration error.

    Args:
        table: ``label`` and ``score`` in [0, 1].
        num_bins: Equal bins of [0, 1]; empty ones give no point.

    Returns:
        Mean score of each bin; share of fakes in it.
    """
    labels, scores = labels_and_scores(table)
    bins = bin_of(scores, num_bins)
    counts = np.bincount(bins, minlength=num_bins)
    filled = counts > 0
    sums = [
        np.bincount(bins, weights=values, minlength=num_bins)[filled] / counts[filled]
        for values in (scores, (labels == FAKE).astype(np.float64))
    ]
    return sums[0], sums[1]

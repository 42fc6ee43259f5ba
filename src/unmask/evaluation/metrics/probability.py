"""Whether scores can be taken at their word as probabilities of fake; lower is better in all."""

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as reference

from unmask.core.labels import FAKE, REAL
from unmask.evaluation.metrics.labels import Labels, Scores

NUM_BINS = 15
# The nearest to 0 and 1 that a score counts as in the log loss: scikit-learn's bound.
LOG_LOSS_EPS = float(np.finfo(np.float64).eps)


def log_loss(labels: Labels, scores: Scores) -> float:
    """Return the mean of -log of the probability given to what is; log 2 = 0.693 for all at 0.5.

    Scores are first moved into [2.2e-16, 1 - 2.2e-16], so that one that is certain and wrong costs
    36 and not infinity.

    Example:
        >>> round(log_loss(np.array([0, 1]), np.array([0.5, 0.5])), 3)
        0.693
    """
    return float(reference.log_loss(labels, scores, labels=[REAL, FAKE]))


def brier_score(labels: Labels, scores: Scores) -> float:
    """Return the mean squared distance of score and label; 0.25 for all at 0.5.

    Brier (1950), Verification of forecasts expressed in terms of probability, halved as is usual
    for two classes.

    Example:
        >>> brier_score(np.array([0, 1]), np.array([0.5, 0.5]))
        0.25
    """
    return float(reference.brier_score_loss(labels, scores, pos_label=FAKE))


def expected_calibration_error(
    labels: Labels, scores: Scores, *, num_bins: int = NUM_BINS
) -> float:
    """Return how far, on average, a score lies from the share of fakes among its like.

    Scores fall into equal bins of [0, 1]; the distance between a bin's mean score and its share of
    fakes is averaged with the bin's count as weight. This is the form for the probability of one
    class (as ``binary_calibration_error`` of torchmetrics), not for the confidence in the called
    one (Guo et al. 2017, On calibration of modern neural networks).

    Args:
        labels: 0 real, 1 fake, (n,).
        scores: Probability of fake in [0, 1], (n,).
        num_bins: At least 1; a score on an edge belongs to the bin above it, 1 to the last.

    Raises:
        ValueError: If ``num_bins`` is less than 1.

    Example:
        >>> expected_calibration_error(np.array([0, 1]), np.array([0.5, 0.5]))
        0.0
    """
    if num_bins < 1:
        raise ValueError(f"num_bins must be at least 1, got {num_bins}.")
    bins = bin_of(scores, num_bins)
    gaps = np.bincount(bins, weights=scores - (labels == FAKE), minlength=num_bins)
    return float(np.abs(gaps).sum() / len(scores))


def bin_of(scores: Scores, num_bins: int) -> NDArray[np.intp]:
    """Return the equal bin of [0, 1] that each score falls into, from 0.

    Example:
        >>> bin_of(np.array([0.0, 0.5, 1.0]), 2).tolist()
        [0, 1, 1]
    """
    inner_edges = np.arange(1, num_bins) / num_bins
    return np.searchsorted(inner_edges, scores, side="right")

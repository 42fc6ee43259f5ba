"""How well scores put fakes above reals; unchanged by any rescaling that keeps the order."""

import numpy as np
from sklearn import metrics as reference

from unmask.evaluation.metrics.labels import Labels, Scores, require_both_classes

# The region of false alarms that the reported partial AUC covers.
PARTIAL_MAX_FPR = 0.1


def roc_auc(labels: Labels, scores: Scores) -> float:
    """Return the chance that a fake scores above a real one, ties counting half.

    Raises:
        PredictionsError: If one class is missing.

    Example:
        >>> roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.75
    """
    require_both_classes(labels, "ROC AUC")
    return float(reference.roc_auc_score(labels, scores))


def average_precision(labels: Labels, scores: Scores) -> float:
    """Return the average precision of fake over its recall; its chance level is the share of fakes.

    Raises:
        PredictionsError: If one class is missing.

    Example:
        >>> average_precision(np.array([0, 1]), np.array([0.2, 0.9]))
        1.0
    """
    require_both_classes(labels, "average precision")
    return float(reference.average_precision_score(labels, scores))


def equal_error_rate(labels: Labels, scores: Scores) -> float:
    """Return the error rate where as large a share of reals as of fakes is called wrongly.

    The ROC curve is cut by the line of equal errors, between its points where need be.

    Raises:
        PredictionsError: If one class is missing.

    Example:
        >>> equal_error_rate(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.5
    """
    false_fake, true_fake = roc_points(labels, scores)
    total = false_fake + true_fake
    after = int(np.argmax(total >= 1.0))
    before = after - 1
    step = (1.0 - total[before]) / (total[after] - total[before])
    return float(false_fake[before] + step * (false_fake[after] - false_fake[before]))


def roc_points(labels: Labels, scores: Scores) -> tuple[Scores, Scores]:
    """Return the ROC curve from (0, 0) to (1, 1).

    Returns:
        The share of reals called fake and the share of fakes called fake, both (points,).

    Raises:
        PredictionsError: If one class is missing.
    """
    require_both_classes(labels, "a ROC curve")
    false_fake, true_fake, _ = reference.roc_curve(labels, scores)
    return false_fake, true_fake


def partial_auc(labels: Labels, scores: Scores, *, max_fpr: float = PARTIAL_MAX_FPR) -> float:
    """Return the area under the ROC curve where few reals are called fake, standardised.

    The area A over shares of reals called fake of at most ``max_fpr`` = f is rescaled as McClish
    (1989, Analyzing a portion of the ROC curve) does, ``(1 + (A - f^2/2) / (f - f^2/2)) / 2``, so
    that guessing gives 0.5 and perfection 1 as for the whole curve; below 0.5 is worse than
    guessing there. Between two points of the curve the line is cut at f.

    Args:
        labels: 0 real, 1 fake, (n,).
        scores: Probability of fake, (n,).
        max_fpr: In (0, 1].

    Raises:
        PredictionsError: If one class is missing.
        ValueError: If ``max_fpr`` is out of range.

    Example:
        >>> partial_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4]))
        1.0
    """
    require_both_classes(labels, "partial AUC")
    _check_max_fpr(max_fpr)
    return float(reference.roc_auc_score(labels, scores, max_fpr=max_fpr))


def true_positive_rate(labels: Labels, scores: Scores, *, max_fpr: float) -> float:
    """Return the largest share of fakes found by a threshold that few reals reach.

    Only thresholds that exist count: of those at which at most ``max_fpr`` of the reals are called
    fake the best is taken, and nothing is interpolated. With fewer than ``1 / max_fpr`` reals no
    real one may be called fake.

    Args:
        labels: 0 real, 1 fake, (n,).
        scores: Probability of fake, (n,).
        max_fpr: Share of reals that may be called fake, in (0, 1].

    Raises:
        PredictionsError: If one class is missing.
        ValueError: If ``max_fpr`` is out of range.

    Example:
        >>> true_positive_rate(np.array([0, 0, 1, 1]), np.array([0.1, 0.8, 0.3, 0.9]), max_fpr=0.05)
        0.5
    """
    require_both_classes(labels, "a share of fakes found")
    _check_max_fpr(max_fpr)
    # Points on a straight piece of the curve are thresholds too.
    false_fake, true_fake, _ = reference.roc_curve(labels, scores, drop_intermediate=False)
    return float(true_fake[false_fake <= max_fpr].max())


def _check_max_fpr(max_fpr: float) -> None:
    if not 0.0 < max_fpr <= 1.0:
        raise ValueError(f"max_fpr must lie in (0, 1], got {max_fpr}.")

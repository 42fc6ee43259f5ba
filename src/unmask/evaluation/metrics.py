"""What is reported of labels and scores. Positive is always fake.

Each function takes ``labels`` (n,), 0 real or 1 fake, and ``scores`` (n,), the probability of fake.
A metric that needs both classes refuses a set that has one, instead of answering 0.5.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as reference

from unmask.core.errors import PredictionsError
from unmask.core.labels import CLASS_NAMES, FAKE, REAL

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class ClassMetrics:
    """How one class fares at a threshold.

    Args:
        precision: Of what was called this class, the fraction that is; None where nothing was.
        recall: Of what is this class, the fraction that was called so.
        f1: Harmonic mean of the two.
        support: How many are this class.
    """

    precision: float | None
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Decisions:
    """What comes of calling every score of at least ``threshold`` fake.

    Args:
        threshold: In [0, 1].
        accuracy: Fraction called rightly.
        balanced_accuracy: Mean of the two recalls, which a majority class cannot lift.
        classes: Metrics of ``"real"`` and ``"fake"``.
        confusion: Counts; row: what it is, column: what it was called; real first.
    """

    threshold: float
    accuracy: float
    balanced_accuracy: float
    classes: dict[str, ClassMetrics]
    confusion: tuple[tuple[int, int], tuple[int, int]]


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


def decisions_at(labels: Labels, scores: Scores, threshold: float) -> Decisions:
    """Count what is right and wrong when scores of at least ``threshold`` are called fake.

    Raises:
        PredictionsError: If one class is missing.
        ValueError: If ``threshold`` lies outside [0, 1].

    Example:
        >>> decisions_at(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.6, 0.9]), 0.5).confusion
        ((1, 1), (0, 2))
    """
    require_both_classes(labels, "accuracy per class")
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"threshold must lie in [0, 1], got {threshold}.")
    called = (scores >= threshold).astype(np.int64)
    precision, recall, f1, support = reference.precision_recall_fscore_support(
        labels, called, labels=[REAL, FAKE], zero_division=np.nan
    )
    (real_real, real_fake), (fake_real, fake_fake) = reference.confusion_matrix(
        labels, called, labels=[REAL, FAKE]
    ).tolist()
    return Decisions(
        threshold=threshold,
        accuracy=float(reference.accuracy_score(labels, called)),
        balanced_accuracy=float(recall.mean()),
        classes={
            name: ClassMetrics(
                precision=None if np.isnan(precision[index]) else float(precision[index]),
                recall=float(recall[index]),
                f1=float(f1[index]),
                support=int(support[index]),
            )
            for index, name in enumerate(CLASS_NAMES)
        },
        confusion=((real_real, real_fake), (fake_real, fake_fake)),
    )


def balanced_accuracy_threshold(labels: Labels, scores: Scores) -> float:
    """Return the threshold with the best balanced accuracy (Youden's J), to be carried elsewhere.

    Candidates lie midway between neighbouring scores, because a threshold on a score itself would
    turn on its last bit. Of equally good ones the nearest to 0.5 is taken; where all scores are the
    same there is nothing to choose and it is 0.5.

    Raises:
        PredictionsError: If one class is missing.

    Example:
        >>> balanced_accuracy_threshold(np.array([0, 0, 1]), np.array([0.1, 0.2, 0.8]))
        0.5
    """
    require_both_classes(labels, "a threshold")
    levels = np.unique(scores)
    if len(levels) == 1:
        return 0.5
    candidates = (levels[:-1] + levels[1:]) / 2
    reals, fakes = np.sort(scores[labels == REAL]), np.sort(scores[labels == FAKE])
    # side="left" counts scores below a candidate; those at or above it are called fake.
    right_reals = np.searchsorted(reals, candidates, side="left") / len(reals)
    right_fakes = 1.0 - np.searchsorted(fakes, candidates, side="left") / len(fakes)
    merit = right_reals + right_fakes
    # The same merit can differ in its last bit when it is reached by other fractions.
    best = candidates[merit >= merit.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - 0.5))])


def require_both_classes(labels: Labels, purpose: str) -> None:
    """Refuse labels of one class.

    Args:
        labels: 0 real, 1 fake, (n,).
        purpose: What would need both, e.g. ``"ROC AUC"``.

    Raises:
        PredictionsError: If there is no real one or no fake one.
    """
    num_fake = int(np.count_nonzero(labels == FAKE))
    num_real = len(labels) - num_fake
    if num_real == 0 or num_fake == 0:
        raise PredictionsError(
            f"There are {num_real} real and {num_fake} fake ones, but {purpose} needs both classes."
        )

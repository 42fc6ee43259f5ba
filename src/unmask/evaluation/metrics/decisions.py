"""What comes of a threshold, and how one is chosen."""

from dataclasses import dataclass

import numpy as np
from sklearn import metrics as reference

from unmask.core.labels import CLASS_NAMES, FAKE, REAL
from unmask.evaluation.metrics.labels import Labels, Scores, require_both_classes


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
    turn on its last bit. Among equally good ones the nearest to 0.5 is taken; where all scores are
    the same there is nothing to choose and it is 0.5.

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

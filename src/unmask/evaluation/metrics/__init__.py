"""What is reported of labels and scores. Positive is always fake.

Each function takes ``labels`` (n,), 0 real or 1 fake, and ``scores`` (n,), the probability of fake.
A metric that needs both classes refuses a set that has one, instead of answering 0.5.
"""

from unmask.evaluation.metrics.decisions import (
    ClassMetrics,
    Decisions,
    balanced_accuracy_threshold,
    decisions_at,
)
from unmask.evaluation.metrics.labels import Labels, Scores, require_both_classes
from unmask.evaluation.metrics.probability import (
    brier_score,
    expected_calibration_error,
    log_loss,
)
from unmask.evaluation.metrics.ranking import (
    average_precision,
    equal_error_rate,
    partial_auc,
    roc_auc,
    roc_points,
    true_positive_rate,
)

__all__ = [
    "ClassMetrics",
    "Decisions",
    "Labels",
    "Scores",
    "average_precision",
    "balanced_accuracy_threshold",
    "brier_score",
    "decisions_at",
    "equal_error_rate",
    "expected_calibration_error",
    "log_loss",
    "partial_auc",
    "require_both_classes",
    "roc_auc",
    "roc_points",
    "true_positive_rate",
]

"""What every metric is given, and the refusal of sets that lack a class."""

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import PredictionsError
from unmask.core.labels import FAKE

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]


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

"""The rules by which several detectors vote."""

from typing import Literal

VotingRule = Literal["hard", "soft", "accuracy", "auc", "grid", "stacking"]

"""What must be the same for two reports' numbers to be compared."""

from dataclasses import dataclass
from typing import get_args

from unmask.evaluation.aggregate import TOP_K, Aggregation, UnscoredPolicy


@dataclass(frozen=True)
class Protocol:
    """How predictions become numbers.

    Args:
        how: How the clips of a video give its score.
        top_k: Clips behind it where ``how`` is ``"topk"``.
        unscored: What becomes of videos without a usable face.
        num_resamples: Resamples behind each interval.
        level: Share of the resamples inside an interval.
        seed: Seed of the resamples.
    """

    how: Aggregation = "mean"
    top_k: int = TOP_K
    unscored: UnscoredPolicy = "exclude"
    num_resamples: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values outside what is allowed.

        Raises:
            ValueError: If an argument is out of range.
        """
        if self.how not in get_args(Aggregation):
            raise ValueError(f"how must be one of {get_args(Aggregation)}, got {self.how!r}.")
        if self.unscored not in get_args(UnscoredPolicy):
            raise ValueError(
                f"unscored must be one of {get_args(UnscoredPolicy)}, got {self.unscored!r}."
            )
        if self.top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {self.top_k}.")
        if self.num_resamples < 1:
            raise ValueError(f"num_resamples must be at least 1, got {self.num_resamples}.")
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level must lie between 0 and 1, got {self.level}.")

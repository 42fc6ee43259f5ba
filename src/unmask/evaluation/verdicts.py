"""Real, fake or uncertain: two thresholds that validation fixes, and the words for them.

A detector that must always answer is wrong where it knows least. Between two thresholds it says
``uncertain``: at most a stated share of real validation videos scores above the upper one, and at
most that share of fakes below the lower one.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import floor
from typing import Any, Final, Literal

import numpy as np
from scipy.stats import beta

from unmask.core.labels import FAKE, REAL
from unmask.evaluation.metrics import Labels, Scores, require_both_classes

Verdict = Literal["real", "fake", "uncertain", "no_face"]

MAX_ERROR: Final = 0.05
# Confidence of the bound on the true share; one-sided.
CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Band:
    """Two thresholds, and what is known of them.

    A score above ``upper`` is called fake, one below ``lower`` real, and all others uncertain.
    Where they bound a gap between the classes, the ends themselves are scores of the classes: one
    at ``upper`` is fake, one at ``lower`` real. Votes and saturated networks score nothing but
    such ends.

    Args:
        lower: In [0, 1].
        upper: In [0, 1], at least ``lower``.
        num_real: Real validation videos behind it; 0 where nothing fixed it.
        num_fake: Fake validation videos behind it; 0 where nothing fixed it.
        max_error: The share that was asked for.
        real_above: Share of those real videos that are called fake.
        fake_below: Share of those fakes that are called real.
        source: Where it comes from, in words.
        is_gap: Whether the classes lie so far apart that the ends belong to them.
    """

    lower: float
    upper: float
    num_real: int = 0
    num_fake: int = 0
    max_error: float = MAX_ERROR
    real_above: float = 0.0
    fake_below: float = 0.0
    source: str = "no validation set; 0.5 stands in"
    is_gap: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.lower <= self.upper <= 1.0:
            raise ValueError(
                f"A band needs 0 <= lower <= upper <= 1, got lower={self.lower}, "
                f"upper={self.upper}."
            )

    @property
    def is_fixed(self) -> bool:
        """Whether validation videos fixed it."""
        return self.num_real > 0 and self.num_fake > 0

    @property
    def is_small(self) -> bool:
        """Whether so few videos fixed it that one of them is more than the share asked for."""
        return self.is_fixed and min(self.num_real, self.num_fake) * self.max_error < 1.0

    def verdict(self, score: float) -> Verdict:
        """Return what to call a score."""
        if score > self.upper or (self.is_gap and score == self.upper):
            return "fake"
        if score < self.lower or (self.is_gap and score == self.lower):
            return "real"
        return "uncertain"

    def reason(self, score: float) -> str:
        """Return a sentence on why a score is called so."""
        if not self.is_fixed:
            ends = dict.fromkeys(f"{end:.2f}" for end in (self.lower, self.upper))
            return f"The score {score:.3f} is compared with {' and '.join(ends)}: {self.source}."
        share = f"at most {100 * self.max_error:g} %"
        said, lower, upper = _told_apart(score, self.lower, self.upper)
        if self.is_gap:
            return self._reason_of_gap(score, said, lower, upper, share)
        between = f"lies between {lower} and {upper}" if lower != upper else f"is {upper} itself"
        sentences = {
            "fake": f"The score {said} lies above {upper}, which {share} of the "
            f"{self.num_real} real validation videos exceed.",
            "real": f"The score {said} lies below {lower}, which {share} of the "
            f"{self.num_fake} fake validation videos fall short of.",
            "uncertain": f"The score {said} {between}, where real and fake validation videos "
            "cannot be told apart well enough.",
        }
        return sentences[self.verdict(score)]

    def _reason_of_gap(self, score: float, said: str, lower: str, upper: str, share: str) -> str:
        sentences = {
            "fake": f"The score {said} is not below {upper}, which {share} of the {self.num_real} "
            "real validation videos reach.",
            "real": f"The score {said} is not above {lower}, which all but {share} of the "
            f"{self.num_fake} fake validation videos exceed.",
            "uncertain": f"The score {said} lies between {lower} and {upper}, where {share} of the "
            "validation videos of either class lay: too few to say whose it is.",
        }
        return sentences[self.verdict(score)]

    def caution(self) -> str:
        """Describe how little stands behind the thresholds; empty where enough does."""
        if not self.is_fixed:
            return (
                f"No threshold was fixed on validation ({self.source}), so the word is worth less "
                "than the score."
            )
        if not self.is_small:
            return ""
        real = share_at_most(round(self.real_above * self.num_real), self.num_real)
        fake = share_at_most(round(self.fake_below * self.num_fake), self.num_fake)
        return (
            f"The thresholds rest on {self.num_real} real and {self.num_fake} fake validation "
            f"videos, too few to bound an error by {100 * self.max_error:g} %: up to "
            f"{100 * real:.0f} % of such real videos may score above the upper and up to "
            f"{100 * fake:.0f} % of such fakes below the lower one."
        )

    def settings(self) -> dict[str, Any]:
        """Return plain values that :meth:`of` reads."""
        return asdict(self)

    @staticmethod
    def of(settings: Mapping[str, Any]) -> "Band":
        """Build a band from what :meth:`settings` returned."""
        return Band(**settings)


def _told_apart(*values: float) -> list[str]:
    """Write numbers with as many decimals as keep different ones different.

    Example:
        >>> _told_apart(0.4081, 0.4083, 0.7)
        ['0.4081', '0.4083', '0.7000']
    """
    for digits in range(3, 17):
        written = [f"{value:.{digits}f}" for value in values]
        if len(set(written)) == len(set(values)):
            break
    return written


STAND_IN: Final = Band(0.5, 0.5)


def fix_band(labels: Labels, scores: Scores, *, source: str, max_error: float = MAX_ERROR) -> Band:
    """Fix two thresholds on validation videos.

    ``upper`` is the lowest score that at most ``max_error`` of the real videos exceed, ``lower``
    the highest that at most ``max_error`` of the fakes fall short of. Where the classes lie so far
    apart that these two cross, they change places and bound a gap: both promises still hold, and
    scores inside it, where at most ``max_error`` of either class lay, are uncertain.

    Args:
        labels: 0 real, 1 fake, (n,); of videos.
        scores: Probability of fake, (n,).
        source: Which videos these are, in words.
        max_error: In [0, 1).

    Raises:
        PredictionsError: If one class is missing.
        ValueError: If ``max_error`` is out of range.

    Example:
        >>> labels = np.array([0, 0, 0, 1, 1, 1])
        >>> band = fix_band(labels, np.array([0.1, 0.2, 0.6, 0.4, 0.8, 0.9]), source="toys, val")
        >>> (band.lower, band.upper), band.verdict(0.5), band.verdict(0.61)
        ((0.4, 0.6), 'uncertain', 'fake')
    """
    if not 0.0 <= max_error < 1.0:
        raise ValueError(f"max_error must lie in [0, 1), got {max_error}.")
    require_both_classes(labels, "a pair of thresholds")
    reals, fakes = np.sort(scores[labels == REAL]), np.sort(scores[labels == FAKE])
    # So many may lie on the wrong side; a little more guards against 0.05 * 20 = 0.999...
    real_end = float(reals[len(reals) - 1 - floor(max_error * len(reals) + 1e-9)])
    fake_end = float(fakes[floor(max_error * len(fakes) + 1e-9)])
    lower, upper = min(real_end, fake_end), max(real_end, fake_end)
    band = Band(lower, upper, is_gap=real_end < fake_end)
    return replace(
        band,
        num_real=len(reals),
        num_fake=len(fakes),
        max_error=max_error,
        real_above=float(np.mean([band.verdict(score) == "fake" for score in reals])),
        fake_below=float(np.mean([band.verdict(score) == "real" for score in fakes])),
        source=source,
    )


def share_at_most(num_wrong: int, count: int, *, confidence: float = CONFIDENCE) -> float:
    """Bound a true share from above (Clopper and Pearson, Biometrika 1934; one-sided).

    Args:
        num_wrong: How many of ``count`` were seen.
        count: At least 1.
        confidence: In (0, 1).

    Example:
        >>> round(share_at_most(0, 20), 3)
        0.139
    """
    if num_wrong >= count:
        return 1.0
    return float(beta.ppf(confidence, num_wrong + 1, count - num_wrong))

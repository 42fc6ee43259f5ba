"""Maps that turn a score into a frequency, fitted on validation and carried to other sets.

A detector that says 0.9 is calibrated if nine in ten of such videos are fake. Each map is fitted on
the video scores of the source's validation split alone and applied to video scores anywhere else.
Positive is always fake.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Protocol, get_args

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from unmask.core.errors import PredictionsError
from unmask.core.labels import FAKE, REAL
from unmask.evaluation.metrics import Labels, Scores, require_both_classes

CalibrationMethod = Literal["temperature", "platt", "isotonic"]

# A softmax of 32 bits cannot tell what lies nearer to 1 than this from 1, so that an exact 0 or 1
# says no more; without the limit a single one would decide the fit.
FIT_LIMIT: Final = 2.0**-24
# Where every validation video is right, ever lower temperatures fit ever better, and where scores
# are noise, ever higher ones; beyond these ends validation has nothing to say.
TEMPERATURES: Final = (0.05, 20.0)


class Calibration(Protocol):
    """A map from scores to calibrated scores, both (n,) in [0, 1]."""

    def apply(self, scores: Scores) -> Scores:
        """Map scores (n,) in [0, 1]."""

    def settings(self) -> dict[str, Any]:
        """Return the method and what was fitted, as JSON holds it."""


@dataclass(frozen=True)
class Temperature:
    """Divides the logit of a score (Guo et al., On Calibration of Modern Neural Networks, 2017).

    Args:
        temperature: Above 1 it makes scores less sure, below 1 surer; the order stays.
    """

    temperature: float

    @staticmethod
    def fit(labels: Labels, scores: Scores) -> "Temperature":
        """Choose the temperature with the least log loss.

        Raises:
            PredictionsError: If one class is missing.
        """
        _require_fit(labels, scores, "a temperature")
        # log(1 + exp(-margin)) is the log loss; it is convex in 1/T, so that one minimum exists.
        margins = np.where(labels == FAKE, 1.0, -1.0) * logits(scores)
        low, high = np.log(TEMPERATURES)
        found = minimize_scalar(
            lambda log_t: np.logaddexp(0.0, -margins / np.exp(log_t)).mean(),
            bounds=(low, high),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return Temperature(float(np.exp(found.x)))

    def apply(self, scores: Scores) -> Scores:
        """Map scores (n,) in [0, 1]."""
        return _sigmoid(_ordered_logits(scores) / self.temperature)

    def settings(self) -> dict[str, Any]:
        """Return the method and what was fitted, as JSON holds it."""
        return {"method": "temperature", **asdict(self)}


@dataclass(frozen=True)
class Platt:
    """Fits a line to the logit of a score (Platt, Probabilistic Outputs for SVMs, 1999).

    Platt's smoothed targets are kept, (fakes + 1) / (fakes + 2) for a fake and 1 / (reals + 2) for
    a real one: without them, validation videos that are all right would give an endless slope.

    Args:
        slope: Slope of the line; the order stays where it is above 0.
    """

    slope: float
    intercept: float

    @staticmethod
    def fit(labels: Labels, scores: Scores) -> "Platt":
        """Fit a logistic regression without penalty.

        Raises:
            PredictionsError: If one class is missing.
        """
        _require_fit(labels, scores, "Platt's line")
        num_fake = int(np.count_nonzero(labels == FAKE))
        num_real = len(labels) - num_fake
        target = np.where(labels == FAKE, (num_fake + 1) / (num_fake + 2), 1 / (num_real + 2))
        # A target between the classes is the same row as both, each with its share.
        column = logits(scores)[:, None]
        with warnings.catch_warnings():
            # So near the optimum, the search along a line can find nothing better than where it is.
            warnings.simplefilter("ignore", ConvergenceWarning)
            line = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
                np.concatenate([column, column]),
                np.repeat([FAKE, REAL], len(labels)),
                sample_weight=np.concatenate([target, 1.0 - target]),
            )
        return Platt(slope=float(line.coef_[0, 0]), intercept=float(line.intercept_[0]))

    def apply(self, scores: Scores) -> Scores:
        """Map scores (n,) in [0, 1]."""
        return _sigmoid(self.slope * _ordered_logits(scores) + self.intercept)

    def settings(self) -> dict[str, Any]:
        """Return the method and what was fitted, as JSON holds it."""
        return {"method": "platt", **asdict(self)}


@dataclass(frozen=True)
class Isotonic:
    """The steps that never fall and fit best; between two of them, a line.

    It flattens neighbours into ties, so that the AUC can change a little.

    Args:
        scores: Where the map is known, rising, (points,).
        values: What it is there, never falling, in [0, 1], (points,).
    """

    scores: tuple[float, ...]
    values: tuple[float, ...]

    @staticmethod
    def fit(labels: Labels, scores: Scores) -> "Isotonic":
        """Fit an isotonic regression.

        Raises:
            PredictionsError: If one class is missing.
        """
        _require_fit(labels, scores, "isotonic regression")
        steps = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, labels)
        return Isotonic(
            scores=tuple(steps.X_thresholds_.tolist()), values=tuple(steps.y_thresholds_.tolist())
        )

    def apply(self, scores: Scores) -> Scores:
        """Map scores (n,) in [0, 1]; beyond the outermost points the map is level."""
        return np.interp(scores, self.scores, self.values)

    def settings(self) -> dict[str, Any]:
        """Return the method and what was fitted, as JSON holds it."""
        return {"method": "isotonic", "scores": list(self.scores), "values": list(self.values)}


_FITS: Final[dict[str, Callable[[Labels, Scores], Calibration]]] = {
    "temperature": Temperature.fit,
    "platt": Platt.fit,
    "isotonic": Isotonic.fit,
}


def fit_calibration(
    videos: pd.DataFrame, method: CalibrationMethod, *, datasets: list[str], split: str = "val"
) -> Calibration:
    """Fit a map on the validation videos of the data sets trained on.

    Args:
        videos: One row per video, as :func:`unmask.evaluation.aggregate.video_scores` gives them.
        method: ``"temperature"``, ``"platt"`` or ``"isotonic"``.
        datasets: The data sets that the detector was trained on.
        split: Their split to use; never ``"test"``.

    Returns:
        The map, for video scores of any data set.

    Raises:
        PredictionsError: If there are no such videos, or of one class only.
        ValueError: If ``method`` is unknown or ``split`` is ``"test"``.
    """
    if method not in get_args(CalibrationMethod):
        raise ValueError(f"method must be one of {get_args(CalibrationMethod)}, got {method!r}.")
    if split == "test":
        raise ValueError("split must not be 'test': a calibration is fitted before the test.")
    part = videos[videos["dataset"].isin(datasets) & (videos["split"] == split)]
    if part.empty:
        raise PredictionsError(
            f"There are no videos of {'+'.join(datasets)}, split {split!r}, to calibrate on."
        )
    return _FITS[method](part["label"].to_numpy(np.int64), part["score"].to_numpy(np.float64))


def calibration_of(settings: Mapping[str, Any]) -> Calibration:
    """Build a map from what its ``settings()`` returned.

    Raises:
        ValueError: If it names no method.

    Example:
        >>> calibration_of(Temperature(2.0).settings())
        Temperature(temperature=2.0)
    """
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in settings.items()
        if name != "method"
    }
    kinds: dict[str, Callable[..., Calibration]] = {
        "temperature": Temperature,
        "platt": Platt,
        "isotonic": Isotonic,
    }
    if settings.get("method") not in kinds:
        raise ValueError(f"method must be one of {tuple(kinds)}, got {settings.get('method')!r}.")
    return kinds[settings["method"]](**values)


def calibrated(videos: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    """Return the same videos with calibrated scores."""
    return videos.assign(score=calibration.apply(videos["score"].to_numpy(np.float64)))


@dataclass(frozen=True)
class ReliabilityBin:
    """The scores between two bounds, and how many of them are fake.

    Args:
        low: Scores are above it; the first bin holds 0 too.
        high: Scores are at most this.
        mean_score: Their mean; None where there are none.
        fraction_fake: How many of them are fake; None where there are none.
    """

    low: float
    high: float
    count: int
    mean_score: float | None
    fraction_fake: float | None


def reliability_curve(
    labels: Labels, scores: Scores, *, num_bins: int = 10
) -> list[ReliabilityBin]:
    """Sort scores into bins of equal width and compare what they say with what is so.

    Args:
        labels: 0 real, 1 fake, (n,).
        scores: Probability of fake, (n,).
        num_bins: At least 1.

    Returns:
        All bins from 0 to 1, also those without a score.

    Raises:
        ValueError: If ``num_bins`` is less than 1.

    Example:
        >>> bins = reliability_curve(np.array([0, 1, 1]), np.array([0.2, 0.5, 0.75]), num_bins=2)
        >>> [(one.count, one.mean_score, one.fraction_fake) for one in bins]
        [(2, 0.35, 0.5), (1, 0.75, 1.0)]
    """
    if num_bins < 1:
        raise ValueError(f"num_bins must be at least 1, got {num_bins}.")
    edges = np.linspace(0.0, 1.0, num_bins + 1)
    place = np.searchsorted(edges[1:-1], scores)
    bins = []
    for index in range(num_bins):
        inside = place == index
        count = int(inside.sum())
        bins.append(
            ReliabilityBin(
                low=float(edges[index]),
                high=float(edges[index + 1]),
                count=count,
                mean_score=float(scores[inside].mean()) if count else None,
                fraction_fake=float((labels[inside] == FAKE).mean()) if count else None,
            )
        )
    return bins


def logits(scores: Scores) -> Scores:
    """Return the logits of scores for a fit, where 0 and 1 stand for what 32 bits can tell apart.

    Example:
        >>> logits(np.array([0.0, 0.5, 1.0])).round(2).tolist()
        [-16.64, 0.0, 16.64]
    """
    clipped: Scores = logit(np.clip(scores, FIT_LIMIT, 1.0 - FIT_LIMIT))
    return clipped


def _ordered_logits(scores: Scores) -> Scores:
    """Return finite logits that keep any two scores apart, down to the last bit."""
    clipped: Scores = logit(np.clip(scores, np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0)))
    return clipped


def _sigmoid(values: Scores) -> Scores:
    result: Scores = expit(values)
    return result


def _require_fit(labels: Labels, scores: Scores, purpose: str) -> None:
    require_both_classes(labels, purpose)
    if not ((scores >= 0.0) & (scores <= 1.0)).all():
        raise ValueError("scores must lie in [0, 1]; were logits given?")

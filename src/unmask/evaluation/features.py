"""What a backbone's features say before any head has looked at them."""

import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from unmask.core.errors import PredictionsError
from unmask.evaluation.metrics import Labels, require_both_classes, roc_auc

FloatArray = NDArray[np.float64]

# How strongly errors count against a wide margin; the smallest of equally good ones is taken.
PENALTIES: Final = (0.01, 0.1, 1.0, 10.0)
# Taken where groups are too few to choose one.
DEFAULT_PENALTY: Final = 1.0
MOST_FOLDS: Final = 5
# Beyond this many rows and columns only the components asked for are computed.
LARGEST_FULL: Final = 500


@dataclass(frozen=True)
class Projection:
    """Features on a plane.

    Args:
        points: Coordinates, (n, 2); 0 along an axis that the features do not have.
        explained: Share of the variance along each axis, in [0, 1], (2,).
    """

    points: FloatArray
    explained: FloatArray


def project(features: FloatArray) -> Projection:
    """Project features onto their first two principal components.

    The sign of a component is free; here its loading of largest magnitude is positive, so that
    equal features give equal pictures.

    Args:
        features: One row per video, (n, d).

    Returns:
        The points around their mean and the share of the variance along each axis.

    Raises:
        PredictionsError: If there are fewer than 2 rows, or a value is not finite.

    Example:
        >>> found = project(np.array([[0.0, 0.0], [3.0, 4.0]]))
        >>> found.points[:, 0].round(6).tolist(), found.explained.round(6).tolist()
        ([-2.5, 2.5], [1.0, 0.0])
    """
    checked = _check_features(features, "principal components")
    if len(checked) < 2:
        raise PredictionsError(f"Principal components need at least 2 videos, got {len(checked)}.")
    points, explained = np.zeros((len(checked), 2)), np.zeros(2)
    count = min(2, *checked.shape)
    if np.ptp(checked, axis=0).any():
        # Both are exact to rounding; the second starts from a vector that random_state draws.
        solver = "full" if min(checked.shape) <= LARGEST_FULL else "arpack"
        pca = PCA(count, svd_solver=solver, random_state=0)
        found = pca.fit_transform(checked)
        largest = np.abs(pca.components_).argmax(axis=1)
        points[:, :count] = found * np.sign(pca.components_[np.arange(count), largest])
        explained[:count] = pca.explained_variance_ratio_
    return Projection(points, explained)


def umap_points(features: FloatArray, *, seed: int = 0) -> FloatArray | None:
    """Lay features out on a plane by UMAP, where umap-learn is installed.

    McInnes, Healy and Melville (2018), UMAP: Uniform manifold approximation and projection.
    Distances between far clusters mean nothing in such a picture.

    Args:
        features: One row per video, (n, d), at least 3.

    Returns:
        Coordinates, (n, 2); None where umap-learn is not installed.

    Raises:
        PredictionsError: If there are fewer than 3 rows, or a value is not finite.
    """
    checked = _check_features(features, "UMAP")
    if len(checked) < 3:
        raise PredictionsError(f"UMAP needs at least 3 videos, got {len(checked)}.")
    if "umap" not in sys.modules and find_spec("umap") is None:
        return None
    umap: Any = import_module("umap")
    neighbours = min(15, len(checked) - 1)
    layout = umap.UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1)
    return np.asarray(layout.fit_transform(checked), np.float64)


def svm_score(
    train_x: FloatArray, train_y: Labels, groups: NDArray[Any], test_x: FloatArray, test_y: Labels
) -> float:
    """Return how well a linear classifier of the features ranks fakes above reals elsewhere.

    Features are standardised and separated by a linear support vector machine with both classes
    weighted alike, fitted on one split alone. Its penalty is chosen there by cross-validation over
    identity groups, so that the test split only gives the number.

    Args:
        train_x: Features of the validation split of the data sets trained on, (n, d).
        train_y: 0 real, 1 fake, (n,).
        groups: Identity group of each, (n,).
        test_x: Features of a test split, (m, d).
        test_y: 0 real, 1 fake, (m,).

    Returns:
        ROC AUC on the test split.

    Raises:
        PredictionsError: If a split lacks a class, the two have features of another width, or a
            value is not finite.
    """
    require_both_classes(train_y, "a linear classifier of features")
    require_both_classes(test_y, "its ROC AUC")
    x, elsewhere = _check_features(train_x, "a classifier"), _check_features(test_x, "a classifier")
    if x.shape[1] != elsewhere.shape[1]:
        raise PredictionsError(
            f"Features have {x.shape[1]} numbers in one split and {elsewhere.shape[1]} in the "
            "other; both must come from the same network."
        )
    fitted = _choose_penalty(x, train_y, groups).fit(x, train_y)
    return roc_auc(test_y, fitted.decision_function(elsewhere))


def _choose_penalty(x: FloatArray, labels: Labels, groups: NDArray[Any]) -> Pipeline | GridSearchCV:
    """Return a classifier that chooses its penalty over groups, where they allow it."""
    # The primal problem is solved without chance.
    machine = LinearSVC(C=DEFAULT_PENALTY, class_weight="balanced", dual=False, max_iter=10_000)
    classifier = make_pipeline(StandardScaler(), machine)
    num_folds = min(MOST_FOLDS, len(np.unique(groups)), *np.bincount(labels, minlength=2).tolist())
    if num_folds < 2:
        return classifier
    folds = [
        (fit, rest)
        for fit, rest in StratifiedGroupKFold(num_folds).split(x, labels, groups)
        if len(np.unique(labels[fit])) == len(np.unique(labels[rest])) == 2
    ]
    if not folds:
        return classifier
    return GridSearchCV(classifier, {"linearsvc__C": PENALTIES}, scoring="roc_auc", cv=folds)


def _check_features(features: FloatArray, purpose: str) -> FloatArray:
    checked = np.asarray(features, np.float64)
    if checked.ndim != 2 or checked.size == 0:
        raise PredictionsError(
            f"Features for {purpose} must be rows of numbers, got the shape {checked.shape}."
        )
    broken = np.flatnonzero(~np.isfinite(checked).all(axis=1))
    if len(broken):
        raise PredictionsError(
            f"Features of {len(broken)} videos hold values that are not finite, first in row "
            f"{broken[0]}; {purpose} cannot use them."
        )
    return checked

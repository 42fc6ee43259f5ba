"""Features against scikit-learn and against what is worked by hand."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from unmask.core.errors import PredictionsError
from unmask.evaluation.features import PENALTIES, project, svm_score, umap_points

RANDOM = np.random.default_rng(0)


def test_components_are_the_eigenvectors_of_the_covariance() -> None:
    features = RANDOM.normal(size=(60, 5)) @ np.diag([3.0, 2.0, 1.0, 0.5, 0.1])
    found = project(features)
    centred = features - features.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(centred.T))
    for column, index in ((0, -1), (1, -2)):
        vector = vectors[:, index] * np.sign(vectors[np.abs(vectors[:, index]).argmax(), index])
        assert found.points[:, column] == pytest.approx(centred @ vector, abs=1e-9)
        assert found.explained[column] == pytest.approx(values[index] / values.sum())


def test_many_wide_features_give_what_a_full_decomposition_gives() -> None:
    features = RANDOM.normal(size=(620, 510))
    features[:, :2] *= [20.0, 10.0]
    found, full = project(features), PCA(2, svd_solver="full").fit(features)
    assert found.explained == pytest.approx(full.explained_variance_ratio_)
    assert np.abs(found.points) == pytest.approx(np.abs(full.transform(features)), abs=1e-6)


@pytest.mark.parametrize("shape", [(40, 6), (520, 505)])
def test_projecting_again_gives_the_same_and_half_precision_is_read(shape: tuple[int, int]) -> None:
    features = RANDOM.normal(size=shape).astype(np.float16)
    one, other = project(features), project(features.copy())  # type: ignore[arg-type]
    assert (one.points == other.points).all()


def test_the_order_of_videos_changes_no_sign() -> None:
    features = RANDOM.normal(size=(30, 4)) @ np.diag([3.0, 2.0, 1.0, 0.5])
    order = RANDOM.permutation(30)
    assert project(features[order]).points == pytest.approx(project(features).points[order])


@pytest.mark.parametrize(
    ("features", "explained"),
    [([[1.0], [3.0]], [1.0, 0.0]), ([[1.0, 2.0], [1.0, 2.0]], [0.0, 0.0])],
)
def test_features_of_fewer_directions_leave_an_axis_empty(
    features: list[list[float]], explained: list[float]
) -> None:
    found = project(np.array(features))
    assert found.points.shape == (2, 2)
    assert found.points[:, 1].tolist() == [0.0, 0.0]
    assert found.explained == pytest.approx(explained)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((1, 3)), "at least 2 videos, got 1"),
        (np.zeros(3), r"got the shape \(3,\)"),
        (np.array([[0.0, 1.0], [np.nan, 1.0], [1.0, np.inf]]), "2 videos .* first in row 1"),
    ],
)
def test_features_that_cannot_be_projected_are_refused(features: Any, message: str) -> None:
    with pytest.raises(PredictionsError, match=message):
        project(features)


def split(count: int, seed: int, *, shift: float = 1.0) -> tuple[np.ndarray, ...]:
    """Return features, labels and groups of two real and two fake videos each."""
    random = np.random.default_rng(seed)
    labels = np.tile([0, 0, 1, 1], count)
    features = random.normal(size=(4 * count, 6)) * [1, 10, 100, 1, 1, 1]
    features[:, 0] += shift * labels
    return features, labels, np.repeat([f"g{n:03d}" for n in range(count)], 4)


def test_the_score_is_that_of_a_machine_of_one_of_the_penalties() -> None:
    x, y, groups = split(20, 0)
    test_x, test_y, _ = split(30, 1)
    scaler = StandardScaler().fit(x)
    possible = [
        roc_auc_score(
            test_y,
            LinearSVC(C=penalty, class_weight="balanced", dual=False)
            .fit(scaler.transform(x), y)
            .decision_function(scaler.transform(test_x)),
        )
        for penalty in PENALTIES
    ]
    assert svm_score(x, y, groups, test_x, test_y) in possible


def test_one_feature_ranks_as_it_stands() -> None:
    """With one feature a linear classifier keeps its order, whatever the penalty."""
    x, y, groups = split(20, 0)
    test_x, test_y, _ = split(30, 1)
    exact = roc_auc_score(test_y, test_x[:, 0])
    assert svm_score(x[:, :1], y, groups, test_x[:, :1], test_y) == pytest.approx(exact)


def test_the_unit_of_a_feature_does_not_matter() -> None:
    x, y, groups = split(20, 0)
    test_x, test_y, _ = split(30, 1)
    units = np.array([1000.0, 1, 0.001, 5, 1, 1])
    scaled = svm_score(x * units, y, groups, test_x * units, test_y)
    assert scaled == pytest.approx(svm_score(x, y, groups, test_x, test_y), abs=1e-3)


def test_the_test_labels_are_not_used_to_fit() -> None:
    x, y, groups = split(20, 0)
    test_x, test_y, _ = split(30, 1)
    kept = svm_score(x, y, groups, test_x, test_y)
    assert svm_score(x, y, groups, test_x, 1 - test_y) == pytest.approx(1 - kept)


@pytest.mark.parametrize("groups", [["a"] * 8, ["a", "a", "b", "b"] * 2, list("abcdefgh")])
def test_few_groups_are_enough(groups: list[str]) -> None:
    x, y, _ = split(2, 0, shift=20.0)
    test_x, test_y, _ = split(30, 1, shift=20.0)
    assert svm_score(x, y, np.array(groups), test_x, test_y) > 0.9


def test_a_split_of_one_class_is_refused() -> None:
    x, y, groups = split(5, 0)
    with pytest.raises(PredictionsError, match=r"0 real and 20 fake .* linear classifier"):
        svm_score(x, np.ones_like(y), groups, x, y)
    with pytest.raises(PredictionsError, match=r"20 real and 0 fake .* ROC AUC"):
        svm_score(x, y, groups, x, np.zeros_like(y))


def test_features_of_two_networks_are_refused() -> None:
    x, y, groups = split(5, 0)
    with pytest.raises(PredictionsError, match="6 numbers in one split and 4 in the other"):
        svm_score(x, y, groups, x[:, :4], y)


def test_umap_is_left_out_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "umap", raising=False)
    monkeypatch.setattr("unmask.evaluation.features.find_spec", lambda _: None)
    assert umap_points(np.zeros((5, 3))) is None


def test_umap_is_asked_for_a_seeded_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class Layout:
        def __init__(self, **settings: object) -> None:
            asked.update(settings)

        def fit_transform(self, features: np.ndarray) -> np.ndarray:
            return features[:, :2].astype(np.float32)

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Layout))
    points = umap_points(np.arange(12.0).reshape(4, 3), seed=7)
    assert asked == {"n_neighbors": 3, "random_state": 7, "n_jobs": 1}
    assert points is not None
    assert points.tolist() == [[0.0, 1.0], [3.0, 4.0], [6.0, 7.0], [9.0, 10.0]]


def test_umap_of_two_videos_is_refused() -> None:
    with pytest.raises(PredictionsError, match="at least 3 videos, got 2"):
        umap_points(np.zeros((2, 3)))

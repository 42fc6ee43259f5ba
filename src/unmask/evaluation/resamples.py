"""Resamples of whole groups, without copying a row.

A resample is how often each group was drawn. What a metric needs of the rows is summed by group
once, so that a resample costs a product with those sums.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from unmask.core.errors import PredictionsError
from unmask.core.labels import FAKE, REAL
from unmask.evaluation.metrics import Labels, Scores, require_both_classes

Values = NDArray[np.float64]

# Numbers held at once for one class; 4 million of them take 32 MB.
MAX_CELLS = 4_000_000
# Levels of score that resamples tell apart. A set with more distinct scores is cut into this many
# levels of equally many rows: rows of one level then tie, which moves an AUC by less than 1e-4.
MAX_LEVELS = 10_000
# Draws per resample wanted, before a set is called too lopsided to resample.
MAX_REDRAWS = 50


class ClusteredRows:
    """Labels and scores whose rows are drawn by cluster.

    Args:
        labels: 0 real, 1 fake, (n,).
        scores: Probability of fake, (n,).
        codes: Cluster of each row, from 0, (n,).
    """

    def __init__(
        self, labels: Labels, scores: Scores, codes: NDArray[np.intp], num_clusters: int
    ) -> None:
        """Keep the rows."""
        self.labels, self.scores, self.codes = labels, scores, codes
        self.num_clusters = num_clusters

    @cached_property
    def sums_by_level(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Counts of reals and of fakes, (levels, clusters) each, highest score first."""
        levels = _levels(self.scores)
        shape = (int(levels.max()) + 1, self.num_clusters)
        reals, fakes = (
            sparse.coo_array(
                (np.ones(int(is_one.sum())), (levels[is_one], self.codes[is_one])), shape=shape
            ).tocsr()
            for is_one in (self.labels == REAL, self.labels == FAKE)
        )
        return reals, fakes

    def sums(self, values: Values) -> Values:
        """Sum values (n,) by cluster, (clusters,)."""
        total: Values = np.bincount(self.codes, values, self.num_clusters).astype(np.float64)
        return total


class Resamples:
    """Some draws of the clusters of one table.

    Args:
        counts: How often each cluster was drawn, (resamples, clusters).
    """

    def __init__(self, rows: ClusteredRows, counts: Values) -> None:
        """Keep the draws."""
        self.rows, self.counts = rows, counts

    @cached_property
    def by_level(self) -> tuple[Values, Values]:
        """How many reals and fakes have each level of score, (levels, resamples), highest first."""
        reals, fakes = self.rows.sums_by_level
        drawn = np.ascontiguousarray(self.counts.T)
        return reals @ drawn, fakes @ drawn

    @cached_property
    def curve(self) -> tuple[Values, Values]:
        """The ROC curves from (0, 0) to (1, 1): false and true fakes, (levels + 1, resamples)."""
        false_fake, true_fake = (
            np.pad(np.cumsum(part, axis=0) / part.sum(axis=0), ((1, 0), (0, 0)))
            for part in self.by_level
        )
        return false_fake, true_fake

    def total(self, values: Values) -> Values:
        """Sum values (n,) over the drawn rows, (resamples,)."""
        total: Values = self.counts @ self.rows.sums(values)
        return total

    def mean(self, values: Values) -> Values:
        """Average values (n,) over the drawn rows, (resamples,)."""
        return self.total(values) / self.total(np.ones(len(values)))


def clustered_rows(table: pd.DataFrame, cluster: str = "group") -> ClusteredRows:
    """Return the rows of a table with their clusters numbered in the order of their names.

    Raises:
        PredictionsError: If a class is missing or there are fewer than 2 clusters.
    """
    # Sums of floats depend on their order, hence the sort.
    table = table.sort_values(["label", "score"])
    labels = table["label"].to_numpy(np.int64)
    require_both_classes(labels, "an interval")
    codes, names = pd.factorize(table[cluster], sort=True)
    if len(names) < 2:
        raise PredictionsError(
            f"All {len(table)} rows share the {cluster} {str(names[0])!r}; "
            "an interval needs at least 2."
        )
    return ClusteredRows(labels, table["score"].to_numpy(np.float64), codes, len(names))


def draw_counts(
    rows: ClusteredRows, *, num_resamples: int, seed: int
) -> Iterator[tuple[Values, int]]:
    """Draw clusters until enough resamples hold both classes.

    Args:
        num_resamples: Resamples wanted in all, at least 1.

    Yields:
        How often each cluster was drawn, (resamples, clusters), and how many draws lacked a class.

    Raises:
        PredictionsError: If nearly no resample holds both classes.
        ValueError: If ``num_resamples`` is less than 1.
    """
    if num_resamples < 1:
        raise ValueError(f"num_resamples must be at least 1, got {num_resamples}.")
    generator = np.random.default_rng(seed)
    has_class = np.zeros((rows.num_clusters, 2))
    has_class[rows.codes, rows.labels] = 1
    widest = max(rows.num_clusters, min(len(rows.labels), MAX_LEVELS))
    chunk = max(1, min(num_resamples, MAX_CELLS // widest))
    shares = np.full(rows.num_clusters, 1.0 / rows.num_clusters)
    missing, draws_left, redrawn = num_resamples, num_resamples * MAX_REDRAWS, 0
    while missing > 0:
        if draws_left <= 0:
            raise PredictionsError(
                f"Of {rows.num_clusters} groups so few hold a real or a fake one that nearly no "
                "resample has both classes."
            )
        counts = generator.multinomial(rows.num_clusters, shares, size=min(chunk, missing)).astype(
            np.float64
        )
        draws_left -= len(counts)
        whole = counts[(counts @ has_class > 0).all(axis=1)]
        missing -= len(whole)
        redrawn += len(counts) - len(whole)
        if len(whole):
            yield whole, redrawn
            redrawn = 0


def _levels(scores: Scores) -> NDArray[np.intp]:
    """Number the distinct scores from the highest, or levels of equally many rows."""
    _, levels, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    if len(counts) <= MAX_LEVELS:
        return levels
    # Rows above each distinct score, so that equal scores stay on one level.
    above = np.cumsum(counts) - counts
    coarse = above * MAX_LEVELS // len(scores)
    _, dense = np.unique(coarse, return_inverse=True)
    result: NDArray[np.intp] = dense[levels]
    return result

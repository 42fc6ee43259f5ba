"""One test set: how its scores are spread, and what became of them at a threshold."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from unmask.core.labels import CLASS_NAMES, FAKE, REAL
from unmask.evaluation.metrics import Scores
from unmask.report.figures.style import (
    FAKE_COLOUR,
    INK,
    REAL_COLOUR,
    InlineImage,
    add_legend,
    chart,
    line_look,
    picture,
    short_name,
)

Confusion = Sequence[Sequence[int]] | Mapping[str, int]
"""Rows: what it is, columns: what it was called, real first; or the four counts by name."""

CONFUSION_NAMES: Final = (("true_real", "false_fake"), ("false_real", "true_fake"))


def score_chart(name: str, videos: pd.DataFrame, threshold: float | None) -> InlineImage:
    """Draw how the scores of real and of fake videos are spread.

    Args:
        videos: ``label`` and ``score`` of each.
        threshold: Drawn as a line where there is one.

    Returns:
        The chart.
    """
    with chart() as (figure, axes):
        edges = np.linspace(0.0, 1.0, 21)
        for label, word, colour in ((REAL, "real", REAL_COLOUR), (FAKE, "fake", FAKE_COLOUR)):
            scores: Scores = videos.loc[videos["label"] == label, "score"].to_numpy(np.float64)
            shares = np.histogram(scores, edges)[0] / max(1, len(scores))
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.28)
            axes.stairs(shares, edges, color=colour, linewidth=1.6, label=f"{word} ({len(scores)})")
        if threshold is not None:
            axes.axvline(threshold, color=INK, linewidth=1.2, linestyle="--", label="threshold")
        axes.set(title=name, xlabel="score (probability of fake)", ylabel="share of its class")
        axes.set_xlim(0, 1)
        axes.legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, -0.13), fontsize=8)
        return picture(figure, f"Scores of real and fake videos of {name}")


def confusion_chart(name: str, matrix: Confusion) -> InlineImage:
    """Draw what real and fake videos were called, as counts and shares of their class.

    Args:
        matrix: ``Decisions.confusion``, or ``true_real``, ``false_fake``, ``false_real`` and
            ``true_fake`` by name.

    Returns:
        The chart; a class without videos has no shares.

    Raises:
        ValueError: If it is no such matrix.
    """
    counts = confusion_counts(matrix)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    with chart(3.6, 3.2) as (figure, axes):
        axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=2)
        for row, column in np.ndindex(2, 2):
            count, share = counts[row, column], shares[row, column]
            text = f"{count:,}\n{100 * share:.1f} %" if counts[row].any() else "0"
            axes.text(
                column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=11,
                color="white" if share > 0.55 else INK,
            )  # fmt: skip
        axes.set_xticks([0.5, 1.5], [f"called {word}" for word in CLASS_NAMES])
        axes.set_yticks([0.5, 1.5], [f"is {word}" for word in CLASS_NAMES])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.grid(visible=False)
        axes.invert_yaxis()
        axes.set(title=name, aspect="equal")
        (real_real, real_fake), (fake_real, fake_fake) = counts.tolist()
        return picture(
            figure,
            f"Confusion matrix of {name}: of {real_real + real_fake} real videos {real_fake} were "
            f"called fake, of {fake_real + fake_fake} fake ones {fake_real} were called real",
        )


def histogram_chart(
    title: str, parts: Sequence[tuple[str, Scores]], *, axis: str, num_bars: int = 24
) -> InlineImage:
    """Draw how a number is spread in each of several parts, as shares of the part.

    Args:
        parts: Name and values of each, which may hold NaN.
        axis: What the number is, with its unit.
        num_bars: Between the smallest and the largest of all values.

    Returns:
        The chart; parts without values say so by their count.
    """
    known = [(name, values[np.isfinite(values)]) for name, values in parts]
    edges = np.histogram_bin_edges(np.concatenate([np.empty(0), *(v for _, v in known)]), num_bars)
    with chart(4.4, 3.1) as (figure, axes):
        for index, (name, values) in enumerate(known):
            shares = np.histogram(values, edges)[0] / max(1, len(values))
            label = f"{short_name(name, 32)} ({len(values)})"
            axes.stairs(shares, edges, **line_look(index), linewidth=1.6, label=label)
        axes.set(title=title, xlabel=axis, ylabel="share of its part")
        add_legend(figure, axes, loc="best")
        names = ", ".join(name for name, _ in known) or "nothing"
        return picture(figure, f"{title}: how {axis} is spread in {names}")


def confusion_counts(matrix: Confusion) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return a confusion matrix as an array, (2, 2); rows: what it is, real first.

    Raises:
        ValueError: If it is no such matrix.

    Example:
        >>> confusion_counts(dict(true_real=5, false_fake=1, false_real=2, true_fake=4)).tolist()
        [[5, 1], [2, 4]]
    """
    if isinstance(matrix, Mapping):
        missing = [name for row in CONFUSION_NAMES for name in row if name not in matrix]
        if missing:
            raise ValueError(f"A confusion matrix needs {missing}; it has {sorted(matrix)}.")
        return np.array([[matrix[name] for name in row] for row in CONFUSION_NAMES], np.int64)
    counts = np.array(matrix, np.int64)
    if counts.shape != (2, 2):
        raise ValueError(f"A confusion matrix has 2 rows and 2 columns, got {counts.shape}.")
    return counts

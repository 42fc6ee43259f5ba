"""Where a backbone puts real and fake videos, on a plane."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from unmask.core.labels import CLASS_NAMES, FAKE, REAL
from unmask.report.figures.style import (
    FAKE_COLOUR,
    REAL_COLOUR,
    InlineImage,
    chart,
    picture,
    say_nothing_to_draw,
    short_name,
)

# A dot takes 140 bytes.
MOST_DOTS: Final = 320
MARKERS: Final = ("^", "s", "D", "v", "P", "X", "<", ">")


def features_chart(
    name: str,
    points: pd.DataFrame,
    *,
    shares: Sequence[float] | None = None,
    axis: str = "principal component",
) -> InlineImage:
    """Draw videos by two coordinates of their features: colour by class, shape by method.

    Args:
        points: ``x``, ``y``, ``label`` and ``method`` of each video.
        shares: Share of the variance that each axis holds, in [0, 1], where that is known.

    Returns:
        The chart; of many videos a part that is spread like all of them, and it says so.
    """
    drawn = thinned(points, MOST_DOTS)
    with chart(4.4, 4.2) as (figure, axes):
        rest = f", {len(drawn)} of {len(points):,} videos" if len(drawn) < len(points) else ""
        axes.set(
            title=f"{short_name(name, 24)}{rest}",
            xlabel=_axis_name("first", axis, shares, 0),
            ylabel=_axis_name("second", axis, shares, 1),
        )
        if drawn.empty:
            say_nothing_to_draw(axes)
        for label, method, marker in looks(points):
            of_class = drawn["label"] == label
            part = drawn[of_class & (drawn["method"] == method)] if method else drawn[of_class]
            word = f"{CLASS_NAMES[label]}: {method}" if method else CLASS_NAMES[label]
            axes.plot(
                part["x"].to_numpy(np.float64), part["y"].to_numpy(np.float64), marker,
                color=REAL_COLOUR if label == REAL else FAKE_COLOUR, markersize=4.5, alpha=0.6,
                markeredgewidth=0, label=short_name(word, 32),
            )  # fmt: skip
        if not drawn.empty:
            figure.legend(loc="outside lower left", ncols=2, fontsize=8)
        counts = [int((points["label"] == label).sum()) for label in (REAL, FAKE)]
        return picture(
            figure, f"Features of {name}: {counts[0]} real and {counts[1]} fake videos by two axes"
        )


def looks(points: pd.DataFrame) -> list[tuple[int, str, str]]:
    """Choose a shape for each class and, where they can be told apart, each method.

    Args:
        points: ``label`` and ``method`` of each video.

    Returns:
        Label, method (empty for all of a class together) and shape.
    """
    found: list[tuple[int, str, str]] = []
    for label, shapes in ((REAL, ("o", "p", "h", "8")), (FAKE, MARKERS)):
        methods = sorted(
            str(name) for name in points.loc[points["label"] == label, "method"].unique()
        )
        if len(methods) > len(shapes):
            methods = [""]
        found += [(label, name, shape) for name, shape in zip(methods, shapes, strict=False)]
    return found


def thinned(points: pd.DataFrame, most: int) -> pd.DataFrame:
    """Take evenly from the videos of each class and method in the order of their place.

    The choice does not depend on the order of the rows.

    Args:
        points: ``x``, ``y``, ``label`` and ``method`` of each video.
        most: Rows to keep, about.

    Returns:
        At least one row of each class and method.
    """
    ordered = points.sort_values(["label", "method", "x", "y"], ignore_index=True)
    if len(ordered) <= most:
        return ordered
    parts = []
    for _, part in ordered.groupby(["label", "method"], sort=True):
        count = max(1, len(part) * most // len(ordered))
        parts.append(part.iloc[(2 * np.arange(count) + 1) * len(part) // (2 * count)])
    return pd.concat(parts, ignore_index=True)


def _axis_name(rank: str, axis: str, shares: Sequence[float] | None, index: int) -> str:
    if shares is None:
        return f"{rank} {axis}"
    return f"{rank} {axis} ({100 * shares[index]:.0f} % of the variance)"

"""All variants in one chart: ROC, precision over recall, DET and calibration."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from unmask.core.labels import FAKE
from unmask.report.figures.points import (
    Line,
    det_line,
    deviates,
    points_per_curve,
    pr_line,
    reliability_line,
    roc_line,
)
from unmask.report.figures.style import (
    GUIDE,
    InlineImage,
    Place,
    add_legend,
    chart,
    line_look,
    picture,
    say_nothing_to_draw,
    short_name,
)

Curves = Sequence[tuple[str, pd.DataFrame]]
"""Name and table (``label``, ``score``) of each variant or test set."""

# More lines than this are thinner, and without dots.
FEW: Final = 6
UNIT_SQUARE: Final[dict[str, Any]] = {"xlim": (0, 1), "ylim": (0, 1), "aspect": "equal"}
DET_TICKS: Final = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)


def roc_chart(curves: Curves) -> InlineImage:
    """Draw the ROC curves of all variants or test sets.

    Args:
        curves: Name and videos (``label``, ``score``) of each.

    Returns:
        The chart.

    Raises:
        PredictionsError: If a set lacks a class.
    """

    def frame(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=GUIDE, linewidth=1, linestyle=":", label="guessing")
        axes.set(
            title="ROC, videos",
            xlabel="share of real videos called fake",
            ylabel="share of fake videos called fake",
            **UNIT_SQUARE,
        )

    return _chart("ROC curves", curves, roc_line, frame, loc="lower right")


def pr_chart(curves: Curves) -> InlineImage:
    """Draw precision over recall of all variants or test sets.

    Guessing gives the share of fakes, which is drawn where all sets have the same.

    Args:
        curves: As for :func:`roc_chart`.

    Returns:
        The chart.

    Raises:
        PredictionsError: If a set lacks a class.
    """
    shares = {round(float((table["label"] == FAKE).mean()), 3) for _, table in curves}

    def frame(axes: Axes) -> None:
        if len(shares) == 1:
            axes.axhline(shares.pop(), color=GUIDE, linewidth=1, linestyle=":", label="guessing")
        axes.set(
            title="Precision and recall of fake, videos",
            xlabel="share of fake videos called fake (recall)",
            ylabel="share of fakes among those called so (precision)",
            **UNIT_SQUARE,
        )

    return _chart("Precision-recall curves", curves, pr_line, frame, loc="lower left")


def det_chart(curves: Curves) -> InlineImage:
    """Draw the detection error trade-off of all variants or test sets.

    Both axes are normal deviates, which spreads the region of few errors; a detector without errors
    at some threshold runs along the border.

    Args:
        curves: As for :func:`roc_chart`.

    Returns:
        The chart.

    Raises:
        PredictionsError: If a set lacks a class.
    """

    def frame(axes: Axes) -> None:
        ticks = deviates(DET_TICKS)
        names = [f"{100 * tick:g}" for tick in DET_TICKS]
        axes.plot(
            ticks[[0, -1]], ticks[[-1, 0]], color=GUIDE, linewidth=1, linestyle=":",
            label="guessing",
        )  # fmt: skip
        axes.set_xticks(ticks, names)
        axes.set_yticks(ticks, names)
        axes.set(
            title="Detection error trade-off, videos",
            xlabel="real videos called fake, %",
            ylabel="fake videos called real, %",
            xlim=(ticks[0], ticks[-1]),
            ylim=(ticks[0], ticks[-1]),
            aspect="equal",
        )

    return _chart("Detection error trade-off", curves, det_line, frame, loc="upper right")


def reliability_chart(curves: Curves) -> InlineImage:
    """Draw how large a share of the videos with a score is fake.

    Scores that can be taken at their word lie on the diagonal. The bins are those of the expected
    calibration error; an empty one has no point.

    Args:
        curves: As for :func:`roc_chart`; one class is enough.

    Returns:
        The chart.
    """

    def frame(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=GUIDE, linewidth=1, linestyle=":", label="calibrated")
        axes.set(
            title="Calibration, videos",
            xlabel="mean score of a bin",
            ylabel="share of fakes in it",
            **UNIT_SQUARE,
        )

    return _chart(
        "Calibration curves",
        curves,
        lambda table, _: reliability_line(table),
        frame,
        loc="upper left",
        marker="o",
    )


def _chart(
    title: str,
    curves: Curves,
    line_of: Callable[[pd.DataFrame, int], Line],
    frame: Callable[[Axes], None],
    *,
    loc: Place,
    marker: str = "",
) -> InlineImage:
    with chart() as (figure, axes):
        frame(axes)
        if not curves:
            say_nothing_to_draw(axes)
        most = points_per_curve(len(curves))
        for index, (name, table) in enumerate(curves):
            axes.plot(
                *line_of(table, most),
                **line_look(index),
                linewidth=2 if len(curves) <= FEW else 1.5,
                marker=marker if len(curves) <= FEW else "",
                markersize=3.5,
                label=short_name(name),
                clip_on=False,
            )
        add_legend(figure, axes, loc=loc)
        return picture(figure, f"{title} of {', '.join(name for name, _ in curves) or 'nothing'}")

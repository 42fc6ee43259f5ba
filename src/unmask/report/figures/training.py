"""What happened over the epochs of one run, and of several."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from unmask.report.figures.points import Line, Values, kept_points, points_per_curve
from unmask.report.figures.style import (
    INK,
    InlineImage,
    add_legend,
    chart,
    line_look,
    picture,
    say_nothing_to_draw,
    short_name,
)

# More dots than this would hide the line.
MOST_DOTS = 40


def training_charts(curves: pd.DataFrame, best_epoch: int | None) -> list[InlineImage]:
    """Draw the loss and the validation metrics over the epochs.

    Args:
        curves: Metrics as columns, epochs as index.
        best_epoch: The epoch whose checkpoint was evaluated, where known.

    Returns:
        One chart for losses and one for validation metrics in [0, 1], where there are such columns.
    """
    names = [str(name) for name in curves]
    losses = [name for name in names if _is_loss(name)]
    merits = [name for name in names if name.startswith("val/") and name not in losses]
    return [
        _lines(
            [(_plain(name), curves[name]) for name in part], title, best_epoch, is_share=is_share
        )
        for title, part, is_share in (
            ("Loss by epoch", losses, False),
            ("Validation by epoch", merits, True),
        )
        if part
    ]


def learning_chart(runs: Sequence[tuple[str, pd.DataFrame]], metric: str) -> InlineImage:
    """Draw one metric of several runs over their epochs.

    Args:
        runs: Name and metrics by epoch of each, as for :func:`training_charts`.
        metric: Column to draw, e.g. ``"val/video_auc"``; ``metric + "_epoch"`` stands for it. Runs
            that did not log it are left out.

    Returns:
        The chart.
    """
    lines = []
    for name, curves in runs:
        # Lightning adds the suffix where a metric is logged by step as well.
        column = metric if metric in curves else f"{metric}_epoch"
        if column in curves:
            lines.append((name, curves[column]))
    return _lines(lines, f"{metric} by epoch", None, is_share=not _is_loss(metric))


def epoch_line(values: pd.Series, most: int) -> Line:
    """Return the epochs at which a metric was logged and its values there.

    Args:
        values: By epoch, with gaps.
        most: Points, at least 2.

    Returns:
        Epochs; values.
    """
    logged = values.dropna()
    epochs, numbers = logged.index.to_numpy(np.float64), logged.to_numpy(np.float64)
    if len(epochs) <= most:
        return epochs, numbers
    # Distances are those of the drawing, in which both axes are about as long.
    chosen = kept_points((_scaled(epochs), _scaled(numbers)), most)
    return epochs[chosen], numbers[chosen]


def _scaled(values: Values) -> Values:
    scaled: Values = (values - values.min()) / (np.ptp(values) or 1.0)
    return scaled


def _is_loss(name: str) -> bool:
    return _plain(name) in ("train/loss", "val/loss")


def _plain(name: str) -> str:
    return name.removesuffix("_epoch")


def _lines(
    series: Sequence[tuple[str, pd.Series]],
    title: str,
    best_epoch: int | None,
    *,
    is_share: bool,
) -> InlineImage:
    with chart(4.4, 3.1) as (figure, axes):
        most = points_per_curve(len(series))
        lines = [(name, *epoch_line(values, most)) for name, values in series]
        for index, (name, epochs, values) in enumerate(lines):
            marker = "o" if len(epochs) <= MOST_DOTS and len(lines) <= 6 else ""
            axes.plot(
                epochs, values, **line_look(index), linewidth=2 if len(lines) <= 6 else 1.5,
                marker=marker, markersize=3.5, label=short_name(name),
            )  # fmt: skip
        if best_epoch is not None:
            axes.axvline(best_epoch, color=INK, linewidth=1, linestyle="--", label="chosen")
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if is_share:
            _limit_to_shares(axes, [values for *_, values in lines])
        if not lines:
            say_nothing_to_draw(axes)
        add_legend(figure, axes, loc="best")
        return picture(figure, f"{title}: {', '.join(name for name, _ in series) or 'nothing'}")


def _limit_to_shares(axes: Axes, values: Sequence[Values]) -> None:
    """Show the range that matters of what lies in [0, 1]."""
    drawn = np.concatenate([*values, np.empty(0)])
    if drawn.size and drawn.max() <= 1.0:
        axes.set_ylim(min(0.5, float(drawn.min()) - 0.02), 1.01)

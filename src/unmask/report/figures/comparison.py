"""Many runs at a glance: the matrix of sources and targets, and the ranking."""

from typing import Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from unmask.report.figures.style import (
    INK,
    LINE_COLOURS,
    PALE_INK,
    InlineImage,
    chart,
    picture,
    say_nothing_to_draw,
    short_name,
)

# Equal colours mean equal values in every report: guessing is pale, perfection dark.
AUC_RANGE: Final = (0.5, 1.0)
HEAT_COLOURS: Final = "YlGnBu"
LONGEST_LABEL: Final = 36
EMPTY_COLOUR: Final = "#eef1f4"


def heat_map(values: pd.DataFrame, *, title: str, marks: pd.DataFrame | None = None) -> InlineImage:
    """Draw a matrix of AUC values with the number in each cell.

    Args:
        values: Rows: models or sources; columns: targets; NaN where there is none. Values outside
            [0.5, 1] take the colour of the nearer end.
        marks: Text behind the numbers, such as a footnote sign; same rows and columns, which may be
            missing in part.

    Returns:
        The chart; a cell without a value is grey and says n/a.
    """
    rows, columns = [str(name) for name in values.index], [str(name) for name in values.columns]
    texts = cell_texts(values, marks)
    # Numbers of videos make a cell wide.
    cell_width = max(0.62, 0.12 + 0.075 * _longest(texts))
    width = 0.5 + _label_width(rows) + cell_width * len(columns)
    # The title spans the labels too, and is not cut off over few columns.
    width = max(3.2, width, 0.3 + 0.09 * len(title))
    # Turned by 30 degrees, a label is half as high as it is long.
    label_height = _label_width(columns) / 2 if _is_turned(columns) else 0.0
    with chart(width, 1.2 + 0.3 * max(1, len(rows)) + label_height) as (figure, axes):
        figure.suptitle(title, x=0.02, ha="left", fontsize=10, fontweight="bold")
        if values.empty:
            say_nothing_to_draw(axes)
            return picture(figure, f"{title}: nothing to draw")
        numbers = values.to_numpy(np.float64)
        norm = Normalize(*AUC_RANGE, clip=True)
        axes.set_facecolor(EMPTY_COLOUR)
        axes.pcolormesh(
            np.ma.masked_invalid(numbers), cmap=HEAT_COLOURS, norm=norm, edgecolors="white",
            linewidth=1.5,
        )  # fmt: skip
        for row, column in np.ndindex(*numbers.shape):
            axes.text(
                column + 0.5, row + 0.5, texts[row][column], ha="center", va="center", fontsize=8.5,
                color=_ink_on(float(norm(numbers[row, column])), float(numbers[row, column])),
            )  # fmt: skip
        _name_cells(axes, rows, columns)
        return picture(figure, f"{title}: {_best(values)}")


def cell_texts(values: pd.DataFrame, marks: pd.DataFrame | None = None) -> list[list[str]]:
    """Write the cells of a heat map.

    Args:
        values: May hold NaN.
        marks: As for :func:`heat_map`.

    Returns:
        By row and column, three decimals and the mark, or "n/a".

    Example:
        >>> cell_texts(pd.DataFrame([[0.91234, float("nan")]]))
        [['0.912', 'n/a']]
    """
    behind = pd.DataFrame("", index=values.index, columns=values.columns)
    if marks is not None:
        behind = marks.astype(object).reindex(index=values.index, columns=values.columns).fillna("")
    return [
        [
            "n/a" if np.isnan(number) else f"{number:.3f}{mark}"
            for number, mark in zip(row, row_marks, strict=True)
        ]
        for row, row_marks in zip(
            values.to_numpy(np.float64).tolist(), behind.to_numpy().tolist(), strict=True
        )
    ]


def ranking_chart(
    rows: pd.DataFrame,
    *,
    title: str = "Ranking",
    metric: str = "AUC over videos, with its interval",
) -> InlineImage:
    """Draw one dot with its interval per variant, the best first.

    Args:
        rows: ``name``, ``value``, ``low`` and ``high``; the ends may be missing, and a row without
            a value comes last and says so.

    Returns:
        The chart.
    """
    ordered = ranked(rows)
    width = 3.2 + _label_width([str(name) for name in ordered["name"]])
    with chart(width, 1.0 + 0.26 * max(1, len(ordered))) as (figure, axes):
        axes.set(title=title, xlabel=metric)
        if ordered.empty:
            say_nothing_to_draw(axes)
            return picture(figure, f"{title}: nothing to draw")
        places = np.arange(len(ordered))
        value, low, high = (ordered[name].to_numpy(np.float64) for name in ("value", "low", "high"))
        axes.hlines(places, low, high, color=LINE_COLOURS[0], linewidth=2, alpha=0.55)
        axes.plot(value, places, "o", color=LINE_COLOURS[0], markersize=5)
        for place in places[np.isnan(value)]:
            axes.text(
                0.02, place, "no value", transform=axes.get_yaxis_transform(), va="center",
                color=PALE_INK, fontsize=8,
            )  # fmt: skip
        axes.set_yticks(places, [short_name(str(name), LONGEST_LABEL) for name in ordered["name"]])
        axes.set_ylim(len(ordered) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        names = ", ".join(str(name) for name in ordered["name"])
        return picture(figure, f"{title}, best first: {names}")


def ranked(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a ranking: the highest value first, equal ones by name, none last.

    Example:
        >>> ranked(pd.DataFrame({"name": ["a", "b"], "value": [0.5, 0.9]}))["name"].tolist()
        ['b', 'a']
    """
    order = ["value", "name"]
    return rows.sort_values(order, ascending=[False, True], na_position="last", ignore_index=True)


def _label_width(names: list[str]) -> float:
    """Return about how many inches the longest of some labels takes."""
    return 0.075 * max((len(short_name(name, LONGEST_LABEL)) for name in names), default=0)


def _longest(texts: list[list[str]]) -> int:
    return max((len(text) for row in texts for text in row), default=0)


def _ink_on(share: float, number: float) -> str:
    """Return the ink that is read on a cell of a colour."""
    if np.isnan(number):
        return PALE_INK
    red, green, blue, _ = mpl.colormaps[HEAT_COLOURS](share)
    # Relative luminance of ITU-R BT.709; near enough without linearising.
    return INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else "white"


def _is_turned(columns: list[str]) -> bool:
    return max(map(len, columns), default=0) > 9


def _name_cells(axes: Axes, rows: list[str], columns: list[str]) -> None:
    is_turned = _is_turned(columns)
    axes.set_xticks(
        np.arange(len(columns)) + 0.5,
        [short_name(name, LONGEST_LABEL) for name in columns],
        rotation=30 if is_turned else 0,
        ha="right" if is_turned else "center",
        rotation_mode="anchor" if is_turned else "default",
    )
    axes.set_yticks(np.arange(len(rows)) + 0.5, [short_name(name, LONGEST_LABEL) for name in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    axes.invert_yaxis()


def _best(values: pd.DataFrame) -> str:
    """Say the best of each column, for those who cannot see the cells."""
    parts = []
    for name in values:
        column = values[name].dropna()
        if column.empty:
            parts.append(f"{name}: no value")
        else:
            parts.append(f"{name}: best {column.max():.3f} ({column.idxmax()})")
    return "; ".join(parts)

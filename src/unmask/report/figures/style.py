"""How every chart looks, and how it becomes text."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any, Final, Literal

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unmask.pages.data_uri import data_uri

REAL_COLOUR: Final = "#2b6cb0"
FAKE_COLOUR: Final = "#c2410c"
INK: Final = "#1f2933"
PALE_INK: Final = "#9aa5b1"
GUIDE: Final = "#616e7c"
# Okabe and Ito's palette: told apart by colour-blind readers too.
LINE_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
# Each round through the colours has a dash of its own, so that 30 lines are told apart.
DASHES: Final = ("solid", (0, (4, 1.2)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (5, 1, 1, 1, 1, 1)))
# A legend of more entries than this stands below the chart instead of inside it.
MOST_INSIDE: Final = 5
LONGEST_NAME: Final = 44
PATH_LINE: Final = re.compile(r'^(?: *<path d=")?[MLQC] [-\d. ]+$', re.MULTILINE)
DIGITS: Final = re.compile(r"(\.\d\d)\d+")
STYLE: Final[dict[Any, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": PALE_INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e4e7eb",
    "text.color": INK,
    # A "$" in the name of a run is no formula.
    "text.parse_math": False,
    "xtick.color": "#52606d",
    "ytick.color": "#52606d",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    # Text stays text: a third of the size, and it can be searched and read aloud.
    "svg.fonttype": "none",
    # Fixed ids, so that the same chart is the same text.
    "svg.hashsalt": "unmask",
}


Place = Literal["lower right", "lower left", "upper right", "upper left", "best"]


@dataclass(frozen=True)
class InlineImage:
    """An image that travels inside the page.

    Args:
        uri: A ``data:`` address.
        alt: What it shows, for those who cannot see it.
    """

    uri: str
    alt: str

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        return f'<img src="{self.uri}" alt="{escape(self.alt)}">'


@contextmanager
def chart(width: float = 4.4, height: float = 4.0) -> Iterator[tuple[Figure, Axes]]:
    """Open a figure in the style of the report.

    Args:
        width: Inches.
        height: Inches.

    Yields:
        The figure and its only axes; make the :func:`picture` before leaving the block.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        yield figure, figure.subplots()


def picture(figure: Figure, alt: str) -> InlineImage:
    """Write a figure as SVG without time or version, so that equal charts are equal text."""
    buffer = io.BytesIO()
    metadata: dict[str, Any] = {"Date": None, "Creator": None}
    figure.savefig(buffer, format="svg", metadata=metadata)
    # A hundredth of a point is enough for the eye, and half the text.
    text = PATH_LINE.sub(lambda line: DIGITS.sub(r"\1", line[0]), buffer.getvalue().decode())
    return InlineImage(data_uri(text.encode(), "image/svg+xml"), alt)


def line_look(index: int) -> dict[str, Any]:
    """Return colour and dash of one of many lines.

    Example:
        >>> line_look(0) == line_look(6), line_look(0)["color"] == line_look(6)["color"]
        (False, True)
    """
    dash = DASHES[index // len(LINE_COLOURS) % len(DASHES)]
    return {"color": LINE_COLOURS[index % len(LINE_COLOURS)], "linestyle": dash}


def short_name(name: str, most: int = LONGEST_NAME) -> str:
    """Cut a long name in its middle, since names of variants differ at their ends.

    Args:
        most: Characters to keep, at least 3.

    Returns:
        At most ``most`` characters.

    Example:
        >>> short_name("effb0_lstm_ffpp_s1", 11)
        'effb0…pp_s1'
    """
    # Matplotlib leaves names with an underscore in front out of its legends.
    shown = f"\u2009{name}" if name.startswith("_") else name
    if len(shown) <= most:
        return shown
    half = (most - 1) // 2
    return f"{shown[: most - 1 - half]}…{shown[-half:]}"


def add_legend(figure: Figure, axes: Axes, *, loc: Place) -> None:
    """Explain the lines: inside the axes where there are few, else below, on ground of their own.

    Args:
        figure: Grows by the height of a legend below.
        axes: Their labelled lines are explained.
        loc: Place of a legend inside.
    """
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    if len(handles) <= MOST_INSIDE and max(map(len, labels)) <= 26:
        axes.legend(handles, labels, loc=loc, fontsize=8)
        return
    _legend_below(figure, handles, labels)


def _legend_below(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    columns = 2 if max(map(len, labels)) <= 20 and len(labels) > 2 else 1
    rows = -(-len(labels) // columns)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.185 * rows + 0.5)
    # A dash pattern of 5 points shows in a handle of 3 em.
    figure.legend(
        handles, labels, loc="outside lower left", ncols=columns, fontsize=8, handlelength=3.0
    )


def say_nothing_to_draw(axes: Axes) -> None:
    """Write into empty axes that they are empty on purpose."""
    axes.text(0.5, 0.5, "nothing to draw", transform=axes.transAxes, ha="center", color=PALE_INK)
    axes.set(xticks=[], yticks=[])

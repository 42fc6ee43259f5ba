"""A table that is written once and shown as HTML, Markdown and LaTeX."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import pandas as pd

from unmask.pages.numbers import interval, number
from unmask.report.figures import InlineImage

# Longer tables than this do not fit a page, so that LaTeX must be allowed to break them.
LONG_TABLE_ROWS: Final = 40
# Stands where there is nothing to say.
DASH: Final = "\N{EN DASH}"
_LATEX: Final = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "→": r"$\rightarrow$",
    "\N{EN DASH}": "--",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "←": r"$\leftarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
}


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        note: Smaller, behind or below it, such as an interval.
        link: Where it leads; only pages and Markdown have links.
        is_strong: Whether it stands out.
    """

    text: str
    note: str = ""
    link: str = ""
    is_strong: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under named columns; the first column names the row.

    Args:
        caption: What it shows; also LaTeX's caption.
        rows: As many cells each.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __post_init__(self) -> None:
        """Refuse ragged rows.

        Raises:
            ValueError: If a row has more or fewer cells than there are columns.
        """
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"A row of {len(row)} cells does not fit the {len(self.columns)} columns of "
                    f"'{self.caption}'."
                )


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it.

    Args:
        notes: How to read it, a paragraph each.
        tables: In order.
        pictures: Only the page shows them.
        folded: Tables that the page shows on demand, because they are long.
    """

    title: str
    notes: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[InlineImage] = ()
    folded: Sequence[Table] = field(default=())


def estimate_cell(
    estimate: dict[str, Any] | None, *, mark: str = "", is_strong: bool = False
) -> Cell:
    """Write an estimate with its interval; None is a dash.

    Example:
        >>> estimate_cell({"value": 0.9, "low": 0.8, "high": 0.95})
        Cell(text='0.900', note='[0.800, 0.950]', link='', is_strong=False)
    """
    if estimate is None:
        return Cell(DASH)
    return Cell(number(estimate["value"]) + mark, note=interval(estimate), is_strong=is_strong)


def number_cell(value: float | None, *, mark: str = "") -> Cell:
    """Write a number with three decimals."""
    return Cell(number(value) + mark)


def signed(value: float | None) -> str:
    """Write a difference with its sign.

    Example:
        >>> signed(0.0123), signed(-0.2), signed(0.0), signed(None)
        ('+0.012', '-0.200', '0.000', 'n/a')
    """
    if value is None:
        return "n/a"
    text = f"{value:+.3f}"
    return "0.000" if float(text) == 0.0 else text


def markdown_cell(text: object) -> str:
    r"""Write text so that it stays inside one cell of a Markdown table.

    Example:
        >>> markdown_cell("a|b")
        'a\\|b'
    """
    return " ".join(str(text).replace("\\", "\\\\").replace("|", "\\|").split())


def markdown_table(table: Table) -> str:
    """Write a table in GitHub's Markdown.

    Example:
        >>> print(markdown_table(Table("t", ["run", "AUC"], [[Cell("a"), Cell("0.9", "[b]")]])))
        | run | AUC |
        |---|---|
        | a | 0.9 [b] |
    """
    lines = [
        "| " + " | ".join(markdown_cell(name) for name in table.columns) + " |",
        "|" + "---|" * len(table.columns),
        *("| " + " | ".join(_in_markdown(cell) for cell in row) + " |" for row in table.rows),
    ]
    return "\n".join(lines)


def _in_markdown(cell: Cell) -> str:
    text = markdown_cell(cell.text)
    if cell.link:
        text = f"[{text}]({quote(cell.link)})"
    if cell.note:
        text = f"{text} {markdown_cell(cell.note)}".lstrip()
    return f"**{text}**" if cell.is_strong else text


def latex_escape(text: str) -> str:
    r"""Write text so that LaTeX shows it as it is.

    Example:
        >>> print(latex_escape("effb0_lstm: 5 % & more"))
        effb0\_lstm: 5 \% \& more
    """
    return "".join(_LATEX.get(letter, letter) for letter in text)


def latex_table(table: Table, label: str) -> str:
    r"""Write a table with booktabs' rules, shrunk where it is wider than a line.

    A long one is a longtable, so that it may break, and in small letters, which cannot be shrunk.

    Args:
        label: For ``\ref``.
    """
    is_long = len(table.rows) > LONG_TABLE_ROWS
    frame = pd.DataFrame(
        [[_in_latex(cell) for cell in row] for row in table.rows],
        columns=[latex_escape(name) for name in table.columns],
        dtype=object,
    )
    written = frame.style.hide(axis="index").to_latex(
        hrules=True,
        column_format="l" * len(table.columns),
        environment="longtable" if is_long else None,
        position_float=None if is_long else "centering",
        caption=latex_escape(table.caption),
        label=label,
    )
    if is_long:
        return r"\begingroup\scriptsize\setlength{\tabcolsep}{3pt}" + f"\n{written}\\endgroup"
    shrunk = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    begin, end = r"\begin{tabular}", r"\end{tabular}"
    return written.replace(begin, f"{shrunk}\n{begin}").replace(end, f"{end}}}").rstrip()


def _in_latex(cell: Cell) -> str:
    text = latex_escape(cell.text)
    if cell.note:
        # A bracket at the start of a row would be read as an argument of the row before it.
        text = rf"{text} {{\small {latex_escape(cell.note)}}}".lstrip()
    return rf"\textbf{{{text}}}" if cell.is_strong else text

"""The report's charts, as SVG that is equal for equal data."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from unmask.core.labels import FAKE, REAL
from unmask.evaluation.metrics import Scores, roc_points

REAL_COLOUR: Final = "#2b6cb0"
FAKE_COLOUR: Final = "#c2410c"
INK: Final = "#1f2933"
# Okabe and Ito's palette: told apart by colour-blind readers too.
LINE_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": INK,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e4e7eb",
    "text.color": INK,
    "xtick.color": "#52606d",
    "ytick.color": "#52606d",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    # Fixed ids, so that the same chart is the same text.
    "svg.hashsalt": "unmask",
}


@dataclass(frozen=True)
class Picture:
    """An image that travels inside the page.

    Args:
        uri: A ``data:`` address.
        alt: What it shows, for those who cannot see it.
    """

    uri: str
    alt: str


def roc_chart(curves: Sequence[tuple[str, pd.DataFrame]]) -> Picture:
    """Draw the ROC curve of each test set.

    Args:
        curves: Name and videos (``label``, ``score``) of each.

    Returns:
        The chart.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 4.0))
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle=":", label="guessing")
        for index, (name, videos) in enumerate(curves):
            false_fake, true_fake = roc_points(
                videos["label"].to_numpy(np.int64), videos["score"].to_numpy(np.float64)
            )
            colour = LINE_COLOURS[index % len(LINE_COLOURS)]
            axes.plot(false_fake, true_fake, color=colour, linewidth=2, label=name, clip_on=False)
        axes.set(
            title="ROC, videos",
            xlabel="share of real videos called fake",
            ylabel="share of fake videos called fake",
            xlim=(0, 1),
            ylim=(0, 1),
            aspect="equal",
        )
        axes.legend(loc="lower right")
        names = ", ".join(name for name, _ in curves)
        return _picture(figure, f"ROC curves of {names}")


def score_chart(name: str, videos: pd.DataFrame, threshold: float | None) -> Picture:
    """Draw how the scores of real and of fake videos are spread.

    Args:
        name: Of the set.
        videos: ``label`` and ``score`` of each.
        threshold: Drawn as a line where there is one.

    Returns:
        The chart.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 4.0))
        axes = figure.subplots()
        edges = np.linspace(0.0, 1.0, 21)
        for label, word, colour in ((REAL, "real", REAL_COLOUR), (FAKE, "fake", FAKE_COLOUR)):
            scores: Scores = videos.loc[videos["label"] == label, "score"].to_numpy(np.float64)
            shares = np.histogram(scores, edges)[0] / len(scores)
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.28)
            axes.stairs(shares, edges, color=colour, linewidth=1.6, label=f"{word} ({len(scores)})")
        if threshold is not None:
            axes.axvline(threshold, color=INK, linewidth=1.2, linestyle="--", label="threshold")
        axes.set(title=name, xlabel="score (probability of fake)", ylabel="share of its class")
        axes.set_xlim(0, 1)
        axes.legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, -0.13), fontsize=8)
        return _picture(figure, f"Scores of real and fake videos of {name}")


def training_charts(curves: pd.DataFrame, best_epoch: int | None) -> list[Picture]:
    """Draw the loss and the validation metrics over the epochs.

    Args:
        curves: Metrics as columns, epochs as index.
        best_epoch: The epoch whose checkpoint was evaluated, where known.

    Returns:
        One chart for losses and one for validation metrics in [0, 1], where there are such columns.
    """
    names = [str(name) for name in curves]
    losses = _named(curves, [name for name in names if _is_loss(name)])
    merits = _named(
        curves, [name for name in names if name.startswith("val/") and not _is_loss(name)]
    )
    return [
        _lines(part, title, best_epoch, is_share=is_share)
        for title, part, is_share in (
            ("Loss by epoch", losses, False),
            ("Validation by epoch", merits, True),
        )
        if not part.empty
    ]


def _is_loss(name: str) -> bool:
    return name.removesuffix("_epoch") in ("train/loss", "val/loss")


def _named(curves: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return curves[names].rename(columns=lambda name: name.removesuffix("_epoch"))


def _lines(curves: pd.DataFrame, title: str, best_epoch: int | None, *, is_share: bool) -> Picture:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.1))
        axes = figure.subplots()
        for index, name in enumerate(curves):
            line = curves[name].dropna()
            colour = LINE_COLOURS[index % len(LINE_COLOURS)]
            axes.plot(line.index, line, color=colour, linewidth=2, marker="o", ms=3.5, label=name)
        if best_epoch is not None:
            axes.axvline(best_epoch, color=INK, linewidth=1, linestyle="--", label="chosen")
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        values = curves.to_numpy(np.float64)
        if is_share and np.nanmax(values) <= 1.0:
            axes.set_ylim(min(0.5, float(np.nanmin(values)) - 0.02), 1.01)
        axes.legend(fontsize=8)
        return _picture(figure, f"{title}: {', '.join(map(str, curves))}")


def _picture(figure: Figure, alt: str) -> Picture:
    buffer = io.BytesIO()
    metadata: dict[str, Any] = {"Date": None, "Creator": None}
    figure.savefig(buffer, format="svg", metadata=metadata)
    content = base64.b64encode(buffer.getvalue()).decode()
    return Picture(f"data:image/svg+xml;base64,{content}", alt)

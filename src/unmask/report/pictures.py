"""Which charts stand where; how each is drawn is in ``figures``."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from unmask.evaluation.calibration import CalibrationMethod, calibrated, fit_calibration
from unmask.report.compare.matrix import columns_of, heat_marks, heat_values
from unmask.report.compare.ranking import Ranking, ranking_rows
from unmask.report.compare.variants import ComparedRun, Variant, typical_run
from unmask.report.figures import (
    InlineImage,
    confusion_chart,
    det_chart,
    heat_map,
    learning_chart,
    pr_chart,
    ranking_chart,
    reliability_chart,
    roc_chart,
    score_chart,
)
from unmask.report.figures.style import short_name
from unmask.report.wording import Block

Curves = Sequence[tuple[str, pd.DataFrame]]
Lines = Sequence[tuple[str, ComparedRun]]
# Lines that colour and dash tell apart in one chart.
MOST_LINES = 20
# Variants whose scores and decisions are drawn, two charts for each.
MOST_DECISIONS = 4
# Letters above the narrower of these charts.
LONGEST_TITLE = 36


def run_charts(
    videos: Mapping[str, pd.DataFrame], shown: Sequence[Block], threshold: float | None
) -> list[InlineImage]:
    """Draw ROC, precision-recall and DET of all sets together, and the scores of each.

    Args:
        videos: Title of a block -> its videos.
        threshold: From validation.
    """
    curves = [(block.title, videos[block.title]) for block in shown]
    return [
        roc_chart(curves),
        pr_chart(curves),
        det_chart(curves),
        *(score_chart(name, part, threshold) for name, part in curves),
    ]


def calibration_charts(
    videos: pd.DataFrame, metrics: dict[str, Any], shown: Sequence[Block]
) -> list[InlineImage]:
    """Draw the reliability curve of each set, as scored and after each map.

    Args:
        videos: Videos of every data set and split.
        metrics: The content of ``metrics.json``.
    """
    fitted = metrics["calibration"]
    methods: Sequence[CalibrationMethod] = list(fitted["maps"])
    maps = {
        method: fit_calibration(
            videos, method, datasets=metrics["source_datasets"], split=fitted["split"]
        )
        for method in methods
    }
    charts = []
    for block in shown:
        is_one = (videos["dataset"] == block.dataset) & (videos["split"] == block.split)
        part = videos[is_one]
        curves = [(f"{block.dataset}, as scored", part)]
        curves += [(name, calibrated(part, one)) for name, one in maps.items()]
        charts.append(reliability_chart(curves))
    return charts


def lines_on(variants: Sequence[Variant], target: str) -> Lines:
    """Name the line of each variant that was tested on a target.

    Args:
        variants: In the order of the lines.

    Returns:
        Name and run of each: of several seeds the typical one, with the seed in the name, and with
        the number of videos where not all were tested on the same ones.
    """
    [column] = columns_of(variants, [target])
    lines = []
    for variant in variants:
        if runs := variant.tested_on(target):
            run = typical_run(runs)
            count = f" ({note})" if (note := column.note(run)) else ""
            lines.append((_name(variant, run) + variant.mark_of(target) + count, run))
    return lines


def logged_lines(variants: Sequence[Variant]) -> Lines:
    """Name the line of each variant that logged its epochs, as :func:`lines_on` does."""
    logged = [(one, [run for run in one.runs if not run.curves.empty]) for one in variants]
    chosen = [(one, typical_run(runs)) for one, runs in logged if runs]
    return [(_name(variant, run), run) for variant, run in chosen]


def _name(variant: Variant, run: ComparedRun) -> str:
    return variant.title if len(variant.runs) == 1 else f"{variant.title}, seed {run.seed}"


def overview_curves(lines: Lines, target: str) -> list[InlineImage]:
    """Draw ROC, precision-recall, DET and calibration on one target, a line for each."""
    tables = [(name, run.videos_of(target)) for name, run in lines]
    return [roc_chart(tables), pr_chart(tables), det_chart(tables), reliability_chart(tables)]


def decision_pictures(lines: Lines, target: str) -> list[InlineImage]:
    """Draw how the scores on one target are spread, and what its videos were called.

    Decided at the threshold from validation; at 0.5 where there is none, which the name says.
    """
    pictures = []
    for name, run in lines:
        video = run.tests[target].content["video"]
        decided, short = video["at_threshold"] or video["at_half"], short_name(name, LONGEST_TITLE)
        title = short if video["at_threshold"] else f"{short} at 0.5"
        pictures.append(score_chart(short, run.videos_of(target), decided["threshold"]))
        pictures.append(confusion_chart(title, decided["confusion"]))
    return pictures


def matrix_picture(variants: Sequence[Variant], targets: Sequence[str]) -> InlineImage:
    """Draw the source by target matrix."""
    return heat_map(
        heat_values(variants, targets),
        title="AUC of test videos",
        marks=heat_marks(variants, targets),
    )


def ranking_picture(ranking: Ranking) -> InlineImage:
    """Draw a ranking with its intervals."""
    return ranking_chart(ranking_rows(ranking))


def learning_pictures(lines: Lines) -> list[InlineImage]:
    """Draw the learning curves, where they were logged."""
    logged = [(name, run.curves) for name, run in lines]
    names = {str(name).removesuffix("_epoch") for _, curves in logged for name in curves}
    wanted = ("train/loss", "val/loss", "val/video_auc")
    return [learning_chart(logged, metric) for metric in wanted if metric in names]

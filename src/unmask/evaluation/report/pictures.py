"""Which charts stand where; how each is drawn is in ``figures``."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from unmask.evaluation.calibration import CalibrationMethod, calibrated, fit_calibration
from unmask.evaluation.report.compare.matrix import heat_marks, heat_values
from unmask.evaluation.report.compare.ranking import Ranking, ranking_rows
from unmask.evaluation.report.compare.variants import ComparedRun, Variant
from unmask.evaluation.report.figures import (
    Picture,
    det_chart,
    heat_map,
    learning_chart,
    pr_chart,
    ranking_chart,
    reliability_chart,
    roc_chart,
    score_chart,
)
from unmask.evaluation.report.wording import Block

Curves = Sequence[tuple[str, pd.DataFrame]]
# Lines that a reader can still tell apart in one chart.
MOST_LINES = 12


def run_charts(
    videos: Mapping[str, pd.DataFrame], shown: Sequence[Block], threshold: float | None
) -> list[Picture]:
    """Draw ROC, precision-recall and DET of all sets together, and the scores of each.

    Args:
        videos: Title of a block -> its videos.
        shown: The blocks.
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
) -> list[Picture]:
    """Draw the reliability curve of each set, as scored and after each map.

    Args:
        videos: Of every data set and split.
        metrics: The content of ``metrics.json``.
        shown: The sets.
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


def overview_curves(variants: Sequence[Variant], target: str) -> list[Picture]:
    """Draw ROC, precision-recall, DET and calibration of every variant on one target."""
    curves = [one for one in _lines(variants) if target in one[1].tests][:MOST_LINES]
    tables = [(name, run.videos_of(target)) for name, run in curves]
    return [roc_chart(tables), pr_chart(tables), det_chart(tables), reliability_chart(tables)]


def matrix_picture(variants: Sequence[Variant], targets: Sequence[str]) -> Picture:
    """Draw the source by target matrix."""
    return heat_map(
        heat_values(variants, targets),
        title="AUC of test videos",
        marks=heat_marks(variants, targets),
    )


def ranking_picture(ranking: Ranking) -> Picture:
    """Draw a ranking with its intervals."""
    return ranking_chart(ranking_rows(ranking))


def learning_pictures(variants: Sequence[Variant]) -> list[Picture]:
    """Draw the learning curves of all runs, where they were logged."""
    logged = [(name, run.curves) for name, run in _lines(variants) if not run.curves.empty]
    logged = logged[:MOST_LINES]
    names = {str(name).removesuffix("_epoch") for _, curves in logged for name in curves}
    wanted = ("train/loss", "val/loss", "val/video_auc")
    return [learning_chart(logged, metric) for metric in wanted if metric in names]


def _lines(variants: Sequence[Variant]) -> list[tuple[str, ComparedRun]]:
    """Name the line of each run: its variant, and the seed where there are several."""
    return [
        (one.title if len(one.runs) == 1 else f"{one.title}, seed {run.seed}", run)
        for one in variants
        for run in one.runs
    ]

"""Every number of the overview as one long table, for other programs."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pandas as pd

from unmask.core.labels import CLASS_NAMES
from unmask.report.compare.variants import ComparedRun, Variant
from unmask.report.metrics_with_intervals import OF_SCORES
from unmask.report.wording import Block, blocks

COLUMNS: Final = [
    "run", "link", "variant", "in_mean", "model", "seed", "source", "target", "split", "videos",
    "level", "metric", "value", "low", "high", "n", "mark",
]  # fmt: skip
# Digits of a hash that tell sets of videos apart.
NUM_DIGITS: Final = 8
Row = tuple[str, str, float | None, float | None, float | None, int]


def tidy_table(variants: Sequence[Variant]) -> pd.DataFrame:
    """Return one row per run, data set, split, level and metric.

    ``n`` is the number of clips or videos behind a value; of a manipulation, that of its fakes; of
    a class, that of the class. ``low`` and ``high`` are empty where there is no interval.
    ``in_mean`` is False of a run that repeats another's seed. ``videos`` is a hash of the test
    videos and their manifest: values where it differs are of different videos. ``mark`` says what
    leaked.

    Args:
        variants: Variants of the runs; rows are sorted by source, run and link.
    """
    members = [
        (run, variant.title, is_counted)
        for variant in variants
        for runs, is_counted in ((variant.runs, True), (variant.repeats, False))
        for run in runs
    ]
    members.sort(key=lambda one: (one[0].source, one[0].name, one[0].link))
    rows = [
        (
            *(run.name, run.link, title, is_counted, run.model, run.seed, run.source),
            *(block.dataset, block.split, _videos(run, block), *row),
            run.mark_of(block.dataset).strip(),
        )
        for run, title, is_counted in members
        for block in blocks(run.metrics)
        for row in _of_block(block)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"seed": "Int64", "value": float, "low": float, "high": float})


def _videos(run: ComparedRun, block: Block) -> str:
    is_test = block.split == "test"
    return run.video_sets.get(block.dataset, "")[:NUM_DIGITS] if is_test else ""


def _of_block(block: Block) -> Iterator[Row]:
    for level in ("clip", "video"):
        yield from _of_level(level, block.content[level])
    for method, facts in block.content["methods"]["fake"].items():
        if facts["auc"] is not None:
            yield _estimate("video", f"auc/{method}", facts["auc"], facts["count"])
    count = block.content["video"]["count"]
    for name, found in block.content["calibration"].items():
        for metric in ("log_loss", "brier_score", "expected_calibration_error"):
            if name != "none":
                yield "video", f"{metric}/{name}", found[metric], None, None, count
    if block.content["oracle"] is not None:
        for metric, one in block.content["oracle"]["threshold"].items():
            for part in ("oracle", "gap"):
                yield "video", f"{metric}/{part}", one[part], None, None, count


def _of_level(level: str, content: dict[str, Any]) -> Iterator[Row]:
    count = content["count"]
    for name in OF_SCORES:
        yield _estimate(level, name, content[name], count)
    error = content["expected_calibration_error"]
    yield level, "expected_calibration_error", error, None, None, count
    for at in ("at_half", "at_threshold"):
        decided = content[at]
        if decided is None:
            continue
        yield level, f"{at}/threshold", decided["threshold"], None, None, count
        for name in ("accuracy", "balanced_accuracy"):
            yield _estimate(level, f"{at}/{name}", decided[name], count)
        for one in CLASS_NAMES:
            of_class = decided["classes"][one]
            for name in ("precision", "recall", "f1"):
                value = of_class[name]
                yield level, f"{at}/{name}_{one}", value, None, None, of_class["support"]


def _estimate(level: str, name: str, estimate: dict[str, float | None], count: int) -> Row:
    return level, name, estimate["value"], estimate["low"], estimate["high"], count

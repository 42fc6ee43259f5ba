"""From a run and its metrics to the text of ``report.html`` and ``report.md``."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import pandas as pd
from jinja2 import Environment

from unmask.evaluation.aggregate import in_words
from unmask.pages.templating import templates_of
from unmask.report.examples import ExampleRow, choose_examples
from unmask.report.features import features_section
from unmask.report.figures import InlineImage, training_charts
from unmask.report.measure import measured_videos
from unmask.report.pictures import calibration_charts, run_charts
from unmask.report.protocol import Protocol
from unmask.report.run_tables import (
    calibration_section,
    classes_section,
    metrics_section,
    oracle_section,
)
from unmask.report.table import Section, markdown_cell, markdown_table
from unmask.report.wording import Block, blocks, cautions, headline
from unmask.runs.run import Run

FACT_NAMES: Final = {
    "model": "Model",
    "data": "Data",
    "source_dataset": "Trained on",
    "seed": "Seed",
    "num_parameters": "Parameters",
    "num_trainable": "Trainable parameters",
    "best_epoch": "Chosen epoch",
    "video_score": "A member's score of a video",
    "git": "Commit",
    "manifest_hashes": "Manifests (SHA-256)",
    "versions": "Versions",
}


def environment() -> Environment:
    """Return the templates with the filters that write numbers."""
    templates = templates_of("unmask.report")
    templates.filters |= {"cell": markdown_cell, "markdown_table": markdown_table}
    templates.filters["video_score"] = in_words
    return templates


@dataclass(frozen=True)
class RunPages:
    """The report of one run in each form.

    Attributes:
        html: The page, which needs no other file.
        markdown: The same as text, without pictures.
    """

    html: str
    markdown: str
    pictures: list[InlineImage]


def render_report(
    run: Run, metrics: dict[str, Any], videos: pd.DataFrame | None = None
) -> RunPages:
    """Write the report of one run.

    Args:
        run: What was read from its folder.
        metrics: What was measured on its predictions.
        videos: :func:`measured_videos` of these predictions, where known.
    """
    if videos is None:
        videos = measured_videos(run.predictions, run.unscored, _protocol(metrics))
    found = blocks(metrics)
    tests = [block for block in found if block.is_test]
    shown = tests or found
    parts = {block.title: _videos_of(videos, block) for block in shown}
    examples, missing = _examples(run, metrics, shown, parts)
    threshold = metrics["threshold"]["value"]
    charts, sections = run_charts(parts, shown, threshold), _sections(run, metrics, videos, shown)
    training = training_charts(run.curves, run.facts.get("best_epoch"))
    context = {
        "name": run.name,
        "metrics": metrics,
        "blocks": found,
        "tests": tests,
        "shown": shown,
        "headline": headline(metrics),
        "cautions": [*cautions(metrics), *missing, *_no_curves(run)],
        "examples": examples,
        "charts": charts,
        "classes": classes_section(shown, threshold),
        "sections": sections,
        "training": training,
        "facts": fact_rows({**run.facts, "source_dataset": run.card.source_dataset}),
    }
    templates = environment()
    return RunPages(
        html=templates.get_template("report.html.jinja").render(context),
        markdown=templates.get_template("report.md.jinja").render(context),
        pictures=[*charts, *(one for part in sections for one in part.pictures), *training],
    )


def _sections(
    run: Run, metrics: dict[str, Any], videos: pd.DataFrame, shown: list[Block]
) -> list[Section]:
    pictures = calibration_charts(videos, metrics, shown)
    return [
        oracle_section(shown),
        replace(calibration_section(metrics, shown), pictures=pictures),
        metrics_section(blocks(metrics)),
        features_section(
            run.embeddings, shown, sources=run.source_datasets, split=run.threshold_split
        ),
    ]


def _protocol(metrics: dict[str, Any]) -> Protocol:
    names = {one.name for one in fields(Protocol)}
    return Protocol(**{key: one for key, one in metrics["protocol"].items() if key in names})


def _videos_of(videos: pd.DataFrame, block: Block) -> pd.DataFrame:
    is_one = (videos["dataset"] == block.dataset) & (videos["split"] == block.split)
    chosen: pd.DataFrame = videos[is_one]
    return chosen


def fact_rows(facts: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Write what is known of a run as rows of a name and lines of text.

    Example:
        >>> fact_rows({"seed": 1, "num_parameters": 5583000})
        [('Seed', ['1']), ('Parameters', ['5,583,000'])]
    """
    known = [name for name in FACT_NAMES if name in facts]
    others = sorted(set(facts) - set(known))
    return [
        (FACT_NAMES.get(name, name.replace("_", " ").capitalize()), _lines(name, facts[name]))
        for name in (*known, *others)
    ]


def _lines(name: str, value: Any) -> list[str]:  # noqa: ANN401 - JSON is untyped
    if name == "git" and isinstance(value, dict):
        commit = value.get("commit") or "not in a git checkout"
        return [commit + (" with uncommitted changes" if value.get("dirty") else "")]
    if name.startswith("num_") and isinstance(value, int):
        return [f"{value:,}"]
    if isinstance(value, dict):
        return [f"{key}: {_text(value[key])}" for key in sorted(value)]
    return [_text(value)]


def _text(value: Any) -> str:  # noqa: ANN401 - JSON is untyped
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _examples(
    run: Run,
    metrics: dict[str, Any],
    shown: Iterable[Block],
    parts: Mapping[str, pd.DataFrame],
) -> tuple[list[tuple[str, list[ExampleRow]]], list[str]]:
    """Choose examples of each set, and say where their pictures are missing."""
    threshold = metrics["threshold"]["value"]
    chosen, missing = [], []
    for block in shown:
        store_dir = run.stores.get(block.dataset)
        rows = choose_examples(
            parts[block.title],
            run.predictions[run.predictions["dataset"] == block.dataset],
            store_dir=store_dir,
            threshold=0.5 if threshold is None else threshold,
        )
        chosen.append((block.title, rows))
        examples = [example for row in rows for example in row.examples]
        blank = sum(example.uri is None for example in examples)
        if blank:
            missing.append(
                f"{block.title}: {blank} of {len(examples)} example pictures are missing, because "
                "the store of face crops was moved, deleted or not recorded."
            )
    return chosen, missing


def _no_curves(run: Run) -> list[str]:
    if run.curves.empty:
        return ["There are no training curves: the run has no metrics.csv with logged epochs."]
    return []

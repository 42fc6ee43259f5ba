"""Runs to be compared, and which of them differ in nothing but their seed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import yaml

from unmask.core.errors import DataError
from unmask.evaluation.footage import same_footage
from unmask.evaluation.report.wording import Block, blocks, mark_in

# What a configuration says without changing what is learned: where things lie, what is logged, how
# the finished detector is measured. Dots lead into it.
WITHOUT_EFFECT: Final = (
    "seed",
    "paths",
    "hydra",
    "resume",
    "test",
    "eval",
    "logger",
    "data.root",
    "loader.num_workers",
    "prepare.num_workers",
    "prepare.retry_failures",
    "trainer.enable_progress_bar",
)
# Settings named beside a model's name where two variants share it.
MOST_SETTINGS: Final = 3
Recipe = dict[str, str]


@dataclass(frozen=True)
class ComparedRun:
    """One run of the overview.

    Args:
        name: What the run is called.
        link: Its report, relative to the overview.
        facts: ``run.json``, as far as it is known.
        metrics: The content of ``metrics.json``.
        videos: One row per video, of every data set and split, as measured.
        curves: Metrics by epoch.
        recipe: What :func:`read_recipe` says; None without a configuration.
    """

    name: str
    link: str
    facts: Mapping[str, Any]
    metrics: dict[str, Any]
    videos: pd.DataFrame
    curves: pd.DataFrame
    recipe: Recipe | None = None

    @property
    def source(self) -> str:
        """The data sets trained on, joined by "+"."""
        source: str = self.metrics["source_dataset"]
        return source

    @property
    def sources(self) -> list[str]:
        """The data sets trained on."""
        sources: list[str] = self.metrics["source_datasets"]
        return sources

    @property
    def model(self) -> str:
        """The model's configuration, or the run's name where it is not recorded."""
        return str(self.facts.get("model") or self.name)

    @property
    def seed(self) -> int | None:
        """The seed, where there is one; an ensemble has none."""
        return self.facts.get("seed")

    @property
    def mark(self) -> str:
        """Stands at every number of a run with leaks, or of weights chosen otherwise."""
        return mark_in(self.metrics)

    @property
    def tests(self) -> dict[str, Block]:
        """Data set -> its test split."""
        found = blocks(self.metrics)
        return {one.dataset: one for one in found if one.is_test and one.split == "test"}

    def is_home(self, dataset: str) -> bool:
        """Whether it was trained on this footage, in whatever copy."""
        if dataset in self.tests:
            return self.tests[dataset].role == "in_domain"
        return any(same_footage(dataset, source) for source in self.sources)

    def videos_of(self, dataset: str) -> pd.DataFrame:
        """Return the test videos of one data set."""
        is_one = (self.videos["dataset"] == dataset) & (self.videos["split"] == "test")
        chosen: pd.DataFrame = self.videos[is_one]
        return chosen


@dataclass(frozen=True)
class Variant:
    """Runs that differ in nothing but their seed.

    Args:
        name: The model, and what tells it from others of that name.
        source: The data sets trained on, joined by "+".
        runs: At least one, by seed.
    """

    name: str
    source: str
    runs: Sequence[ComparedRun]

    @property
    def title(self) -> str:
        """Name and source."""
        return f"{self.name} ← {self.source}"

    @property
    def sources(self) -> list[str]:
        """The data sets trained on."""
        return self.runs[0].sources

    @property
    def mark(self) -> str:
        """Stands at every number where a run has leaks."""
        return max(run.mark for run in self.runs)

    @property
    def targets(self) -> list[str]:
        """The data sets that every run of it was tested on."""
        common = set.intersection(*(set(run.tests) for run in self.runs))
        return sorted(common)

    @property
    def cross_targets(self) -> tuple[str, ...]:
        """Those of them whose footage it was not trained on."""
        return tuple(one for one in self.targets if not self.is_home(one))

    def is_home(self, dataset: str) -> bool:
        """Whether it was trained on this footage, in whatever copy."""
        return any(run.is_home(dataset) for run in self.runs)

    def aucs(self, target: str) -> list[float]:
        """Return the AUC over the videos of a target, of each run."""
        return [float(run.tests[target].content["video"]["auc"]["value"]) for run in self.runs]


def read_recipe(run_dir: Path) -> Recipe | None:
    """Read what a run was trained with, as dotted settings, but for what changes nothing learned.

    Args:
        run_dir: May hold ``config.yaml``, as ``unmask train`` writes it.

    Returns:
        Setting -> value as JSON, or None where there is no configuration.

    Raises:
        DataError: If the file is no such mapping.
    """
    path = run_dir / "config.yaml"
    if not path.is_file():
        return None
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise DataError(f"{path} is not readable YAML: {error}.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no settings but a {type(content).__name__}.")
    flat = _flat(content)
    return {
        name: value
        for name, value in flat.items()
        if not any(name == one or name.startswith(f"{one}.") for one in WITHOUT_EFFECT)
    }


def _flat(content: Mapping[str, Any], prefix: str = "") -> Recipe:
    flat: Recipe = {}
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = json.dumps(value, sort_keys=True, default=str)
    return flat


def group_variants(runs: Sequence[ComparedRun]) -> list[Variant]:
    """Put runs together that differ only in their seed.

    Runs with a configuration are equal where their recipes are; without one, where model, data set
    and source are. A run without a model or without a seed, such as an ensemble, stands alone, and
    so does one whose data set has another manifest.

    Args:
        runs: In any order.

    Returns:
        Variants by source and name, their runs by seed.
    """
    groups: dict[str, list[ComparedRun]] = {}
    for index, run in enumerate(sorted(runs, key=lambda run: (run.name, run.link))):
        groups.setdefault(_key(run, index), []).append(run)
    found = [sorted(group, key=lambda run: (run.seed or 0, run.name)) for group in groups.values()]
    variants = [
        Variant(name=name, source=group[0].source, runs=group)
        for name, group in zip(_names(found), found, strict=True)
    ]
    return sorted(variants, key=lambda one: (one.source, one.name))


def _key(run: ComparedRun, index: int) -> str:
    if not run.facts.get("model") or run.seed is None:
        return f"run {index}"
    hashes = run.facts.get("manifest_hashes", {})
    manifests = {name: hashes.get(name) for name in run.sources}
    what = [run.model, run.facts.get("data"), run.source, run.recipe, manifests, bool(run.mark)]
    return json.dumps(what, sort_keys=True)


def _names(groups: Sequence[Sequence[ComparedRun]]) -> list[str]:
    """Name each variant by its model and, where another has it too, by what differs."""
    names = []
    for group in groups:
        run = group[0]
        twins = [
            other[0]
            for other in groups
            if (other[0].model, other[0].source) == (run.model, run.source)
        ]
        differing = _differing(run, twins) if len(twins) > 1 else ""
        names.append(f"{run.model} ({differing})" if differing else run.model)
    # What is still the same after that is told apart by the run's own name.
    return [
        f"{name} ({group[0].name})"
        if names.count(name) > 1 and _is_ambiguous(name, names, groups)
        else name
        for name, group in zip(names, groups, strict=True)
    ]


def _is_ambiguous(name: str, names: Sequence[str], groups: Sequence[Sequence[ComparedRun]]) -> bool:
    sources = [group[0].source for other, group in zip(names, groups, strict=True) if other == name]
    return len(set(sources)) < len(sources)


def _differing(run: ComparedRun, twins: Sequence[ComparedRun]) -> str:
    recipes = [twin.recipe or {} for twin in twins]
    settings = sorted({name for recipe in recipes for name in recipe})
    found = [
        f"{name}={(run.recipe or {}).get(name, 'none')}"
        for name in settings
        if len({recipe.get(name) for recipe in recipes}) > 1
    ]
    rest = len(found) - MOST_SETTINGS
    return ", ".join([*found[:MOST_SETTINGS], *([f"{rest} more"] if rest > 0 else [])])

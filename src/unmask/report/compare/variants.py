"""Runs to be compared, and variants: runs that differ in nothing but their seed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pandas as pd

from unmask.config.decides import deciding, leaves
from unmask.evaluation.footage import same_footage
from unmask.evaluation.predictions import VIDEO_FACTS, VIDEO_KEY
from unmask.report.wording import Block, blocks, mark_in

# Mark of every number of a data set whose splits share identity groups.
SHARED_MARK: Final = " (groups shared)"
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
        recipe: What :func:`recipe_of` says; None without a configuration.
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
    def validation_auc(self) -> float | None:
        """AUC over the validation videos in the chosen epoch, where it is recorded."""
        value = self.facts.get("val_video_auc")
        return float(value) if isinstance(value, int | float) else None

    @property
    def mark(self) -> str:
        """Return the mark of every number: of leaks, or of weights chosen otherwise."""
        return mark_in(self.metrics)

    def marks_of(self, dataset: str) -> list[str]:
        """Return the run's own mark, and that of a data set whose splits share groups."""
        shared = self.metrics["groups_shared_between_splits"]
        found = [self.mark, SHARED_MARK if shared.get(dataset) else ""]
        return [mark for mark in found if mark]

    def mark_of(self, dataset: str) -> str:
        """Return the mark of every number of one data set."""
        return "".join(self.marks_of(dataset))

    @property
    def tests(self) -> dict[str, Block]:
        """Data set -> its test split."""
        found = blocks(self.metrics)
        return {one.dataset: one for one in found if one.is_test and one.split == "test"}

    def is_home(self, dataset: str) -> bool:
        """Whether it was trained on this footage, in any copy of it."""
        if dataset in self.tests:
            return self.tests[dataset].role == "in_domain"
        return any(same_footage(dataset, source) for source in self.sources)

    def videos_of(self, dataset: str) -> pd.DataFrame:
        """Return the test videos of one data set."""
        is_one = (self.videos["dataset"] == dataset) & (self.videos["split"] == "test")
        chosen: pd.DataFrame = self.videos[is_one]
        return chosen

    @cached_property
    def video_sets(self) -> dict[str, str]:
        """Data set -> SHA-256 of its manifest's hash and of the test videos behind the numbers.

        Two runs have the same where their numbers may be pooled and ranked: the videos, their
        labels, methods and groups agree, and so do the manifests. A manifest that only
        one of them has recorded agrees with no other.
        """
        manifests = self.facts.get("manifest_hashes") or {}
        found = {}
        for dataset in self.tests:
            facts = self.videos_of(dataset)[[*VIDEO_KEY, *VIDEO_FACTS]].sort_values(VIDEO_KEY)
            text = f"{manifests.get(dataset)}\n{facts.to_csv(index=False, lineterminator=chr(10))}"
            found[dataset] = hashlib.sha256(text.encode()).hexdigest()
        return found


@dataclass(frozen=True)
class Variant:
    """Runs that differ in nothing but their seed, tested on the same videos of each data set.

    Args:
        name: The model, and what tells it from others of that name.
        source: The data sets trained on, joined by "+".
        runs: At least one, by seed; no seed stands twice.
        repeats: Further runs of the same seeds, which no mean counts.
    """

    name: str
    source: str
    runs: Sequence[ComparedRun]
    repeats: Sequence[ComparedRun] = ()

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
        """Return the mark of every number where a run has leaks."""
        return max(run.mark for run in self.runs)

    def mark_of(self, *datasets: str) -> str:
        """Return the mark of every number of these data sets: all runs' marks together."""
        tested = [(run, one) for run in self.runs for one in datasets if one in run.tests]
        return "".join(dict.fromkeys(mark for run, one in tested for mark in run.marks_of(one)))

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
        """Whether it was trained on this footage, in any copy of it."""
        return any(run.is_home(dataset) for run in self.runs)

    def tested_on(self, target: str) -> list[ComparedRun]:
        """Return the runs that have scored a data set's test videos, which are the same ones."""
        return [run for run in self.runs if target in run.tests]

    def aucs(self, target: str) -> list[float]:
        """Return the AUC over the videos of a target, of each run."""
        return [float(run.tests[target].content["video"]["auc"]["value"]) for run in self.runs]


def typical_run(runs: Sequence[ComparedRun]) -> ComparedRun:
    """Choose the run that is drawn for several seeds, without asking a test.

    Args:
        runs: At least one.

    Returns:
        That of the median AUC over validation videos, of two middle ones the lower; the first seed
        where one of them has not recorded it.
    """
    by_seed = sorted(runs, key=lambda run: (run.seed or 0, run.name))
    aucs = [run.validation_auc for run in by_seed]
    if None in aucs:
        return by_seed[0]
    return sorted(by_seed, key=lambda run: run.validation_auc or 0.0)[(len(by_seed) - 1) // 2]


def recipe_of(config: Mapping[str, Any] | None) -> Recipe | None:
    """Return what decides a run's weights beside its seed, by dotted name.

    Args:
        config: The run's configuration; None where it has none.

    Returns:
        Setting -> value as JSON, or None where there is no configuration.
    """
    if config is None:
        return None
    # Variants are told apart by what they were trained with; their runs differ in the seed alone.
    settings = leaves(deciding(config, "weights"))
    return {
        name: json.dumps(value, sort_keys=True, default=str)
        for name, value in settings.items()
        if name != "seed"
    }

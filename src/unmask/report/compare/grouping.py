"""Which runs differ in nothing but their seed, and what each of the others is called."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from unmask.report.compare.variants import ComparedRun, Variant

# Settings named beside a model's name where two variants share it.
MOST_SETTINGS: Final = 3


def distinct_names(names: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Tell runs of one name apart by the folder that holds theirs; sweeps number jobs alike.

    Args:
        folders: Folders of the runs, one each, no two the same.

    Returns:
        A name for each; where the folder above does not tell two apart, the whole path does.

    Example:
        >>> distinct_names(["0_m", "0_m", "1_m"], [Path("a/0_m"), Path("b/0_m"), Path("b/1_m")])
        ['0_m (a)', '0_m (b)', '1_m']
    """
    longer = [f"{name} ({folder.parent.name})" for name, folder in zip(names, folders, strict=True)]
    longest = [f"{name} ({folder.as_posix()})" for name, folder in zip(names, folders, strict=True)]
    return [
        next((name for every, name in choice if every.count(name) == 1), choice[-1][1])
        for choice in (
            [(names, one), (longer, two), (longest, three)]
            for one, two, three in zip(names, longer, longest, strict=True)
        )
    ]


def with_distinct_names(runs: Sequence[ComparedRun]) -> list[ComparedRun]:
    """Return the runs under names that no two of them share; their links tell them apart."""
    folders = [Path(run.link).parent for run in runs]
    names = distinct_names([run.name for run in runs], folders)
    return [replace(run, name=name) for run, name in zip(runs, names, strict=True)]


def group_variants(runs: Sequence[ComparedRun]) -> list[Variant]:
    """Put runs together that differ only in their seed.

    Runs with a configuration are equal where their recipes are; without one, where model, data set
    and source are. A run without a model or without a seed, such as an ensemble, stands alone, and
    so does one whose data set has another manifest. Runs that were tested on other videos of a data
    set are apart too, because a mean over both would be of nothing. Among several runs of one seed,
    the one with most test sets counts, then the last by its path: the latest, where folders begin
    with their date.

    Args:
        runs: In any order.

    Returns:
        Variants by source and name, their runs by seed.
    """
    groups: dict[str, list[ComparedRun]] = {}
    for index, run in enumerate(sorted(runs, key=lambda run: (run.name, run.link))):
        groups.setdefault(_key(run, index), []).append(run)
    found = [part for group in groups.values() for part in _on_same_videos(group)]
    variants = [_variant(name, part) for name, part in zip(_names(found), found, strict=True)]
    return sorted(variants, key=lambda one: (one.source, one.name))


def _variant(name: str, runs: Sequence[ComparedRun]) -> Variant:
    by_seed: dict[int | None, ComparedRun] = {}
    for run in sorted(runs, key=lambda run: (len(run.tests), run.link)):
        by_seed[run.seed] = run
    kept = sorted(by_seed.values(), key=lambda run: (run.seed or 0, run.name))
    repeats = [run for run in runs if by_seed[run.seed] is not run]
    return Variant(name=name, source=runs[0].source, runs=kept, repeats=repeats)


def _on_same_videos(runs: Sequence[ComparedRun]) -> list[list[ComparedRun]]:
    """Part runs so that those of one part have scored the same videos wherever two were tested."""
    parts: list[list[ComparedRun]] = []
    # Those with most test sets first, so that what one is put with does not depend on the order.
    for run in sorted(runs, key=lambda run: (-len(run.tests), run.seed or 0, run.name, run.link)):
        fitting = [part for part in parts if all(_agree(run, other) for other in part)]
        if fitting:
            fitting[0].append(run)
        else:
            parts.append([run])
    return parts


def _agree(one: ComparedRun, other: ComparedRun) -> bool:
    return all(other.video_sets.get(name, found) == found for name, found in one.video_sets.items())


def _key(run: ComparedRun, index: int) -> str:
    if not run.facts.get("model") or run.seed is None:
        return f"run {index}"
    hashes = run.facts.get("manifest_hashes") or {}
    manifests = {name: hashes.get(name) for name in run.sources}
    what = [run.model, run.facts.get("data"), run.source, run.recipe, manifests, bool(run.mark)]
    return json.dumps(what, sort_keys=True)


def _names(groups: Sequence[Sequence[ComparedRun]]) -> list[str]:
    """Name each variant by its model and, where another has it too, by what differs."""
    names = []
    for group in groups:
        run = group[0]
        twins = [
            other
            for other in groups
            if (other[0].model, other[0].source) == (run.model, run.source)
        ]
        differing = _differing(group, twins) if len(twins) > 1 else ""
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


def _differing(group: Sequence[ComparedRun], twins: Sequence[Sequence[ComparedRun]]) -> str:
    recipes = [twin[0].recipe or {} for twin in twins]
    settings = sorted({name for recipe in recipes for name in recipe})
    found = [
        f"{name}={(group[0].recipe or {}).get(name, 'none')}"
        for name in settings
        if len({recipe.get(name) for recipe in recipes}) > 1
    ]
    rest = len(found) - MOST_SETTINGS
    more = [f"{rest} more"] if rest > 0 else []
    return ", ".join([*_other_videos(group, twins), *found[:MOST_SETTINGS], *more])


def _other_videos(
    group: Sequence[ComparedRun], twins: Sequence[Sequence[ComparedRun]]
) -> list[str]:
    """Name the data sets where a twin saw other videos, each with this group's number of videos."""
    everyone = [run for twin in twins for run in twin]
    own = {name: len(run.videos_of(name)) for run in group for name in run.tests}
    return [
        f"{count} videos of {name}"
        for name, count in sorted(own.items())
        if len({run.video_sets[name] for run in everyone if name in run.video_sets}) > 1
    ]

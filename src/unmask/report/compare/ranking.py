"""Which variant ranks best on data that it has not seen, and what of that may be chance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

import numpy as np
import pandas as pd

from unmask.core.errors import PredictionsError
from unmask.evaluation.resamples import Resamples, Values, clustered_rows, draw_counts
from unmask.evaluation.significance import (
    ALPHA,
    AucDifference,
    compare_with_others,
    draws_for_holm,
    holm,
)
from unmask.evaluation.uncertainty import quantile_ends, weighted_auc
from unmask.pages.numbers import interval, number
from unmask.report.compare.matrix import columns_of, mean_and_deviation
from unmask.report.compare.variants import Variant
from unmask.report.protocol import Protocol
from unmask.report.table import DASH, Cell, Table, signed


@dataclass(frozen=True)
class Ranked:
    """One variant in a ranking.

    Args:
        value: Mean AUC over targets, and over runs.
        low: Lower end over other people being filmed; None where a target is one group.
        high: Upper end.
        deviation: Over runs, of their means over targets; None for one run.
    """

    variant: Variant
    value: float
    low: float | None
    high: float | None
    deviation: float | None


@dataclass(frozen=True)
class Ranking:
    """Variants that were tested on the same videos of the same data sets, best first.

    Args:
        targets: What the mean is over.
        headings: The same with their numbers of videos, e.g. ``"celebdf (n=84)"``.
        is_cross: Whether none of them was trained on by any of the variants.
        places: Best first.
    """

    targets: tuple[str, ...]
    headings: tuple[str, ...]
    is_cross: bool
    places: Sequence[Ranked]


@dataclass(frozen=True)
class Comparison:
    """The best of a ranking against another variant on one target.

    Args:
        target: The data set whose test videos both scored.
        found: The difference; None where they cannot be compared.
        p_holm: The bootstrap's p-value after Holm's correction across the whole table.
        delong_holm: The same of DeLong's.
    """

    best: Variant
    other: Variant
    target: str
    found: AucDifference | None
    reason: str = ""
    p_holm: float | None = None
    delong_holm: float | None = None


def rank(variants: Sequence[Variant], protocol: Protocol) -> list[Ranking]:
    """Rank variants by their mean AUC over the data sets that they were not trained on.

    Means over different data sets, or over different videos of them, cannot be compared, so that
    each set of targets and videos has a ranking of its own. Variants that were tested on nothing
    but their own data are ranked there, apart.

    Args:
        variants: In any order.
        protocol: How intervals are drawn.

    Returns:
        One ranking per set of targets and of their videos, unseen ones first, then the largest.
    """
    groups: dict[tuple[bool, tuple[str, ...], tuple[str, ...]], list[Variant]] = {}
    for variant in variants:
        is_cross = bool(variant.cross_targets)
        targets = variant.cross_targets if is_cross else tuple(variant.targets)
        # All runs of a variant have scored the same videos.
        videos = tuple(variant.runs[0].video_sets[target] for target in targets)
        if targets:
            groups.setdefault((is_cross, targets, videos), []).append(variant)
    rankings = []
    for (is_cross, targets, _), members in groups.items():
        columns, run = columns_of(variants, targets), members[0].runs[0]
        places = [_place(variant, targets, protocol) for variant in members]
        places.sort(key=lambda one: (-one.value, one.variant.title))
        headings = tuple(column.title(run) for column in columns)
        rankings.append(Ranking(targets, headings, is_cross=is_cross, places=places))
    return sorted(rankings, key=_order)


def _order(ranking: Ranking) -> tuple[bool, tuple[str, ...], int, tuple[str, ...]]:
    run = ranking.places[0].variant.runs[0]
    num_videos = sum(len(run.videos_of(target)) for target in ranking.targets)
    return not ranking.is_cross, ranking.targets, -num_videos, ranking.headings


def _place(variant: Variant, targets: Sequence[str], protocol: Protocol) -> Ranked:
    by_target = [variant.aucs(target) for target in targets]
    of_runs = [fmean(column) for column in zip(*by_target, strict=True)]
    drawn = [
        _draws([run.videos_of(target) for run in variant.runs], index, protocol)
        for index, target in enumerate(targets)
    ]
    known = [one for one in drawn if one is not None]
    low = high = None
    if len(known) == len(targets):
        low, high = quantile_ends(np.mean(known, axis=0), protocol.level)
    return Ranked(
        variant=variant,
        value=fmean(of_runs),
        low=low,
        high=high,
        deviation=stdev(of_runs) if len(of_runs) > 1 else None,
    )


def _draws(tables: Sequence[pd.DataFrame], index: int, protocol: Protocol) -> Values | None:
    """Draw the mean AUC over runs; None where one group is all there is.

    Runs over the same people see the same draws of them; another data set's are independent.
    """
    if any(table["group"].nunique() == 1 for table in tables):
        return None
    seed = int(np.random.SeedSequence([protocol.seed, index]).generate_state(1)[0])
    of_runs = []
    for table in tables:
        rows = clustered_rows(table)
        draws = draw_counts(rows, num_resamples=protocol.num_resamples, seed=seed)
        of_runs.append(
            np.concatenate([weighted_auc(Resamples(rows, counts)) for counts, _ in draws])
        )
    mean: Values = np.mean(of_runs, axis=0)
    return mean


def compare_with_best(ranking: Ranking, protocol: Protocol) -> list[Comparison]:
    """Compare the best of a ranking with each other variant, on each target.

    The bootstrap's smallest p-value is set by its number of draws, and Holm's correction multiplies
    it by the number of rows, so that more rows are drawn more often.

    Args:
        ranking: At least one place; one gives no comparison.
        protocol: How intervals are drawn, and how often at least.

    Returns:
        The comparisons, their p-values corrected across all of them.
    """
    best, *others = (place.variant for place in ranking.places)
    by_target = [_compare(best, others, target, ranking, protocol) for target in ranking.targets]
    found = [one for of_other in zip(*by_target, strict=True) for one in of_other]
    corrected = _holm([None if one.found is None else one.found.p_value for one in found])
    delong = _holm([None if one.found is None else one.found.delong.p_value for one in found])
    return [
        replace(one, p_holm=p, delong_holm=q)
        for one, p, q in zip(found, corrected, delong, strict=True)
    ]


def _compare(
    best: Variant, others: Sequence[Variant], target: str, ranking: Ranking, protocol: Protocol
) -> list[Comparison]:
    if not others:
        return []
    tables = [[run.videos_of(target) for run in one.runs] for one in (best, *others)]
    num_resamples = draws_for_holm(
        len(others) * len(ranking.targets),
        num_groups=tables[0][0]["group"].nunique(),
        num_sides=len(tables),
        at_least=protocol.num_resamples,
    )
    try:
        found = compare_with_others(
            tables[0],
            tables[1:],
            num_resamples=num_resamples,
            level=protocol.level,
            seed=protocol.seed,
        )
    except PredictionsError as error:
        return [Comparison(best, other, target, None, reason=str(error)) for other in others]
    return [Comparison(best, other, target, one) for other, one in zip(others, found, strict=True)]


def smallest_corrected(comparisons: Sequence[Comparison]) -> float | None:
    """Return how small the bootstrap's p-value of any row can become after Holm's correction.

    Args:
        comparisons: The rows of one table.

    Returns:
        The floor of the row that was drawn most often, times the rows that are corrected together;
        None where no row has a p-value.
    """
    floors = [
        floor for one in comparisons if one.found and (floor := one.found.smallest_p) is not None
    ]
    return min(1.0, min(floors) * len(floors)) if floors else None


def _holm(p_values: Sequence[float | None]) -> list[float | None]:
    corrected = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(corrected) for p in p_values]


def ranking_table(ranking: Ranking) -> Table:
    """Write a ranking, best first."""
    over = " and ".join(ranking.headings)
    kind = "unseen data" if ranking.is_cross else "the data trained on"
    rows = [
        [
            Cell(f"{place}. {one.variant.name}"),
            Cell(one.variant.source),
            Cell(
                number(one.value) + one.variant.mark_of(*ranking.targets),
                note=interval({"value": one.value, "low": one.low, "high": one.high}),
            ),
            Cell("one run" if one.deviation is None else f"± {one.deviation:.3f}"),
            Cell(str(len(one.variant.runs))),
            *(
                Cell(mean_and_deviation(one.variant.aucs(target)) + one.variant.mark_of(target))
                for target in ranking.targets
            ),
        ]
        for place, one in enumerate(ranking.places, start=1)
    ]
    return Table(
        f"Ranking on {kind}: mean AUC over {over}",
        ["model", "trained on", "mean AUC", "over runs", "runs", *ranking.headings],
        rows,
    )


def ranking_rows(ranking: Ranking) -> pd.DataFrame:
    """Return name, value, low and high of each place, best first; NaN where there is no end."""
    return pd.DataFrame(
        [
            {
                "name": one.variant.title + one.variant.mark_of(*ranking.targets),
                "value": one.value,
                "low": float("nan") if one.low is None else one.low,
                "high": float("nan") if one.high is None else one.high,
            }
            for one in ranking.places
        ]
    )


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """Write comparisons with the best."""
    return Table(
        f"The best, {_title(comparisons[0].best, comparisons)}, against each other",
        ["other", "tested on", "difference of AUC", "p", "p (Holm)",
         "DeLong p", "DeLong p (Holm)", "videos"],
        [_comparison_row(one) for one in comparisons],
    )  # fmt: skip


def _title(variant: Variant, comparisons: Sequence[Comparison]) -> str:
    return variant.title + variant.mark_of(*dict.fromkeys(one.target for one in comparisons))


def _comparison_row(one: Comparison) -> list[Cell]:
    names = [Cell(one.other.title + one.other.mark_of(one.target)), Cell(one.target)]
    if one.found is None:
        return [*names, Cell("not comparable", note=f"({one.reason})"), *[Cell(DASH)] * 5]
    ends = {"value": one.found.difference, "low": one.found.low, "high": one.found.high}
    return [
        *names,
        Cell(signed(one.found.difference), note=_signed_interval(ends)),
        Cell(_p(one.found.p_value)),
        Cell(_p(one.p_holm), is_strong=one.p_holm is not None and one.p_holm < ALPHA),
        Cell(_p(one.found.delong.p_value)),
        Cell(_p(one.delong_holm)),
        Cell(str(one.found.num_videos), note=f"({one.found.num_groups} groups)"),
    ]


def _signed_interval(ends: dict[str, float | None]) -> str:
    if ends["low"] is None:
        return "[one group]"
    return f"[{signed(ends['low'])}, {signed(ends['high'])}]"


def _p(value: float | None) -> str:
    if value is None:
        return "n/a"
    return "< 0.001" if value < 0.0005 else f"{value:.3f}"

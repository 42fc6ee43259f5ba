"""Which variant ranks best on data that it has not seen, and what of that may be chance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

import numpy as np
import pandas as pd

from unmask.core.errors import PredictionsError
from unmask.evaluation.report.compare.matrix import spread
from unmask.evaluation.report.compare.variants import Variant
from unmask.evaluation.report.protocol import Protocol
from unmask.evaluation.report.table import DASH, Cell, Table, signed
from unmask.evaluation.report.wording import interval, number
from unmask.evaluation.resamples import Resamples, Values, clustered_rows, draw_counts
from unmask.evaluation.significance import AucDifference, compare_mean_aucs, holm
from unmask.evaluation.uncertainty import quantile_ends, weighted_auc


@dataclass(frozen=True)
class Ranked:
    """One variant in a ranking.

    Args:
        variant: Which.
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
    """Variants that were tested on the same data sets, best first.

    Args:
        targets: What the mean is over.
        is_cross: Whether none of them was trained on by any of the variants.
        places: Best first.
    """

    targets: tuple[str, ...]
    is_cross: bool
    places: Sequence[Ranked]


@dataclass(frozen=True)
class Comparison:
    """The best of a ranking against another variant on one target.

    Args:
        best: The first.
        other: The second.
        target: The data set whose test videos both scored.
        found: The difference; None where they cannot be compared.
        reason: Why not.
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

    Means over different data sets cannot be compared, so that each set of targets has a ranking of
    its own. Variants that were tested on nothing but their own data are ranked there, apart.

    Args:
        variants: In any order.
        protocol: How intervals are drawn.

    Returns:
        One ranking per set of targets, unseen ones first.
    """
    groups: dict[tuple[bool, tuple[str, ...]], list[Variant]] = {}
    for variant in variants:
        is_cross = bool(variant.cross_targets)
        targets = variant.cross_targets if is_cross else tuple(variant.targets)
        if targets:
            groups.setdefault((is_cross, targets), []).append(variant)
    rankings = []
    for (is_cross, targets), members in sorted(
        groups.items(), key=lambda one: (not one[0][0], one[0][1])
    ):
        places = [_place(variant, targets, protocol) for variant in members]
        places.sort(key=lambda one: (-one.value, one.variant.title))
        rankings.append(Ranking(targets=targets, is_cross=is_cross, places=places))
    return rankings


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

    Args:
        ranking: At least one place; one gives no comparison.
        protocol: How intervals are drawn.

    Returns:
        The comparisons, their p-values corrected across all of them.
    """
    best, *others = (place.variant for place in ranking.places)
    found = [
        _compare(best, other, target, protocol) for other in others for target in ranking.targets
    ]
    corrected = _holm([None if one.found is None else one.found.p_value for one in found])
    delong = _holm([None if one.found is None else one.found.delong.p_value for one in found])
    return [
        replace(one, p_holm=p, delong_holm=q)
        for one, p, q in zip(found, corrected, delong, strict=True)
    ]


def _compare(best: Variant, other: Variant, target: str, protocol: Protocol) -> Comparison:
    try:
        found = compare_mean_aucs(
            [run.videos_of(target) for run in best.runs],
            [run.videos_of(target) for run in other.runs],
            num_resamples=protocol.num_resamples,
            level=protocol.level,
            seed=protocol.seed,
        )
    except PredictionsError as error:
        return Comparison(best, other, target, None, reason=str(error))
    return Comparison(best, other, target, found)


def _holm(p_values: Sequence[float | None]) -> list[float | None]:
    corrected = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(corrected) for p in p_values]


def ranking_table(ranking: Ranking) -> Table:
    """Write a ranking, best first."""
    over = " and ".join(ranking.targets)
    kind = "unseen data" if ranking.is_cross else "the data trained on"
    rows = [
        [
            Cell(f"{place}. {one.variant.name}"),
            Cell(one.variant.source),
            Cell(
                number(one.value) + one.variant.mark,
                note=interval({"value": one.value, "low": one.low, "high": one.high}),
            ),
            Cell("one run" if one.deviation is None else f"± {one.deviation:.3f}"),
            Cell(str(len(one.variant.runs))),
            *(Cell(spread(one.variant.aucs(target))) for target in ranking.targets),
        ]
        for place, one in enumerate(ranking.places, start=1)
    ]
    return Table(
        f"Ranking on {kind}: mean AUC over {over}",
        ["model", "trained on", "mean AUC", "over runs", "runs", *ranking.targets],
        rows,
    )


def ranking_rows(ranking: Ranking) -> pd.DataFrame:
    """Return name, value, low and high of each place, best first; NaN where there is no end."""
    return pd.DataFrame(
        [
            {
                "name": one.variant.title,
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
        f"The best, {comparisons[0].best.title}, against each other",
        ["other", "tested on", "difference of AUC", "p", "p (Holm)",
         "DeLong p", "DeLong p (Holm)", "videos"],
        [_comparison_row(one) for one in comparisons],
    )  # fmt: skip


def _comparison_row(one: Comparison) -> list[Cell]:
    names = [Cell(one.other.title), Cell(one.target)]
    if one.found is None:
        return [*names, Cell("not comparable", note=f"({one.reason})"), *[Cell(DASH)] * 5]
    ends = {"value": one.found.difference, "low": one.found.low, "high": one.found.high}
    return [
        *names,
        Cell(signed(one.found.difference), note=_signed_interval(ends)),
        Cell(_p(one.found.p_value)),
        Cell(_p(one.p_holm), is_strong=one.p_holm is not None and one.p_holm < 0.05),
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

"""Several detectors as one: operations on tables of predictions, so that no network runs again.

Members are joined by video, because their clips may be of different lengths. Everything chosen
(thresholds, weights, a stacking model) is chosen on the validation videos of the data sets trained
on. Positive is always fake.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import gcd
from typing import Final, get_args

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score

from unmask.core.errors import PredictionsError
from unmask.core.voting import VotingRule
from unmask.evaluation.aggregate import TOP_K, Aggregation, video_scores
from unmask.evaluation.calibration import logits
from unmask.evaluation.metrics import (
    Labels,
    Scores,
    balanced_accuracy_threshold,
    decisions_at,
    require_both_classes,
    roc_auc,
)
from unmask.evaluation.predictions import PREDICTIONS, PREDICTIONS_KEY, VIDEO_FACTS, VIDEO_KEY

TIES: Final = "a tie counts as fake: its score is 0.5, and scores of at least 0.5 are called fake"
# Weightings that a grid tries at most; each is a pass over the validation videos.
MAX_GRID: Final = 10_000


@dataclass(frozen=True)
class JoinedScores:
    """The scores of several members for the same videos.

    Args:
        videos: One row per video with its key and facts, ``num_frames`` and ``example_crop``.
        scores: Probability of fake, (members, videos).
    """

    names: tuple[str, ...]
    videos: pd.DataFrame
    scores: Scores

    @property
    def labels(self) -> Labels:
        """0 real, 1 fake, (videos,)."""
        return self.videos["label"].to_numpy(np.int64)

    def validation(self, datasets: Sequence[str]) -> "JoinedScores":
        """Return the validation videos of data sets.

        Raises:
            PredictionsError: If there are none, or of one class only.
        """
        videos = self.videos
        inside = (videos["dataset"].isin(list(datasets)) & (videos["split"] == "val")).to_numpy()
        if not inside.any():
            raise PredictionsError(
                f"The runs have no scores of the validation split of {'+'.join(datasets)}, on "
                "which the thresholds and weights of an ensemble are fixed."
            )
        part = JoinedScores(self.names, videos[inside], self.scores[:, inside])
        require_both_classes(part.labels, f"the validation split of {'+'.join(datasets)}")
        return part


@dataclass(frozen=True)
class MemberFacts:
    """How a member fares on the validation videos of the data sets that it was trained on.

    Args:
        threshold: The one with the best balanced accuracy there, in [0, 1].
        accuracy: At that threshold.
    """

    name: str
    threshold: float
    accuracy: float
    auc: float


@dataclass(frozen=True)
class GridRow:
    """What one weighting gives.

    Args:
        weights: Whole numbers without a common divisor, one per member.
        accuracy: Accuracy of the weighted mean at 0.5, over the validation videos.
    """

    weights: tuple[int, ...]
    accuracy: float

    def __str__(self) -> str:
        """Write the row as ``"2:1:0 -> 53.5"``, the accuracy in per cent."""
        return f"{':'.join(map(str, self.weights))} -> {100 * self.accuracy:.1f}"


@dataclass(frozen=True)
class Combination:
    """A rule with all that was chosen for it on validation.

    Args:
        members: How each member fares on validation.
        weights: One per member; they add up to 1, but with ``"stacking"`` they are factors of the
            members' logits.
        intercept: Intercept of the stacking model, else 0.
        grid: What ``"grid"`` tried, best first, else empty.
    """

    rule: VotingRule
    members: tuple[MemberFacts, ...]
    weights: tuple[float, ...]
    intercept: float = 0.0
    grid: tuple[GridRow, ...] = ()

    def apply(self, scores: Scores) -> Scores:
        """Combine the members' scores (members, n) into one probability of fake each, (n,)."""
        if self.rule == "hard":
            thresholds = np.array([member.threshold for member in self.members])
            return _weighted(self.weights, (scores >= thresholds[:, None]).astype(np.float64))
        if self.rule == "stacking":
            stacked: Scores = expit(
                (np.array(self.weights)[:, None] * logits(scores)).sum(axis=0) + self.intercept
            )
            return stacked
        return _weighted(self.weights, scores)


def join_members(
    predictions_of: Mapping[str, pd.DataFrame],
    how: Aggregation = "mean",
    *,
    top_k: int = TOP_K,
) -> JoinedScores:
    """Join the members' scores of the same videos.

    Args:
        predictions_of: Member -> checked predictions, at least two of them.
        how: How the clips of a video give its score.
        top_k: Clips behind it where ``how`` is ``"topk"``.

    Raises:
        PredictionsError: If there are fewer than two members, or two of them have scored different
            videos, or call the same video by another label, method, group or split.
    """
    if len(predictions_of) < 2:
        raise PredictionsError(
            f"An ensemble needs at least two runs, got {len(predictions_of)}"
            + "".join(f": '{name}'." for name in predictions_of)
        )
    names = tuple(predictions_of)
    tables = [video_scores(predictions_of[name], how, top_k=top_k) for name in names]
    for name, table in zip(names[1:], tables[1:], strict=True):
        _require_same_videos(names[0], tables[0], name, table)
    clips = predictions_of[names[0]].sort_values(PREDICTIONS_KEY)
    videos = tables[0][[*VIDEO_KEY, *VIDEO_FACTS]].assign(
        # The most frames of a video that any member has looked at.
        num_frames=np.max([_num_frames(predictions_of[name]) for name in names], axis=0),
        example_crop=clips.groupby(VIDEO_KEY, sort=True)["example_crop"].first().to_numpy(),
    )
    return JoinedScores(names, videos, np.array([table["score"] for table in tables]))


def fit_combination(
    joined: JoinedScores,
    rule: VotingRule,
    *,
    sources_of: Mapping[str, Sequence[str]],
    grid_max: int = 3,
) -> Combination:
    """Choose what a rule needs on the validation videos of the data sets trained on.

    - ``"hard"``: the share of members that call a video fake, each at its own threshold; more than
      half is a majority, and a tie counts as fake.
    - ``"soft"``: the mean of their scores.
    - ``"accuracy"``, ``"auc"``: their mean, weighted by what each has on validation.
    - ``"grid"``: their mean with the whole-number weights from 0 to ``grid_max`` of the best
      accuracy at 0.5; of equally good ones the higher AUC, then the smaller sum.
    - ``"stacking"``: a logistic regression on their logits (scikit-learn's default penalty).

    Args:
        rule: One of these.
        sources_of: Member -> the data sets that it was trained on.
        grid_max: Largest weight that a grid tries, at least 1.

    Raises:
        PredictionsError: If validation is missing or of one class, or a grid would be too large.
        ValueError: If ``rule`` is unknown or ``grid_max`` is below 1.
    """
    if rule not in get_args(VotingRule):
        raise ValueError(f"rule must be one of {get_args(VotingRule)}, got {rule!r}.")
    members = tuple(
        _facts_of(joined.validation(sources_of[name]), index)
        for index, name in enumerate(joined.names)
    )
    validation = joined.validation(all_sources(sources_of))
    if rule == "stacking":
        model = LogisticRegression(max_iter=1000).fit(
            logits(validation.scores).T, validation.labels
        )
        factors = tuple(float(factor) for factor in model.coef_[0])
        return Combination(rule, members, factors, intercept=float(model.intercept_[0]))
    if rule == "grid":
        grid = weight_grid(validation, grid_max=grid_max)
        return Combination(rule, members, _shares(grid[0].weights), grid=grid)
    weights = {
        "accuracy": [member.accuracy for member in members],
        "auc": [member.auc for member in members],
    }.get(rule, [1.0] * len(members))
    return Combination(rule, members, _shares(weights))


def weight_grid(validation: JoinedScores, *, grid_max: int) -> tuple[GridRow, ...]:
    """Try whole-number weights; the first row is the choice.

    Args:
        validation: Validation videos of both classes.
        grid_max: Largest weight, at least 1.

    Returns:
        Every weighting without a common divisor, best first.

    Raises:
        PredictionsError: If there are more than ``MAX_GRID`` weightings.
        ValueError: If ``grid_max`` is below 1.
    """
    if grid_max < 1:
        raise ValueError(f"grid_max must be at least 1, got {grid_max}.")
    num_members = len(validation.names)
    if (grid_max + 1) ** num_members > MAX_GRID:
        raise PredictionsError(
            f"grid_max={grid_max} makes {(grid_max + 1) ** num_members} weightings of "
            f"{num_members} runs; at most {MAX_GRID} are tried. Lower grid_max or name fewer runs."
        )
    labels = validation.labels
    choices = [w for w in product(range(grid_max + 1), repeat=num_members) if gcd(*w) == 1]
    scored = [_weighted(_shares(weights), validation.scores) for weights in choices]
    rows = [
        GridRow(weights, float(((scores >= 0.5) == labels).mean()))
        for weights, scores in zip(choices, scored, strict=True)
    ]
    best = max(row.accuracy for row in rows)
    # Only among the best ones does the AUC decide.
    merits = [
        roc_auc(labels, scores) if row.accuracy == best else 0.0
        for row, scores in zip(rows, scored, strict=True)
    ]
    order = sorted(
        range(len(rows)),
        key=lambda i: (-rows[i].accuracy, -merits[i], sum(choices[i]), choices[i]),
    )
    return tuple(rows[i] for i in order)


def ensemble_predictions(joined: JoinedScores, combination: Combination) -> pd.DataFrame:
    """Return predictions of an ensemble: each video is one clip of one track."""
    table = joined.videos.assign(track_id=0, clip_index=0, score=combination.apply(joined.scores))
    predictions: pd.DataFrame = table[PREDICTIONS.names]
    return predictions


def member_agreement(joined: JoinedScores, thresholds: Sequence[float]) -> pd.DataFrame:
    """Count how often two members decide alike, each at its own threshold.

    Args:
        thresholds: One per member.

    Returns:
        One row per data set, split and pair of members: ``count`` videos, ``agreement`` (share of
        equal decisions) and ``kappa`` (Cohen's: 1 always alike, 0 as by chance; NaN where both
        call everything the same).
    """
    called = (joined.scores >= np.array(thresholds)[:, None]).astype(np.int64)
    rows = []
    for (dataset, split), places in joined.videos.reset_index().groupby(["dataset", "split"]):
        part = called[:, places.index.to_numpy()]
        for one, two in combinations(range(len(joined.names)), 2):
            constant = len(np.unique(part[[one, two]])) == 1
            rows.append(
                {
                    "dataset": dataset,
                    "split": split,
                    "first": joined.names[one],
                    "second": joined.names[two],
                    "count": part.shape[1],
                    "agreement": float((part[one] == part[two]).mean()),
                    "kappa": float("nan")
                    if constant
                    else float(cohen_kappa_score(part[one], part[two])),
                }
            )
    return pd.DataFrame(rows)


def all_sources(sources_of: Mapping[str, Sequence[str]]) -> list[str]:
    """List every data set that a member was trained on, once, in the order of the members."""
    return list(dict.fromkeys(name for sources in sources_of.values() for name in sources))


def _facts_of(validation: JoinedScores, index: int) -> MemberFacts:
    labels, scores = validation.labels, validation.scores[index]
    threshold = balanced_accuracy_threshold(labels, scores)
    return MemberFacts(
        name=validation.names[index],
        threshold=threshold,
        accuracy=decisions_at(labels, scores, threshold).accuracy,
        auc=roc_auc(labels, scores),
    )


def _shares(weights: Sequence[float]) -> tuple[float, ...]:
    total = sum(weights)
    if total <= 0.0:
        raise PredictionsError(
            "Every run has the weight 0 on validation, so that nothing is left to combine; "
            "take rule=soft."
        )
    return tuple(weight / total for weight in weights)


def _weighted(weights: Sequence[float], scores: Scores) -> Scores:
    # Rounding may leave [0, 1] by a last bit, and must not tear a tie away from 0.5.
    mean: Scores = (np.array(weights)[:, None] * scores).sum(axis=0).round(12).clip(0.0, 1.0)
    return mean


def _num_frames(predictions: pd.DataFrame) -> Labels:
    frames: Labels = (
        predictions.groupby(VIDEO_KEY, sort=True)["num_frames"].sum().to_numpy(np.int64)
    )
    return frames


def _require_same_videos(
    first: str, reference: pd.DataFrame, second: str, table: pd.DataFrame
) -> None:
    """Refuse two members that differ in their videos, or in what they say these are."""
    place = ["dataset", "split", "video_id"]
    both = reference[place].merge(table[place], how="outer", on=VIDEO_KEY, indicator=True)
    both["split"] = both["split_x"].fillna(both["split_y"])
    different = both[both["_merge"] != "both"].sort_values(place)
    if len(different):
        row = different.iloc[0]
        has, lacks = (first, second) if row["_merge"] == "left_only" else (second, first)
        raise PredictionsError(
            f"Run '{lacks}' has no score of video {row['video_id']!r} of '{row['dataset']}', split "
            f"'{row['split']}', which run '{has}' has ({len(different)} videos differ); the runs "
            "of an ensemble must have scored the same videos."
        )
    for fact in VIDEO_FACTS:
        unequal = (reference[fact] != table[fact]).to_numpy()
        if unequal.any():
            at = int(unequal.argmax())
            raise PredictionsError(
                f"Video {table['video_id'][at]!r} of '{table['dataset'][at]}' has the {fact} "
                f"'{reference[fact][at]}' in run '{first}' and '{table[fact][at]}' in run "
                f"'{second}'; the runs were made from different manifests."
            )

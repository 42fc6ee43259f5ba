"""Several models as one: what a rule needs is fitted on the validation scores in their cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from unmask.core.errors import ConfigError, PredictionsError
from unmask.core.voting import VotingRule
from unmask.evaluation.calibration import Calibration, Temperature, calibration_of
from unmask.evaluation.ensemble import (
    Combination,
    MemberFacts,
    all_sources,
    fit_combination,
    join_members,
)
from unmask.evaluation.verdicts import STAND_IN, Band, fix_band

Card = Mapping[str, Any]
# Without common validation videos there is nothing to fit these on.
_FITTED: Final = ("grid", "stacking")


@dataclass(frozen=True)
class Voting:
    """How the models' scores become one, and what that one means.

    Args:
        rule: ``"single"`` for one model.
        combination: None for one model.
        thresholds: At which each model votes.
        weights: The part of each model.
        band: Thresholds of the joint score.
        calibration: Calibration of the joint score; None without validation scores.
    """

    rule: str
    combination: Combination | None
    thresholds: tuple[float, ...]
    weights: tuple[float, ...]
    band: Band
    calibration: Calibration | None

    def combine(self, scores: Sequence[float]) -> float:
        """Turn one score per model into one."""
        if self.combination is None:
            return float(scores[0])
        return float(self.combination.apply(np.array(scores)[:, None])[0])

    def probability(self, score: float) -> float | None:
        """Calibrate a joint score."""
        return calibrated_score(self.calibration, score)


def calibrated_score(calibration: Calibration | None, score: float) -> float | None:
    """Calibrate one score; None without a calibration."""
    return None if calibration is None else float(calibration.apply(np.array([score]))[0])


def calibration_in(card: Card | None) -> Calibration | None:
    """Return the calibration that a card holds."""
    settings = (card or {}).get("calibration")
    return calibration_of(settings) if settings else None


def make_voting(cards: Mapping[str, Card | None], rule: VotingRule) -> Voting:
    """Fit a rule on the validation scores in the models' cards.

    Where models have no validation videos in common, ``hard`` and ``soft`` still apply, and
    ``accuracy`` and ``auc`` with the figures of each card; their thresholds then stand in.

    Args:
        cards: Model -> its card, or None; at least one.
        rule: How to combine several; one model needs none.

    Raises:
        ConfigError: If the cards do not hold what the rule needs.
    """
    thresholds = tuple(_number(card, "threshold", 0.5) for card in cards.values())
    if len(cards) == 1:
        (card,) = cards.values()
        band = Band.of(card["band"]) if card and card.get("band") else STAND_IN
        return Voting("single", None, thresholds, (1.0,), band, calibration_in(card))
    try:
        return _fitted(cards, rule, thresholds)
    except PredictionsError as error:
        if rule in _FITTED:
            raise ConfigError(
                f"voting={rule} must be fitted on validation videos that all models have scored, "
                f"but {error} Take voting=soft or voting=hard."
            ) from error
        return _unfitted(cards, rule, thresholds)


def _fitted(
    cards: Mapping[str, Card | None], rule: VotingRule, thresholds: tuple[float, ...]
) -> Voting:
    tables = {name: _validation_table(name, card) for name, card in cards.items()}
    sources_of = {name: list((card or {})["source_datasets"]) for name, card in cards.items()}
    joined = join_members(tables)
    combination = fit_combination(joined, rule, sources_of=sources_of)
    validation = joined.validation(all_sources(sources_of))
    labels, scores = validation.labels, combination.apply(validation.scores)
    source = f"{'+'.join(all_sources(sources_of))}, val, all models together"
    return Voting(
        rule,
        combination,
        thresholds,
        combination.weights,
        fix_band(labels, scores, source=source),
        Temperature.fit(labels, scores),
    )


def _unfitted(
    cards: Mapping[str, Card | None], rule: VotingRule, thresholds: tuple[float, ...]
) -> Voting:
    keys = {"accuracy": "val_accuracy", "auc": "val_auc"}
    raw = [1.0] * len(cards)
    if rule in keys:
        unknown = [name for name, card in cards.items() if _number(card, keys[rule], -1.0) < 0]
        if unknown:
            raise ConfigError(
                f"voting={rule} weighs models by their validation {rule}, which the card of "
                f"'{unknown[0]}' does not hold; take voting=soft or voting=hard."
            )
        raw = [_number(card, keys[rule], 0.0) for card in cards.values()]
    weights = tuple(weight / sum(raw) for weight in raw)
    facts = tuple(
        MemberFacts(
            name, threshold, _number(card, "val_accuracy", 0.0), _number(card, "val_auc", 0.0)
        )
        for (name, card), threshold in zip(cards.items(), thresholds, strict=True)
    )
    return Voting(
        rule,
        Combination(rule, facts, weights),
        thresholds,
        weights,
        _stand_in(cards, rule, weights),
        None,
    )


def _stand_in(
    cards: Mapping[str, Card | None], rule: VotingRule, weights: tuple[float, ...]
) -> Band:
    """Return thresholds for models without common validation videos."""
    if rule == "hard":
        return Band(0.5, 0.5, source="more than half of the votes; models share no validation set")
    bands = [Band.of(card["band"]) if card and card.get("band") else STAND_IN
             for card in cards.values()]  # fmt: skip
    lower, upper = (
        float(sum(weight * end for weight, end in zip(weights, ends, strict=True)))
        for ends in ([band.lower for band in bands], [band.upper for band in bands])
    )
    return Band(
        lower,
        min(upper, 1.0),
        source="the mean of the models' own thresholds; they share no validation set",
    )


def _validation_table(name: str, card: Card | None) -> pd.DataFrame:
    """Return the validation scores in a card as predictions of one clip per video."""
    validation = (card or {}).get("validation") or {}
    if not validation.get("rows"):
        raise PredictionsError(f"the card of '{name}' holds no validation scores.")
    table = pd.DataFrame(validation["rows"], columns=validation["columns"])
    # An ensemble looks for the split "val", also where another one fixed the threshold.
    return table.assign(split="val", track_id=0, clip_index=0, num_frames=1, example_crop="")


def _number(card: Card | None, key: str, default: float) -> float:
    value = (card or {}).get(key)
    return default if value is None else float(value)

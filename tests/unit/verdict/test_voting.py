"""Rules of voting, from cards alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from unmask.core.errors import ConfigError
from unmask.core.voting import VotingRule
from unmask.verdict.voting import make_voting

Card = dict[str, Any]
MakeCard = Callable[..., Card]


def shifted(card: Card, shift: float) -> Card:
    rows = [[*row[:5], row[5] + shift] for row in card["validation"]["rows"]]
    return card | {"validation": card["validation"] | {"rows": rows}}


def elsewhere(card: Card) -> Card:
    """Return a card with validation videos of another data set."""
    rows = [["other", *row[1:]] for row in card["validation"]["rows"]]
    validation = card["validation"] | {"rows": rows}
    return card | {"source_datasets": ["other"], "validation": validation}


def test_one_model_brings_its_own_thresholds(card_of: MakeCard) -> None:
    voting = make_voting({"a": card_of("a")}, "hard")
    assert (voting.rule, voting.combine([0.4])) == ("single", 0.4)
    assert (voting.band.lower, voting.band.upper) == (0.3, 0.72)


def test_thresholds_of_several_are_fixed_on_their_joint_validation_scores(
    card_of: MakeCard,
) -> None:
    voting = make_voting({"a": card_of("a"), "b": shifted(card_of("b"), 0.1)}, "soft")
    assert voting.combine([0.4, 0.6]) == pytest.approx(0.5)
    # Reals score 0.2 to 0.3 and fakes 0.71 to 0.81; the mean of both models is 0.05 higher.
    assert voting.band.lower == pytest.approx(0.2 + 0.10 + 0.05)
    assert voting.band.upper == pytest.approx(0.71 + 0.05)
    assert (voting.band.num_real, voting.band.num_fake) == (6, 6)


@pytest.mark.parametrize("rule", ["soft", "hard", "accuracy", "auc"])
def test_models_without_common_validation_videos_can_still_vote(
    rule: VotingRule, card_of: MakeCard
) -> None:
    cards = {"a": card_of("a", val_auc=0.6, val_accuracy=0.9), "b": elsewhere(card_of("b"))}
    voting = make_voting(cards, rule)
    weights = {"accuracy": [0.9, 0.8], "auc": [0.6, 0.9]}.get(rule, [1.0, 1.0])
    expected = np.average([0.4, 0.6] if rule != "hard" else [0, 1], weights=weights)
    assert voting.combine([0.4, 0.6]) == pytest.approx(expected)
    assert not voting.band.is_fixed
    assert "share no validation set" in voting.band.caution()


@pytest.mark.parametrize("rule", ["grid", "stacking"])
def test_what_must_be_fitted_is_refused_without_them(rule: VotingRule, card_of: MakeCard) -> None:
    with pytest.raises(ConfigError, match=f"voting={rule} must be fitted"):
        make_voting({"a": card_of("a"), "b": elsewhere(card_of("b"))}, rule)


def test_a_model_without_a_card_votes_at_a_half_and_has_no_weight_of_its_own(
    card_of: MakeCard,
) -> None:
    cards = {"a": card_of("a"), "b": None}
    assert make_voting(cards, "hard").combine([0.9, 0.4]) == 0.5
    with pytest.raises(ConfigError, match="card of 'b' does not hold"):
        make_voting(cards, "auc")

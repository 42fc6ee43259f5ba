from dataclasses import astuple

import numpy as np
import pytest

from unmask.demo.people import SKIN_TONES, make_person


def test_the_same_seed_gives_the_same_person() -> None:
    assert make_person(7) == make_person(7)


def test_no_two_of_many_seeds_give_the_same_measures() -> None:
    people = {astuple(make_person(seed))[1:] for seed in range(200)}
    assert len(people) == 200


def test_every_colour_lies_in_the_displayed_range() -> None:
    for seed in range(100):
        person = make_person(seed)
        for colour in (person.skin, person.hair, person.iris, person.lips, person.clothes):
            assert 0 < min(colour) <= max(colour) < 1


def test_a_darker_tone_gives_darker_skin() -> None:
    brightness = [np.mean(make_person(5, tone=tone).skin) for tone in (0.0, 2.5, 5.0)]
    assert brightness[0] > brightness[1] > brightness[2]


def test_dark_skin_never_goes_with_light_eyes() -> None:
    for seed in range(100):
        assert max(make_person(seed, tone=4.5).iris) < 0.4


def test_every_hair_style_and_some_glasses_and_beards_occur() -> None:
    people = [make_person(seed) for seed in range(200)]
    assert {person.hair_style for person in people} == {
        "bald", "short", "fringe", "swept", "long",
    }  # fmt: skip
    assert {person.glasses for person in people} == {"none", "round", "square"}
    assert any(person.beard > 0 for person in people)


def test_a_tone_outside_the_tones_is_named() -> None:
    with pytest.raises(ValueError, match=rf"tone must lie in \[0, {len(SKIN_TONES) - 1}\], got 9"):
        make_person(1, tone=9)

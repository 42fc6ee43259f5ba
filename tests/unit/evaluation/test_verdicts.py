import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from unmask.core.errors import PredictionsError
from unmask.evaluation.verdicts import STAND_IN, Band, fix_band, share_at_most


def band_of(reals: list[float], fakes: list[float], **options: float) -> Band:
    labels = np.array([0] * len(reals) + [1] * len(fakes))
    return fix_band(labels, np.array(reals + fakes), source="toys, val", **options)


def test_one_of_twenty_may_lie_on_the_wrong_side() -> None:
    # By hand: of 20 reals the highest, 0.95, may exceed the threshold; so 0.9 is the second.
    reals = [0.01 * number for number in range(18)] + [0.9, 0.95]
    fakes = [0.02, 0.3] + [0.97 + 0.001 * number for number in range(18)]
    band = band_of(reals, fakes)
    assert (band.lower, band.upper) == (0.3, 0.9)
    assert (band.real_above, band.fake_below) == (0.05, 0.05)
    assert not band.is_small


def test_a_gap_is_uncertain_and_its_ends_belong_to_the_classes() -> None:
    band = band_of([0.1, 0.2], [0.8, 0.9])
    assert (band.lower, band.upper) == (0.2, 0.8)
    assert [band.verdict(score) for score in (0.1, 0.2, 0.21, 0.5, 0.79, 0.8, 0.9)] == [
        "real", "real", "uncertain", "uncertain", "uncertain", "fake", "fake",
    ]  # fmt: skip


@pytest.mark.parametrize("fakes", [[1.0] * 40, [1.0] * 38 + [0.9, 0.95]])
def test_a_saturated_score_is_called_what_its_class_is(fakes: list[float]) -> None:
    band = band_of([0.0] * 40, fakes)
    assert [band.verdict(score) for score in (0.0, 0.5, 1.0)] == ["real", "uncertain", "fake"]
    assert "at most 5 % of the validation videos of either class" in band.reason(0.5)
    assert "is not below 1.000, which at most 5 % of the 40 real" in band.reason(1.0)
    assert "is not above 0.000, which all but at most 5 % of the 40 fake" in band.reason(0.0)


def test_one_score_for_all_decides_nothing() -> None:
    band = band_of([1.0] * 40, [1.0] * 40)
    assert band.verdict(1.0) == "uncertain"
    assert "The score 1.000 is 1.000 itself, where real and fake" in band.reason(1.0)


score_lists = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(reals=score_lists, fakes=score_lists, max_error=st.sampled_from([0.0, 0.05, 0.2]))
def test_both_promises_hold_on_validation(
    reals: list[float], fakes: list[float], max_error: float
) -> None:
    band = band_of(reals, fakes, max_error=max_error)
    assert sum(band.verdict(score) == "fake" for score in reals) <= max_error * len(reals) + 1e-9
    assert sum(band.verdict(score) == "real" for score in fakes) <= max_error * len(fakes) + 1e-9


@given(reals=score_lists, fakes=score_lists)
def test_swapping_the_classes_mirrors_the_band(reals: list[float], fakes: list[float]) -> None:
    band = band_of(reals, fakes)
    mirrored = band_of([1 - score for score in fakes], [1 - score for score in reals])
    assert (mirrored.lower, mirrored.upper) == (1 - band.upper, 1 - band.lower)


def test_the_bound_is_the_share_at_which_so_few_errors_become_unlikely() -> None:
    share = share_at_most(2, 30)
    assert binom.cdf(2, 30, share) == pytest.approx(0.05)
    assert share_at_most(5, 5) == 1.0


def test_few_videos_are_said_to_be_few() -> None:
    band = band_of([0.1] * 19, [0.9] * 40)
    assert band.is_small
    # Without an error among n, the bound is one minus the n-th root of 0.05.
    assert "19 real and 40 fake" in band.caution()
    assert "up to 15 %" in band.caution()
    assert "up to 7 %" in band.caution()
    assert band_of([0.1] * 20, [0.9] * 20).caution() == ""


def test_the_stand_in_says_that_nothing_fixed_it() -> None:
    assert (STAND_IN.verdict(0.51), STAND_IN.verdict(0.49)) == ("fake", "real")
    assert "No threshold was fixed" in STAND_IN.caution()
    assert "0.510" in STAND_IN.reason(0.51)


def test_reasons_name_score_and_threshold() -> None:
    band = band_of([0.1] * 18 + [0.9] * 2, [0.1] * 2 + [0.9] * 18)
    assert "0.950 lies above 0.900" in band.reason(0.95)
    assert "0.050 lies below 0.100" in band.reason(0.05)
    assert "between 0.100 and 0.900" in band.reason(0.5)


def test_a_band_survives_its_settings() -> None:
    band = band_of([0.1, 0.4], [0.3, 0.9])
    assert Band.of(band.settings()) == band


def test_bad_input_is_named() -> None:
    with pytest.raises(PredictionsError, match="both classes"):
        band_of([0.1], [])
    with pytest.raises(ValueError, match="max_error"):
        band_of([0.1], [0.9], max_error=1.0)
    with pytest.raises(ValueError, match=r"upper=0\.2"):
        Band(0.5, 0.2)

"""The measures of heat maps, on a detector whose right map is known."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from unmask.explain.clip import HeatMaps
from unmask.explain.grad_cam import grad_cam
from unmask.explain.quality import (
    deletion,
    insertion,
    pointing,
    randomisation_check,
    rank_correlation,
)
from unmask.models.detector import Detector
from unmask.models.heads.pooling import MeanHead
from unmask.models.plain_cnn import PlainCNN

Clip = Callable[..., tuple[Tensor, Tensor]]
GREY = 127
BIAS = -1.0


def red_corner() -> tuple[Tensor, Tensor, np.ndarray]:
    """Return a grey clip of two frames, of which the first has two red pixels, and its map."""
    frames = torch.full((1, 2, 3, 4, 4), GREY, dtype=torch.uint8)
    frames[0, 0, 0, 0, :2] = 255
    maps = np.zeros((2, 4, 4), np.float32)
    maps[0, 0, :2] = 1
    return frames, torch.ones(1, 2, dtype=torch.bool), maps


def score_with(num_red: int) -> float:
    """Return the score by hand: 8 times mean red, -4 times mean green, and the bias."""
    grey = GREY / 255
    red = grey + num_red * (1 - grey) / 32
    return float(1 / (1 + np.exp(-(8 * red - 4 * grey + BIAS))))


def test_deletion_by_the_right_map_is_the_curve_worked_out_by_hand(
    make_colours: Callable,
) -> None:
    frames, is_frame, maps = red_corner()
    found = deletion(make_colours(bias=BIAS), frames, is_frame, maps, num_steps=32)
    expected = [score_with(2), score_with(1)] + [score_with(0)] * 31
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4)
    np.testing.assert_allclose(found.fractions, np.arange(33) / 32)
    by_hand = (sum(expected) - (expected[0] + expected[-1]) / 2) / 32
    assert found.area == pytest.approx(by_hand, rel=1e-5)


def test_deletion_by_the_wrong_map_keeps_the_score_until_the_end(make_colours: Callable) -> None:
    frames, is_frame, maps = red_corner()
    found = deletion(make_colours(bias=BIAS), frames, is_frame, 1 - maps, num_steps=32)
    np.testing.assert_allclose(found.scores[:31], [score_with(2)] * 31, rtol=1e-4)
    assert found.scores[32] == pytest.approx(score_with(0), rel=1e-4)


def test_insertion_by_the_right_map_rises_first(make_colours: Callable) -> None:
    frames, is_frame, maps = red_corner()
    detector = make_colours(bias=BIAS)
    right = insertion(detector, frames, is_frame, maps, num_steps=16)
    wrong = insertion(detector, frames, is_frame, 1 - maps, num_steps=16)
    assert right.scores[0] == wrong.scores[0]
    assert right.scores[-1] == wrong.scores[-1] == pytest.approx(score_with(2), rel=1e-4)
    assert right.area > wrong.area


def test_pixels_of_equal_heat_come_in_random_order(make_colours: Callable) -> None:
    frames, is_frame, maps = red_corner()
    even = [
        deletion(make_colours(), frames, is_frame, np.zeros_like(maps), num_steps=32, seed=seed)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(even[0].scores, even[1].scores)
    assert not np.array_equal(even[0].scores, even[2].scores)


def test_padding_takes_no_part(make_colours: Callable) -> None:
    frames, is_frame, maps = red_corner()
    is_frame[0, 1] = False
    alone = deletion(make_colours(), frames[:, :1], is_frame[:, :1], maps[:1])
    padded = deletion(make_colours(), frames, is_frame, maps)
    np.testing.assert_array_equal(padded.scores, alone.scores)


def test_pointing_counts_energy_and_peaks() -> None:
    maps = np.zeros((3, 2, 2), np.float32)
    maps[0], maps[1] = [[3, 1], [0, 0]], [[1, 2], [1, 0]]
    masks = np.zeros((3, 2, 2), dtype=bool)
    masks[:, 0, 0] = True
    found = pointing(maps, masks)
    assert found.energy_inside == pytest.approx(4 / 8)
    assert found.area == pytest.approx(1 / 4)
    assert found.gain == pytest.approx(2)
    assert found.hit_fraction == pytest.approx(1 / 2)  # the third frame has no heat


def test_an_even_map_points_nowhere() -> None:
    masks = np.random.default_rng(0).random((2, 8, 8)) < 0.3
    assert pointing(np.ones((2, 8, 8), np.float32), masks).gain == pytest.approx(1)


def test_an_empty_map_is_not_a_number_and_an_empty_region_refused() -> None:
    empty, masks = np.zeros((1, 2, 2), np.float32), np.ones((1, 2, 2), dtype=bool)
    assert np.isnan(pointing(empty, masks).energy_inside)
    assert np.isnan(pointing(empty, masks).hit_fraction)
    with pytest.raises(ValueError, match="masks is False throughout"):
        pointing(empty, ~masks)
    with pytest.raises(ValueError, match=r"got \(1, 2, 2\) and \(2, 2\)"):
        pointing(empty, masks[0])


def luma_of_the_frames(_detector: object, frames: Tensor, _is_frame: Tensor) -> HeatMaps:
    return HeatMaps(frames[0].float().mean(dim=1).numpy() / 255, 1.0, "")


def test_the_sanity_check_tells_maps_of_the_network_from_maps_of_the_picture(
    random_clip: Clip,
) -> None:
    torch.manual_seed(0)
    detector = Detector(PlainCNN((8, 16), image_size=32), MeanHead)
    clip = random_clip(3, 32)
    weights = [parameter.clone() for parameter in detector.parameters()]
    blind = randomisation_check(detector, *clip, luma_of_the_frames)
    seeing = randomisation_check(detector, *clip, grad_cam)
    assert blind == {"head": pytest.approx(1), "everything": pytest.approx(1)}
    assert abs(seeing["head"]) < 0.7
    assert abs(seeing["everything"]) < 0.7
    assert all(torch.equal(a, b) for a, b in zip(weights, detector.parameters(), strict=True))


def test_an_even_map_resembles_nothing() -> None:
    assert rank_correlation(np.ones((2, 2), np.float32), np.eye(2, dtype=np.float32)) == 0


def test_maps_of_another_clip_are_refused(make_colours: Callable) -> None:
    frames, is_frame, maps = red_corner()
    with pytest.raises(ValueError, match=r"maps must be \(2, 4, 4\) .* got \(1, 4, 4\)"):
        deletion(make_colours(), frames, is_frame, maps[:1])
    with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
        deletion(make_colours(), frames, is_frame, maps, num_steps=0)

"""Colours that can be put in order, over frames that stay visible."""

import cv2
import numpy as np
import pytest

from unmask.explain.overlay import colour_scale, overlay

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 8, 6, 3)).astype(np.uint8)


def test_without_heat_a_frame_looks_as_it_is() -> None:
    laid = overlay(FRAMES, np.zeros((2, 8, 6), np.float32))
    np.testing.assert_array_equal(laid, FRAMES)


def test_heat_changes_its_own_place_alone() -> None:
    maps = np.zeros((2, 8, 6), np.float32)
    maps[1, 2, 3] = 1
    changed = (overlay(FRAMES, maps) != FRAMES).any(axis=-1)
    assert np.argwhere(changed).tolist() == [[1, 2, 3]]


def test_the_scales_lightness_grows_from_left_to_right() -> None:
    scale = colour_scale(1, 17).astype(np.float32) / 255
    lightness = cv2.cvtColor(scale, cv2.COLOR_RGB2LAB)[0, :, 0]
    assert (np.diff(lightness) > 0).all()
    assert lightness[-1] - lightness[0] > 20


@pytest.mark.parametrize(
    ("frames", "maps", "opacity", "message"),
    [
        (FRAMES / 255, FRAMES[..., 0] / 255, 0.5, "of uint8, got .* of float64"),
        (FRAMES, np.zeros((2, 6, 8)), 0.5, r"\(2, 8, 6\) like frames, got \(2, 6, 8\)"),
        (FRAMES, np.full((2, 8, 6), 1.5), 0.5, r"maps must lie in \[0, 1\]"),
        (FRAMES, np.full((2, 8, 6), np.nan), 0.5, r"maps must lie in \[0, 1\]"),
        (FRAMES, np.zeros((2, 8, 6)), 2.0, r"opacity must be in \[0, 1\], got 2.0"),
    ],
)
def test_what_cannot_be_laid_over_is_refused(
    frames: np.ndarray, maps: np.ndarray, opacity: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        overlay(frames, maps, opacity=opacity)

from collections.abc import Callable

import numpy as np
import pytest

from unmask.demo.manipulations import (
    COARSE_SWAP,
    FINE_SWAP,
    METHODS,
    graphics_swap,
    reenactment,
    swapped_face,
    texture_edit,
)
from unmask.demo.relief import Map
from unmask.demo.take import Footage

Forge = Callable[[np.random.Generator], list[Map]]


@pytest.fixture(params=METHODS)
def forge(
    request: pytest.FixtureRequest,
    target: Footage,
    source: Footage,
    double: Footage,
    driven: Footage,
) -> Forge:
    forges: dict[str, Forge] = {
        "SwappedFace": lambda rng: swapped_face(target, double, rng, quality=COARSE_SWAP),
        "Reenactment": lambda rng: reenactment(target, driven, rng),
        "GraphicsSwap": lambda rng: graphics_swap(target, source, rng),
        "TextureEdit": lambda rng: texture_edit(target, driven, rng),
    }
    return forges[request.param]


def test_a_forgery_changes_the_face(forge: Forge, target: Footage) -> None:
    forged = forge(np.random.default_rng(0))
    change = max(
        float(np.abs(fake - real).max()) for fake, real in zip(forged, target.frames, strict=True)
    )
    assert change > 0.08


def test_a_forgery_changes_nothing_outside_the_crop_of_a_detector(
    forge: Forge, target: Footage
) -> None:
    forged = forge(np.random.default_rng(0))
    for fake, real, marks in zip(forged, target.frames, target.landmarks, strict=True):
        centre = marks.outline.mean(axis=0)
        half = 0.65 * np.ptp(marks.outline, axis=0).max()
        rows, columns = np.indices(real.shape[:2])
        outside = (np.abs(columns - centre[0]) > half) | (np.abs(rows - centre[1]) > half)
        assert np.abs(fake - real)[outside].max() < 1 / 255


def test_the_same_chance_gives_the_same_forgery(forge: Forge) -> None:
    for first, second in zip(
        forge(np.random.default_rng(3)), forge(np.random.default_rng(3)), strict=True
    ):
        np.testing.assert_array_equal(first, second)


def test_forged_pictures_stay_in_the_displayed_range(forge: Forge) -> None:
    for frame in forge(np.random.default_rng(0)):
        assert frame.dtype == np.float32
        assert 0 <= frame.min() <= frame.max() <= 1
        assert frame.mean(axis=(0, 1)).min() > 0.05


def test_a_fine_swap_is_sharper_than_a_coarse_one(target: Footage, double: Footage) -> None:
    def detail(frames: list[Map]) -> float:
        rows = slice(70, 120)
        return float(
            np.mean([np.abs(np.diff(frame[rows, 70:120], axis=1)).mean() for frame in frames])
        )

    coarse = swapped_face(target, double, np.random.default_rng(0), quality=COARSE_SWAP)
    fine = swapped_face(target, double, np.random.default_rng(0), quality=FINE_SWAP)
    assert detail(fine) > detail(coarse)

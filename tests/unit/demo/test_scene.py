import numpy as np
import pytest

from unmask.demo.people import make_person
from unmask.demo.scene import (
    Camera,
    make_camera,
    make_light,
    paint_background,
    paint_body,
)

CLEAN = Camera(
    blur_px=0.3,
    read_noise=0.0,
    shot_noise=0.0,
    gain=(1.0, 1.0, 1.0),
    contrast=1.0,
    vignette=0.0,
)
GREY = [np.full((64, 64, 3), 0.5, dtype=np.float32)]


def test_lights_point_to_the_front_of_the_face_with_unit_length() -> None:
    for seed in range(30):
        direction = np.array(make_light(np.random.default_rng(seed)).direction)
        assert np.linalg.norm(direction) == pytest.approx(1)
        assert direction[2] > 0.5


def test_two_backgrounds_differ_and_are_not_black() -> None:
    first, second = (
        paint_background(np.random.default_rng(seed), height=64, width=96) for seed in (1, 2)
    )
    assert first.shape == (64, 96, 3)
    assert first.mean() > 0.01
    assert np.abs(first - second).mean() > 0.01


def test_a_body_never_covers_more_than_all_of_a_pixel() -> None:
    body = paint_body(make_person(10), make_light(np.random.default_rng(0)))
    assert body.min() >= 0
    assert body[..., 3].max() <= 1


def test_a_camera_without_noise_changes_a_grey_card_only_by_its_flicker() -> None:
    shot = CLEAN.shoot(GREY, np.random.default_rng(0))[0]
    assert shot.dtype == np.uint8
    assert np.abs(shot.astype(int) - 128).max() <= 3
    assert np.ptp(shot) == 0


def test_a_noisier_camera_gives_more_noise() -> None:
    spread = []
    for level in (0.005, 0.02):
        camera = make_camera(np.random.default_rng(0), noise_level=level, blur_px=(0.4, 0.5))
        shot = camera.shoot(GREY, np.random.default_rng(1))[0]
        spread.append(np.diff(shot.astype(float), axis=1).std())
    assert spread[1] > 2 * spread[0]


def test_noise_differs_between_frames() -> None:
    camera = make_camera(np.random.default_rng(0), noise_level=0.02, blur_px=(0.4, 0.5))
    first, second = camera.shoot(GREY * 2, np.random.default_rng(1))
    assert (first != second).mean() > 0.5

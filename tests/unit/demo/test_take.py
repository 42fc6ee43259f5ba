from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from unmask.demo.head import Head
from unmask.demo.motion import Expression, Pose
from unmask.demo.people import Person, make_person
from unmask.demo.relief import to_canvas
from unmask.demo.scene import Light
from unmask.demo.take import Footage, film

FRONT = Pose(x=0.5, y=0.48, scale=0.32, yaw=0.0, pitch=0.0, roll=0.0)
CALM = Expression(eye_open=1.0, mouth_open=0.0, smile=0.0, brow_raise=0.0, gaze_x=0.0, gaze_y=0.0)
LAMP = Light(direction=(0.0, 0.0, 1.0), key=(0.8, 0.8, 0.8), ambient=(0.4, 0.4, 0.4))
SIZE = 192


def drawn(
    pose: Pose = FRONT,
    expression: Expression = CALM,
    light: Light = LAMP,
    person: Person | None = None,
) -> NDArray[np.float32]:
    head = Head(person or make_person(4), light)
    return head.draw(pose, expression, height=SIZE, width=SIZE).colour


def test_the_same_take_gives_the_same_pixels(target: Footage) -> None:
    again = film(target.take)
    for first, second in zip(target.frames, again.frames, strict=True):
        np.testing.assert_array_equal(first, second)


def test_pictures_fill_the_displayed_range_in_all_channels(target: Footage) -> None:
    for frame in target.frames:
        assert frame.dtype == np.float32
        assert frame.shape == (SIZE, SIZE, 3)
        assert frame.min() >= 0
        assert frame.max() <= 1
        assert frame.mean(axis=(0, 1)).min() > 0.05


@pytest.mark.parametrize("axis", ["yaw", "pitch", "roll", "x", "y", "scale"])
def test_every_part_of_the_pose_has_an_effect(axis: str) -> None:
    moved = drawn(pose=replace(FRONT, **{axis: getattr(FRONT, axis) + 0.1}))
    assert np.abs(moved - drawn()).mean() > 0.002


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("eye_open", 0.0), ("mouth_open", 0.8), ("smile", 0.8),
        ("brow_raise", 1.0), ("gaze_x", 1.0), ("gaze_y", 1.0),
    ],
)  # fmt: skip
def test_every_part_of_the_expression_has_an_effect(part: str, value: float) -> None:
    changed = drawn(
        expression=replace(CALM, **{part: value}), person=replace(make_person(4), glasses="none")
    )
    calm = drawn(person=replace(make_person(4), glasses="none"))
    assert np.abs(changed - calm).max() > 0.03


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("face_width", 0.9), ("jaw_taper", 0.5), ("forehead", 1.2), ("eye_distance", 0.25),
        ("eye_width", 0.2), ("eye_tilt", 0.06), ("brow_height", 0.3), ("brow_thickness", 0.1),
        ("nose_width", 0.22), ("nose_length", 0.5), ("mouth_width", 0.36), ("lip_fullness", 0.12),
        ("hair_style", "long"), ("hair_volume", 0.3), ("hairline", 0.5), ("parting", 1.0),
        ("beard", 0.9), ("age", 1.0), ("freckles", 1.0), ("glasses", "round"),
        ("skin", (0.4, 0.3, 0.2)), ("hair", (0.7, 0.5, 0.3)), ("iris", (0.2, 0.5, 0.9)),
        ("lips", (0.7, 0.1, 0.2)),
    ],
)  # fmt: skip
def test_every_measure_of_a_person_shows(measure: str, value: object) -> None:
    plain = replace(
        make_person(4), hair_style="short", beard=0.0, age=0.2, freckles=0.0, glasses="none"
    )
    changed = replace(plain, **{measure: value})
    assert np.abs(drawn(person=changed) - drawn(person=plain)).max() > 0.03


def test_light_from_the_left_brightens_the_left_cheek() -> None:
    left = drawn(light=replace(LAMP, direction=(-0.7, 0.0, 0.714)))
    half = SIZE // 2
    assert left[90:130, half - 40 : half - 10].mean() > left[90:130, half + 10 : half + 40].mean()


def test_turning_right_moves_the_nose_to_the_right() -> None:
    head = Head(make_person(4), LAMP)
    turned = head.draw(replace(FRONT, yaw=0.25), CALM, height=SIZE, width=SIZE).landmarks
    front = head.draw(FRONT, CALM, height=SIZE, width=SIZE).landmarks
    assert turned.anchors[2, 0] > front.anchors[2, 0] + 5


def test_landmarks_invert_the_drawing_to_a_pixel() -> None:
    person = make_person(4)
    pose = replace(FRONT, yaw=0.2, pitch=0.1, roll=0.1)
    head = Head(person, LAMP)
    still, _ = head._canvas_coordinates(pose, CALM, height=SIZE, width=SIZE)
    anchors = head.draw(pose, CALM, height=SIZE, width=SIZE).landmarks.anchors
    drawn_at = [still[round(row), round(column)] for column, row in anchors[:3]]
    eye = person.eye_distance
    meant = to_canvas(np.array([[-eye, 0.0], [eye, 0.0], [0.0, person.nose_length]]))
    assert np.abs(np.array(drawn_at) - meant).max() < 1

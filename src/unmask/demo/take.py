"""Film a take: a person, a performance, a place, and the clean pictures of it."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from unmask.demo.head import Head, HeadPicture, Landmarks
from unmask.demo.motion import Performance
from unmask.demo.people import Person
from unmask.demo.relief import Map, as_map
from unmask.demo.scene import Light, body_to_picture, paint_background, paint_body


@dataclass(frozen=True)
class Take:
    """What is filmed: who does what, where, in which light.

    Attributes:
        performance: What the person does.
        light: The light on the person.
        background: What lies behind, in linear light, ``(height, width, 3)``.
    """

    person: Person
    performance: Performance
    light: Light
    background: Map


@dataclass(frozen=True)
class Footage:
    """The clean pictures of a take, before any camera.

    Attributes:
        frames: Pictures as displayed, each ``(height, width, 3)``, float32 in [0, 1].
        landmarks: Where the face lies in each.
    """

    take: Take
    frames: list[Map]
    landmarks: list[Landmarks]


def make_take(
    person: Person,
    performance: Performance,
    *,
    light: Light,
    rng: np.random.Generator,
    height: int,
    width: int,
) -> Take:
    """Put a performance in a place of its own."""
    background = paint_background(rng, height=height, width=width)
    return Take(person=person, performance=performance, light=light, background=background)


def film(take: Take) -> Footage:
    """Draw every frame of a take."""
    height, width = take.background.shape[:2]
    head = Head(take.person, take.light)
    body = paint_body(take.person, take.light)
    frames, landmarks = [], []
    first = take.performance.poses[0]
    for pose, expression in zip(take.performance.poses, take.performance.expressions, strict=True):
        picture = head.draw(pose, expression, height=height, width=width)
        # The shoulders follow the head only half the way.
        place = body_to_picture(
            x_px=0.5 * (first.x + pose.x) * width,
            y_px=0.5 * (first.y + pose.y) * height,
            scale_px=first.scale * height,
        )
        behind = as_map(cv2.warpAffine(body, place, (width, height), flags=cv2.INTER_LINEAR))
        frames.append(_develop(take.background, behind, picture))
        landmarks.append(picture.landmarks)
    return Footage(take=take, frames=frames, landmarks=landmarks)


def _develop(background: Map, body: Map, head: HeadPicture) -> Map:
    """Lay body and head over the background and convert linear light to displayed values."""
    red, green, blue, body_cover = cv2.split(body)
    light = cv2.multiply(background, cv2.merge([1 - body_cover] * 3))
    light = cv2.add(light, cv2.merge([red, green, blue]))
    light = cv2.multiply(light, cv2.merge([1 - head.cover] * 3))
    light = cv2.add(light, head.colour)
    return np.asarray(cv2.sqrt(np.clip(light, 0, 1, out=light)))


def recast(take: Take, person: Person) -> Take:
    """Return the same take played by somebody else: what an ideal face swap would show."""
    return replace(take, person=person)


def redirect(take: Take, driver: Performance, *, share: float = 1.0) -> Take:
    """Return the same take with the expressions of another performance."""
    performance = take.performance.with_expressions_of(driver, share=share)
    return replace(take, performance=performance)

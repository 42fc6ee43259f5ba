"""The parts of a face that change with the expression: eyes, mouth, and the glasses over them.

They are painted per frame on the head's canvas, in face units, three times as fine as the canvas
and then averaged down, so that lids and lips have smooth edges.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.demo.motion import Expression
from unmask.demo.people import Colour, Person
from unmask.demo.relief import CANVAS_PX, MOUTH_Y, PX_PER_UNIT, Map, to_canvas

Curve = NDArray[np.float64]

FINENESS: Final = 3
JAW_DROP: Final = 0.16  # how far a wide open mouth moves the chin, as in the relief's motion
SCLERA: Final[Colour] = (0.86, 0.83, 0.80)
TEETH: Final[Colour] = (0.88, 0.85, 0.79)
MOUTH_INSIDE: Final[Colour] = (0.20, 0.08, 0.08)
TONGUE: Final[Colour] = (0.58, 0.27, 0.26)


@dataclass
class Patch:
    """A fine rectangle of the canvas to paint on.

    Attributes:
        left: Canvas column of its first pixel.
        top: Canvas row of its first pixel.
        rgb: Displayed colours, ``(height, width, 3)``, uint8.
        cover: How much of a pixel is painted, ``(height, width)``, uint8.
    """

    left: int
    top: int
    rgb: NDArray[np.uint8]
    cover: NDArray[np.uint8]

    @classmethod
    def around(
        cls, centre: tuple[float, float], reach: tuple[float, float], ground: Colour
    ) -> "Patch":
        """Make an empty patch around a point in face units, whose edges blend to ``ground``."""
        left, top = np.floor(to_canvas(np.subtract(centre, reach))).astype(int)
        right, bottom = np.ceil(to_canvas(np.add(centre, reach))).astype(int)
        shape = ((bottom - top) * FINENESS, (right - left) * FINENESS)
        rgb = np.full((*shape, 3), _bytes(ground), dtype=np.uint8)
        return cls(left=int(left), top=int(top), rgb=rgb, cover=np.zeros(shape, dtype=np.uint8))

    def pixels(self, points: Curve) -> NDArray[np.int32]:
        """Convert points in face units to fine pixels of this patch."""
        fine = (to_canvas(points) - (self.left, self.top) + 0.5) * FINENESS
        return np.asarray(np.rint(fine), dtype=np.int32)

    def fill(
        self, outline: Curve, colour: Colour, *, cover: float = 1.0, within: Curve | None = None
    ) -> None:
        """Fill a closed outline, or the part of it that lies within another one."""
        mask = self._mask(outline)
        if within is None:
            cv2.fillPoly(self.rgb, [self.pixels(outline)], _bytes(colour))
        else:
            cv2.bitwise_and(mask, self._mask(within), dst=mask)
            cv2.copyTo(np.full_like(self.rgb, _bytes(colour)), mask, self.rgb)
        self._cover(mask, cover)

    def stroke(self, line: Curve, colour: Colour, *, width: float, cover: float = 1.0) -> None:
        """Draw along a line of a given width in face units."""
        thickness = max(1, round(width * PX_PER_UNIT * FINENESS))
        mask, points = np.zeros_like(self.cover), [self.pixels(line)]
        cv2.polylines(mask, points, isClosed=False, color=255, thickness=thickness)
        cv2.polylines(self.rgb, points, isClosed=False, color=_bytes(colour), thickness=thickness)
        self._cover(mask, cover)

    def _mask(self, outline: Curve) -> NDArray[np.uint8]:
        mask = np.zeros_like(self.cover)
        cv2.fillPoly(mask, [self.pixels(outline)], 255)
        return mask

    def _cover(self, mask: NDArray[np.uint8], cover: float) -> None:
        cv2.max(self.cover, np.minimum(mask, np.uint8(round(255 * cover))), dst=self.cover)

    def paint_onto(self, layer: Map) -> None:
        """Lay the patch over a layer of linear colours multiplied by their coverage."""
        height, width = self.cover.shape[0] // FINENESS, self.cover.shape[1] // FINENESS
        cover = cv2.resize(self.cover, (width, height), interpolation=cv2.INTER_AREA)
        rgb = cv2.resize(self.rgb, (width, height), interpolation=cv2.INTER_AREA)
        share = (cover.astype(np.float32) / 255)[..., None]
        colour = np.square(rgb.astype(np.float32) / 255)
        target = layer[self.top : self.top + height, self.left : self.left + width]
        target *= 1 - share
        target += np.dstack([colour * share, share])


def _bytes(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (round(255 * min(max(value, 0.0), 1.0)) for value in colour)
    return red, green, blue


def _shade(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def paint_features(person: Person, expression: Expression) -> Map:
    """Paint eyes, mouth and glasses.

    Returns:
        A layer to lay over the head's colours, ``(height, width, 4)`` on the canvas: linear
        colours multiplied by their coverage, and the coverage.
    """
    layer = np.zeros((CANVAS_PX, CANVAS_PX, 4), dtype=np.float32)
    for side in (-1.0, 1.0):
        _eye(person, expression, side).paint_onto(layer)
    _mouth(person, expression).paint_onto(layer)
    if person.glasses != "none":
        frames = _glasses(person)
        layer *= 1 - frames[..., 3:]
        layer += frames
    return layer


def _circle(centre: tuple[float, float], radius: float) -> Curve:
    turn = np.linspace(0, 2 * np.pi, 40)
    return np.stack([centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn)], axis=1)


def _eye(person: Person, expression: Expression, side: float) -> Patch:
    centre = (side * person.eye_distance, 0.0)
    patch = Patch.around(centre, (person.eye_width + 0.05, 0.17), _shade(person.skin, 0.6))
    across = np.linspace(-1, 1, 31)  # inner corner to outer corner
    x = centre[0] + side * across * person.eye_width
    bulge = (1 - across**2) ** 0.8
    corners = -person.eye_tilt * across + 0.006
    open_share = float(np.clip(expression.eye_open, 0.02, 1))
    height = 0.52 * person.eye_width * open_share
    lower = corners + 0.040 * bulge
    upper = lower - (0.040 + height) * bulge * open_share
    upper_line, lower_line = np.stack([x, upper], axis=1), np.stack([x, lower], axis=1)
    opening = np.concatenate([upper_line, lower_line[::-1]])
    crease = np.stack([x, -0.5 * person.eye_width * bulge - 0.035 + corners], axis=1)
    patch.stroke(crease[3:-1], _shade(person.skin, 0.62), width=0.018, cover=0.55)
    patch.fill(opening, SCLERA)
    shaded = upper_line + np.array([0.0, 0.022])
    patch.fill(np.concatenate([upper_line, shaded[::-1]]), _shade(SCLERA, 0.7), within=opening)
    _iris(patch, person, expression, centre, opening)
    patch.stroke(lower_line, _shade(person.skin, 0.62), width=0.010, cover=0.6)
    patch.stroke(upper_line, (0.09, 0.06, 0.05), width=0.020, cover=0.9)
    return patch


def _iris(
    patch: Patch, person: Person, expression: Expression, eye: tuple[float, float], opening: Curve
) -> None:
    centre = (eye[0] + 0.045 * expression.gaze_x, -0.012 + 0.03 * expression.gaze_y)
    patch.fill(_circle(centre, 0.076), _shade(person.iris, 0.45), within=opening)
    patch.fill(_circle(centre, 0.066), person.iris, within=opening)
    patch.fill(
        _circle((centre[0], centre[1] - 0.02), 0.045), _shade(person.iris, 0.75), within=opening
    )
    patch.fill(_circle(centre, 0.032), (0.03, 0.03, 0.03), within=opening)
    patch.fill(_circle((centre[0] - 0.026, centre[1] - 0.028), 0.015), (1, 1, 1), within=opening)


def _mouth(person: Person, expression: Expression) -> Patch:
    patch = Patch.around((0.0, MOUTH_Y + 0.06), (0.42, 0.30), person.lips)
    across = np.linspace(-1, 1, 41)
    width = person.mouth_width * (1 + 0.12 * expression.smile - 0.10 * expression.mouth_open)
    x, round_off = across * width, np.clip(1 - across**2, 0, 1)
    corner = -0.06 * (0.25 + expression.smile) * across**2 - 0.006 * np.cos(3 * np.pi * across)
    line = MOUTH_Y + corner + 0.08 * JAW_DROP * expression.mouth_open
    gap = JAW_DROP * expression.mouth_open * round_off**0.7
    bow = 0.85 + 0.3 * np.exp(-(((np.abs(across) - 0.22) / 0.14) ** 2))
    upper_edge = line - person.lip_fullness * round_off**0.8 * bow
    lower_edge = line + gap + 1.3 * person.lip_fullness * round_off**0.65

    def outline(first: Curve, second: Curve) -> Curve:
        return np.concatenate([np.stack([x, first], 1), np.stack([x, second], 1)[::-1]])

    patch.fill(outline(upper_edge, line), _shade(person.lips, 0.86), cover=0.85)
    patch.fill(outline(line + gap, lower_edge), person.lips, cover=0.85)
    shine = line + gap + 0.5 * person.lip_fullness
    patch.stroke(np.stack([x, shine], 1)[13:-13], _shade(person.lips, 1.18), width=0.022, cover=0.5)
    inside = outline(line, line + gap)
    patch.fill(inside, MOUTH_INSIDE)
    tongue = _circle((0.0, MOUTH_Y + JAW_DROP * expression.mouth_open + 0.05), 0.13)
    patch.fill(tongue, TONGUE, within=inside)
    patch.fill(outline(line, line + np.minimum(0.5 * gap, 0.045)), TEETH, within=inside)
    patch.stroke(np.stack([x, line], 1), _shade(person.lips, 0.42), width=0.013, cover=0.8)
    return patch


@cache
def _glasses(person: Person) -> Map:
    layer = np.zeros((CANVAS_PX, CANVAS_PX, 4), dtype=np.float32)
    patch = Patch.around((0.0, 0.02), (person.face_width + 0.06, 0.3), (0.1, 0.1, 0.1))
    turn = np.linspace(0, 2 * np.pi, 60)
    power = 1.0 if person.glasses == "round" else 0.55
    rim_x = 0.23 * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
    rim_y = 0.18 * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
    colour = (0.10, 0.09, 0.09) if person.seed % 2 else (0.34, 0.20, 0.12)
    for side in (-1.0, 1.0):
        centre_x = side * (person.eye_distance + 0.01)
        lens = np.stack([centre_x + rim_x, 0.03 + rim_y], axis=1)
        patch.fill(lens, (0.9, 0.93, 0.95), cover=0.07)
        patch.stroke(lens, colour, width=0.030)
        arm = np.array(
            [[centre_x + side * 0.23, -0.02], [side * (person.face_width + 0.02), -0.03]]
        )
        patch.stroke(arm, colour, width=0.030)
    inner = person.eye_distance - 0.22
    bridge_x = np.linspace(-inner, inner, 9)
    arch = -0.02 - 0.02 * (1 - (bridge_x / inner) ** 2)
    patch.stroke(np.stack([bridge_x, arch], axis=1), colour, width=0.028)
    patch.paint_onto(layer)
    return layer

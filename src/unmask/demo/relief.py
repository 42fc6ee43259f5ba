"""The head as a relief: height, normals and colour of every point, seen from the front.

Everything that does not change during a take is computed here once per person, on a square canvas
in face units. A frame is then this relief, shifted by pose and lit (:mod:`.head`).
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.core.reproducibility import derive_seed
from unmask.demo.people import Person

Map = NDArray[np.float32]

CANVAS_PX: Final = 256
PX_PER_UNIT: Final = 80.0
ORIGIN_Y: Final = -0.1  # the canvas' centre: a head reaches further above the eyes than below
MOUTH_Y: Final = 0.63
CHIN_Y: Final = 1.0
DEPTH: Final = 0.85  # the nearest point of the skull lies this far in front of its outline


@dataclass(frozen=True)
class HeadMaps:
    """The relief of one head; every array is float32 on the canvas.

    Attributes:
        colour: ``(height, width, 4)``: red, green, blue in linear light and coverage, with the
            colours multiplied by the coverage.
        surface: ``(height, width, 4)``: x, y, z of the unit normal (y down, z to the camera) and
            how much ambient light arrives, in [0, 1].
        gloss: ``(height, width)``: strength of the highlight.
        parallax: ``(height, width)``: a smoothed height, in face units, that moves with the pose.
        motion: ``(height, width, 4)``: how a point moves, in face units: down when the mouth
            opens, up when the brows rise, sideways and up when smiling.
    """

    colour: Map
    surface: Map
    gloss: Map
    parallax: Map
    motion: Map


def canvas_grid() -> tuple[Map, Map]:
    """Return ``x`` and ``y`` of every canvas pixel in face units, each ``(height, width)``."""
    steps = (np.arange(CANVAS_PX, dtype=np.float32) - (CANVAS_PX - 1) / 2) / PX_PER_UNIT
    x, y = np.meshgrid(steps, steps + np.float32(ORIGIN_Y))
    return x, y


def to_canvas(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Convert points in face units ``(..., 2)`` to canvas pixels.

    Example:
        >>> to_canvas(np.array([0.0, ORIGIN_Y])).tolist()
        [127.5, 127.5]
    """
    centre = (CANVAS_PX - 1) / 2
    return np.asarray((points - np.array([0.0, ORIGIN_Y])) * PX_PER_UNIT + centre)


def smoothstep(values: NDArray[np.floating], low: float, high: float) -> Map:
    """Return a smooth ramp from 0 at ``low`` to 1 at ``high``."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return as_map(share * share * (3 - 2 * share))


def bump(x: Map, y: Map, centre: tuple[float, float], width: float, height: float) -> Map:
    """Return a bell of height 1 at ``centre`` with the given standard deviations."""
    squared = ((x - centre[0]) / width) ** 2 + ((y - centre[1]) / height) ** 2
    return as_map(np.exp(-0.5 * squared))


def linear(colour: tuple[float, float, float]) -> Map:
    """Convert a displayed colour to linear light, with a display gamma of 2.

    Example:
        >>> linear((0.5, 1.0, 0.0)).tolist()
        [0.25, 1.0, 0.0]
    """
    return np.square(np.asarray(colour, dtype=np.float32))


def as_map(values: NDArray[Any]) -> Map:
    """Return values as float32, without a copy where they are already."""
    return np.asarray(values, dtype=np.float32)


def blurred(layer: Map, sigma_px: float) -> Map:
    """Return a layer after a Gaussian blur."""
    return as_map(cv2.GaussianBlur(layer, (0, 0), sigma_px))


def noise(rng: np.random.Generator, shape: tuple[int, int], *, sigma_px: float) -> Map:
    """Return smooth noise with mean 0 and standard deviation 1."""
    field = rng.standard_normal(shape, dtype=np.float32)
    field = blurred(field, sigma_px)
    return as_map((field - field.mean()) / field.std())


def make_head_maps(person: Person) -> HeadMaps:
    """Model and paint the head of a person."""
    rng = np.random.default_rng(derive_seed(person.seed, "relief"))
    x, y = canvas_grid()
    inside = _skull(x, y, person, grow=0.0)
    height = DEPTH * np.sqrt(np.clip(inside, 0, 1) + 0.004) + _features(x, y, person)
    outline = _hair_outline(x, y, person)
    strands = _strands(x, y, person, rng)
    hair = _hair(x, y, person, outline, strands)
    hair_height = (DEPTH + 0.5 * person.hair_volume) * np.sqrt(np.clip(outline, 0, 1) + 0.004)
    relief = np.where(hair > 0, (1 - hair) * height + hair * (hair_height + 0.02 * strands), height)
    skin = _skin(x, y, person, rng)
    hair_colour = linear(person.hair) * (1 + 0.32 * strands)[..., None]
    colour = (1 - hair[..., None]) * skin + hair[..., None] * np.clip(hair_colour, 0.002, 1)
    ears = _ears(x, y, person)
    face_cover = smoothstep(inside, 0.0, 0.035)
    colour = colour * _ear_shadow(x, y, person)[..., None]
    cover = np.maximum(np.maximum(face_cover, ears), hair)
    oil = 0.10 + 0.10 * bump(x, y, (0, 0.2), 0.2, 0.5)
    return HeadMaps(
        colour=np.dstack([np.clip(colour, 0, 1) * cover[..., None], cover]).astype(np.float32),
        surface=_surface(relief.astype(np.float32)),
        gloss=np.asarray((1 - hair) * oil + hair * 0.05, dtype=np.float32),
        parallax=_parallax(x, y, person),
        motion=_motion(x, y, person),
    )


def _skull(x: Map, y: Map, person: Person, *, grow: float) -> Map:
    """Return 1 at the middle of the head, 0 on its outline and less outside."""
    centre = -0.08
    lower = smoothstep(y, 0.05, CHIN_Y + 0.1)
    width = (person.face_width + grow) * (1 - person.jaw_taper * lower)
    above = person.forehead + centre + grow
    below = CHIN_Y - centre + 0.4 * grow
    reach = np.where(y < centre, above, below)
    radius = np.abs(x / width) ** 2.25 + np.abs((y - centre) / reach) ** 2.45
    return as_map(1 - radius)


def _features(x: Map, y: Map, person: Person) -> Map:
    """Return the height that nose, brows, eyes, cheeks, lips and chin add to the skull."""
    tip = person.nose_length
    along = smoothstep(y, -0.15, tip) * (1 - smoothstep(y, tip, tip + 0.09))
    bridge = np.exp(-0.5 * (x / (0.06 + 0.04 * along)) ** 2) * along
    wings = bump(np.abs(x), y, (0.72 * person.nose_width, tip + 0.01), 0.042, 0.045)
    sockets = bump(np.abs(x), y, (person.eye_distance, -0.04), 0.14, 0.10)
    eyeballs = bump(np.abs(x), y, (person.eye_distance, 0.0), 0.10, 0.075)
    brow = bump(np.abs(x), y, (0.9 * person.eye_distance, -person.brow_height), 0.2, 0.055)
    cheeks = bump(np.abs(x), y, (0.40, 0.28), 0.17, 0.15)
    fold_x = 0.20 + 0.35 * (y - tip)
    folds = np.exp(-0.5 * ((np.abs(x) - fold_x) / 0.025) ** 2) * bump(0 * x, y, (0, 0.53), 1, 0.09)
    bags = bump(np.abs(x), y, (person.eye_distance, 0.12), 0.11, 0.018)
    fullness = person.lip_fullness
    lips_x = np.exp(-0.5 * (x / (0.62 * person.mouth_width)) ** 4)
    upper = bump(0 * x, y, (0, MOUTH_Y - 0.55 * fullness), 1, 0.5 * fullness) * lips_x
    lower = bump(0 * x, y, (0, MOUTH_Y + 0.7 * fullness), 1, 0.6 * fullness) * lips_x
    chin = bump(x, y, (0, 0.88), 0.13, 0.08)
    under_lip = bump(x, y, (0, MOUTH_Y + 0.17), 0.14, 0.03)
    return np.asarray(
        0.20 * bridge + 0.075 * wings - 0.085 * sockets + 0.05 * eyeballs + 0.04 * brow
        + 0.035 * cheeks - (0.008 + 0.022 * person.age) * folds - 0.018 * person.age * bags
        + 0.04 * upper + 0.05 * lower + 0.045 * chin - 0.02 * under_lip,
        dtype=np.float32,
    )  # fmt: skip


def _surface(relief: Map) -> Map:
    """Return normals and ambient light of a height map."""
    relief = blurred(relief, 0.8)
    slope_y, slope_x = np.gradient(relief * PX_PER_UNIT)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    # A point below the mean of its neighbourhood lies in a hollow and sees less of the sky.
    hollow = blurred(relief, 7) - relief
    ambient = np.clip(1 - 5.0 * np.clip(hollow, 0, 1), 0.45, 1)
    return np.dstack([-slope_x / length, -slope_y / length, 1 / length, ambient]).astype(np.float32)


def _parallax(x: Map, y: Map, person: Person) -> Map:
    # A parabola instead of the skull's half circle: its slope stays small enough at the outline
    # that the iteration which inverts the pose converges for every yaw that a take reaches.
    skull = 0.62 * np.clip(_skull(x, y, person, grow=0.1), -0.6, 1)
    return blurred(np.float32(0.8) * _features(x, y, person) + skull.astype(np.float32), 2.5)


def _motion(x: Map, y: Map, person: Person) -> Map:
    jaw = (
        0.16
        * smoothstep(y, MOUTH_Y - 0.02, MOUTH_Y + 0.12)
        * (1 - smoothstep(np.abs(x), 0.5, 0.95))
    )
    brows = 0.05 * bump(np.abs(x), y, (person.eye_distance, -person.brow_height), 0.22, 0.08)
    cheek = bump(np.abs(x), y, (person.mouth_width + 0.03, MOUTH_Y - 0.04), 0.13, 0.12)
    return np.dstack([jaw, brows, 0.05 * np.sign(x) * cheek, 0.05 * cheek]).astype(np.float32)


def _ears(x: Map, y: Map, person: Person) -> Map:
    edge = ((np.abs(x) - person.face_width * 1.0) / 0.11) ** 2 + ((y - 0.10) / 0.23) ** 2
    return smoothstep(np.asarray(1 - edge, dtype=np.float32), 0.0, 0.2)


def _ear_shadow(x: Map, y: Map, person: Person) -> Map:
    inner = bump(np.abs(x), y, (person.face_width + 0.035, 0.10), 0.035, 0.11)
    return as_map(1 - 0.55 * inner)


def _skin(x: Map, y: Map, person: Person, rng: np.random.Generator) -> Map:
    """Paint the bare head in linear light: complexion, brows, beard, nostrils and lines."""
    skin = np.broadcast_to(linear(person.skin), (*x.shape, 3)).copy()
    mottling = 0.035 * noise(rng, x.shape, sigma_px=9) + 0.05 * noise(rng, x.shape, sigma_px=1.6)
    skin *= (1 + mottling)[..., None]
    flush = bump(np.abs(x), y, (0.40, 0.30), 0.15, 0.14) + 0.7 * bump(x, y, (0, 0.36), 0.1, 0.09)
    skin *= 1 - flush[..., None] * np.array([0.0, 0.13, 0.12], dtype=np.float32)
    around_eyes = bump(np.abs(x), y, (person.eye_distance, 0.06), 0.15, 0.07)
    skin *= 1 - (0.10 + 0.14 * person.age) * around_eyes[..., None]
    if person.freckles > 0:
        spots = smoothstep(noise(rng, x.shape, sigma_px=1.2), 1.3, 2.0)
        where = spots * bump(x, y, (0, 0.22), 0.42, 0.16) * person.freckles
        skin *= 1 - where[..., None] * np.array([0.3, 0.45, 0.5], dtype=np.float32)
    nostrils = bump(
        np.abs(x), y, (0.5 * person.nose_width, person.nose_length + 0.055), 0.028, 0.017
    )
    skin *= 1 - 0.75 * nostrils[..., None]
    lines = smoothstep(np.sin(y * 75 + 1.5 * noise(rng, x.shape, sigma_px=14)), 0.6, 1.0)
    forehead = bump(x, y, (0, -0.45), 0.3, 0.09) * person.age
    skin *= 1 - 0.13 * (lines * forehead)[..., None]
    for density in (_brows(x, y, person, rng), _beard(x, y, person, rng)):
        skin = (1 - density[..., None]) * skin + density[..., None] * 0.8 * linear(person.hair)
    return as_map(skin)


def _brows(x: Map, y: Map, person: Person, rng: np.random.Generator) -> Map:
    out = (np.abs(x) - person.eye_distance) / 0.21  # -1 at the inner end of a brow, 1 at the outer
    arch = -person.brow_height - 0.045 * (1 - out**2) + 0.02 * out - person.eye_tilt * out
    thickness = person.brow_thickness * (0.75 - 0.35 * out)
    shape = np.exp(-(np.abs((y - arch) / thickness) ** 2.5)) * (
        1 - smoothstep(np.abs(out), 0.8, 1.1)
    )
    hairs = 1 + 0.2 * noise(rng, x.shape, sigma_px=0.9)
    return as_map(np.clip(0.85 * shape * hairs, 0, 0.95))


def _beard(x: Map, y: Map, person: Person, rng: np.random.Generator) -> Map:
    if person.beard <= 0:
        return np.zeros_like(x)
    side = np.abs(x) / person.face_width
    upper_edge = 0.50 - 0.34 * smoothstep(side, 0.5, 0.95)
    cheeks = smoothstep(y - upper_edge, 0.0, 0.16)
    mouth = 1 - bump(x, y, (0, MOUTH_Y + 0.02), 0.19, 0.075)
    moustache = bump(x, y, (0, MOUTH_Y - 0.11), 0.2, 0.035)
    below_nose = smoothstep(y, person.nose_length + 0.06, person.nose_length + 0.12)
    area = np.clip(np.maximum(cheeks * mouth, 0.9 * moustache) * below_nose, 0, 1)
    area *= np.clip(
        0.35 + smoothstep(side, 0.25, 0.5) + smoothstep(y, MOUTH_Y, MOUTH_Y + 0.1), 0, 1
    )
    hairs = np.clip(0.85 + 0.25 * noise(rng, x.shape, sigma_px=0.8), 0, 1)
    return as_map(np.clip(person.beard * area * hairs, 0, 0.92))


def _hair_outline(x: Map, y: Map, person: Person) -> Map:
    """Return, like the skull, what is above 0 within the outline of all hair."""
    outline = _skull(x, y, person, grow=person.hair_volume)
    if person.hair_style == "long":
        reach = person.face_width + 0.06 + person.hair_volume
        falls = 1 - (np.abs(x) / reach) ** 2.25
        outline = np.where(y > -0.08, np.minimum(falls, (1.3 - y) * 2.0), outline)
    return as_map(outline)


def _hair(x: Map, y: Map, person: Person, outline: Map, strands: Map) -> Map:
    """Return how much of a point is hair, in [0, 1]."""
    if person.hair_style == "bald":
        return np.zeros_like(x)
    side = np.abs(x) / person.face_width
    front, sideburn, power = -person.hairline, 0.12, 5.0
    if person.hair_style == "fringe":
        front, power = -person.brow_height - 0.12, 7.0
    if person.hair_style == "swept":
        front = -person.hairline + 0.22 * np.abs(x - 0.5 * person.parting) - 0.06
    line = front + (sideburn - front) * np.clip(side, 0, 1.2) ** power
    if person.hair_style == "long":
        line = line + 1.5 * smoothstep(side * (1 + 0.12 * smoothstep(y, 0.3, 1)), 0.84, 0.98)
    raggedness = 0.05 if person.hair_style == "fringe" else 0.02
    above = smoothstep(line - y + raggedness * strands, -0.03, 0.04)
    inside = smoothstep(outline + np.float32(0.03) * strands, 0.0, 0.09)
    return as_map(above * inside)


def _strands(x: Map, y: Map, person: Person, rng: np.random.Generator) -> Map:
    """Return noise drawn out along the hair, which runs from the parting outwards and down."""
    crown_x, crown_y = 0.5 * person.parting, -person.forehead - 0.25
    angle = np.arctan2(x - crown_x, y - crown_y + 0.02)
    radius = np.hypot(x - crown_x, y - crown_y)
    texture = rng.standard_normal((64, 1024), dtype=np.float32)
    texture = as_map(cv2.GaussianBlur(texture, (0, 0), sigmaX=1.6, sigmaY=3.0))
    curl = 3.0 * noise(rng, x.shape, sigma_px=10)
    columns = ((angle / np.pi + 1) * 512 + curl).astype(np.float32)
    rows = (radius * 18).astype(np.float32)
    strands = cv2.remap(texture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return as_map(np.clip(strands / texture.std(), -2.2, 2.2))

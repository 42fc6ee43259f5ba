"""Invented people: the measures and colours of an invented person.

Lengths are in face units: 1 is the distance from the middle of the eyes' line to the chin, so a
face is about 1.5 wide and a head about 2.1 high. ``x`` grows to the right of the picture and ``y``
downwards, with the origin between the eyes.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from unmask.core.reproducibility import derive_seed

Colour = tuple[float, float, float]
"""Red, green and blue as displayed, each in [0, 1]."""

HairStyle = Literal["bald", "short", "fringe", "swept", "long"]
Glasses = Literal["none", "round", "square"]

# From very light to very dark, in even steps of how they look; a person lies between two of them.
SKIN_TONES: Final[tuple[Colour, ...]] = (
    (0.95, 0.80, 0.71),
    (0.90, 0.72, 0.60),
    (0.83, 0.63, 0.49),
    (0.71, 0.51, 0.38),
    (0.57, 0.39, 0.28),
    (0.43, 0.29, 0.21),
)
LIGHT_HAIR: Final[tuple[Colour, ...]] = (
    (0.80, 0.66, 0.44),
    (0.62, 0.45, 0.26),
    (0.56, 0.28, 0.14),
    (0.42, 0.28, 0.17),
)
DARK_HAIR: Final[tuple[Colour, ...]] = (
    (0.28, 0.19, 0.13),
    (0.17, 0.12, 0.10),
    (0.11, 0.10, 0.10),
)
GREY_HAIR: Final[Colour] = (0.68, 0.67, 0.66)
LIGHT_EYES: Final[tuple[Colour, ...]] = (
    (0.36, 0.52, 0.66),
    (0.38, 0.52, 0.40),
    (0.46, 0.42, 0.28),
)
DARK_EYES: Final[tuple[Colour, ...]] = ((0.36, 0.22, 0.12), (0.24, 0.15, 0.10))
LIGHT_SKIN_LIMIT: Final = 2.4  # above this tone, hair and eyes are dark unless the hair is grey


@dataclass(frozen=True)
class Person:
    """An invented identity; equal people are drawn alike in every video.

    Attributes:
        seed: Names the identity, and seeds the fine texture of skin and hair.
        hair: Colour of hair, brows and beard.
        clothes: Colour of what the person wears.
        face_width: Half the width of the face at the cheekbones.
        jaw_taper: How much narrower the face is at the chin, in [0, 1].
        forehead: Height of the skull above the eyes.
        eye_distance: Half the distance between the pupils.
        eye_width: Half the width of one eye.
        eye_tilt: How much higher the outer corner of an eye is.
        brow_height: Distance from the eyes up to the brows.
        brow_thickness: Thickness of the brows.
        nose_width: Half the width of the nose at its wings.
        nose_length: Distance from the eyes down to the nose's tip.
        mouth_width: Half the width of the closed mouth.
        hair_volume: Thickness of the hair on the skull.
        hairline: Distance from the eyes up to the hair.
        parting: Where the hair parts, -1 (left) to 1 (right).
        beard: Density of the beard, in [0, 1].
        age: Depth of the lines in the face, in [0, 1].
        freckles: Strength of freckles, in [0, 1].
        glasses: Shape of the glasses.
    """

    seed: int
    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    clothes: Colour
    face_width: float
    jaw_taper: float
    forehead: float
    eye_distance: float
    eye_width: float
    eye_tilt: float
    brow_height: float
    brow_thickness: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lip_fullness: float
    hair_style: HairStyle
    hair_volume: float
    hairline: float
    parting: float
    beard: float
    age: float
    freckles: float
    glasses: Glasses


def make_person(seed: int, *, tone: float | None = None) -> Person:
    """Invent the person that ``seed`` names.

    Args:
        seed: Any integer; the same one always gives the same person.
        tone: Place of the skin's colour among :data:`SKIN_TONES`, 0 (very light) to 5 (very dark);
            None leaves it to the seed. Faces are seldom swapped between very different skins.

    Returns:
        A person whose measures lie in natural ranges and whose colours go together.

    Example:
        >>> make_person(3) == make_person(3)
        True
        >>> make_person(3).skin == make_person(4).skin
        False

    Raises:
        ValueError: If ``tone`` lies outside the tones.
    """
    darkest = len(SKIN_TONES) - 1
    if tone is not None and not 0 <= tone <= darkest:
        raise ValueError(f"tone must lie in [0, {darkest}], got {tone}.")
    rng = np.random.default_rng(derive_seed(seed, "person"))
    drawn_tone = rng.uniform(0, darkest)
    tone = drawn_tone if tone is None else tone
    skin = _between_tones(tone, rng)
    age = float(rng.beta(1.6, 2.2))
    has_light_skin = tone < LIGHT_SKIN_LIMIT
    is_grey = age > 0.62 and rng.random() < 0.6
    style, beard = _hair_and_beard(rng)
    return Person(
        seed=seed,
        skin=skin,
        hair=_hair_colour(rng, has_light_skin=has_light_skin, is_grey=is_grey),
        iris=_pick(rng, LIGHT_EYES + DARK_EYES if has_light_skin else DARK_EYES),
        lips=_lip_colour(skin, rng),
        clothes=_clothes_colour(rng),
        face_width=rng.uniform(0.68, 0.82),
        jaw_taper=rng.uniform(0.08, 0.34),
        forehead=rng.uniform(1.0, 1.14),
        eye_distance=rng.uniform(0.285, 0.345),
        eye_width=rng.uniform(0.135, 0.17),
        eye_tilt=rng.uniform(-0.015, 0.03),
        brow_height=rng.uniform(0.19, 0.26),
        brow_thickness=rng.uniform(0.03, 0.07),
        nose_width=rng.uniform(0.12, 0.19),
        nose_length=rng.uniform(0.36, 0.46),
        mouth_width=rng.uniform(0.22, 0.31),
        lip_fullness=rng.uniform(0.045, 0.095),
        hair_style=style,
        hair_volume=rng.uniform(0.07, 0.2),
        hairline=rng.uniform(0.56, 0.74),
        parting=rng.uniform(-0.6, 0.6),
        beard=beard,
        age=age,
        freckles=float(rng.uniform(0.3, 1.0)) if has_light_skin and rng.random() < 0.25 else 0.0,
        glasses=str(rng.choice(["none", "round", "square"], p=[0.76, 0.12, 0.12])),  # type: ignore[arg-type]
    )


def _hair_and_beard(rng: np.random.Generator) -> tuple[HairStyle, float]:
    """Draw how the hair is worn, and how full the beard is, 0 for none."""
    styles: list[HairStyle] = ["bald", "short", "fringe", "swept", "long"]
    style = styles[rng.choice(len(styles), p=[0.08, 0.3, 0.16, 0.2, 0.26])]
    can_have_beard = style != "long" and style != "fringe"
    beard = float(rng.uniform(0.25, 1.0)) if can_have_beard and rng.random() < 0.45 else 0.0
    return style, beard


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = (float(value) for value in np.clip(values, 0.02, 0.98))
    return red, green, blue


def _between_tones(tone: float, rng: np.random.Generator) -> Colour:
    lower = min(int(tone), len(SKIN_TONES) - 2)
    share = tone - lower
    mixed = (1 - share) * np.array(SKIN_TONES[lower]) + share * np.array(SKIN_TONES[lower + 1])
    warmth = rng.uniform(-0.02, 0.02) * np.array([0.6, 0.0, -1.0])
    return _colour(mixed + warmth + rng.uniform(-0.015, 0.015))


def _hair_colour(rng: np.random.Generator, *, has_light_skin: bool, is_grey: bool) -> Colour:
    if is_grey:
        base = GREY_HAIR
    elif has_light_skin:
        base = _pick(rng, LIGHT_HAIR + DARK_HAIR)
    else:
        base = _pick(rng, DARK_HAIR)
    return _colour(np.array(base) * rng.uniform(0.85, 1.15))


def _lip_colour(skin: Colour, rng: np.random.Generator) -> Colour:
    """Return the skin's colour, redder and darker; some people wear lipstick."""
    strength = rng.uniform(0.5, 1.0)
    return _colour(np.array(skin) * (1 - strength * np.array([0.12, 0.36, 0.30])))


def _clothes_colour(rng: np.random.Generator) -> Colour:
    grey = rng.uniform(0.1, 0.75)
    return _colour(grey + rng.uniform(-0.18, 0.18, size=3))

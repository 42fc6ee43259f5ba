"""Everything around the head: light, background, neck and shoulders, and the camera."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.core.reproducibility import derive_seed
from unmask.demo.people import Person
from unmask.demo.relief import Map, as_map, blurred, linear, noise, smoothstep

BODY_PX: Final = 256
BODY_PX_PER_UNIT: Final = 60.0
BODY_CENTRE_Y: Final = 1.5


@dataclass(frozen=True)
class Light:
    """The light of a take.

    Attributes:
        direction: Unit vector to the key light: x to the right, y down, z to the camera.
        key: Linear colour of the key light.
        ambient: Linear colour of the light from everywhere.
    """

    direction: tuple[float, float, float]
    key: tuple[float, float, float]
    ambient: tuple[float, float, float]


def make_light(rng: np.random.Generator) -> Light:
    """Invent a light: from the side or the front and above, warm or cool, hard or soft."""
    sideways, above = rng.uniform(-0.8, 0.8), rng.uniform(-0.75, -0.2)
    direction = np.array([sideways, above, 1.0])
    direction /= np.linalg.norm(direction)
    warmth = rng.uniform(-0.09, 0.09) * np.array([1.0, 0.0, -1.0])
    softness = rng.uniform(0.32, 0.52)
    key = (1.28 - softness) * (1 + warmth)
    ambient = softness * (1 - 0.5 * warmth)
    x, y, z = (float(value) for value in direction)
    return Light(direction=(x, y, z), key=_triple(key), ambient=_triple(ambient))


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third


def paint_background(rng: np.random.Generator, *, height: int, width: int) -> Map:
    """Paint a room out of focus.

    Returns:
        Linear light, ``(height, width, 3)``.
    """
    base = rng.uniform(0.2, 0.75) + rng.uniform(-0.05, 0.05, size=3)
    picture = np.empty((height, width, 3), dtype=np.float32)
    picture[:] = np.square(np.clip(base, 0.05, 0.9))
    for _ in range(int(rng.integers(3, 9))):
        left = int(rng.integers(-width // 4, width))
        top = int(rng.integers(-height // 4, height))
        right = left + int(rng.integers(width // 10, width // 2))
        bottom = top + int(rng.integers(height // 8, height))
        shift = rng.uniform(-0.2, 0.2) + rng.uniform(-0.07, 0.07, size=3)
        colour = np.square(np.clip(base + shift, 0.03, 0.95)).tolist()
        cv2.rectangle(picture, (left, top), (right, bottom), colour, thickness=-1)
    picture = blurred(picture, rng.uniform(0.012, 0.035) * height)
    across, down = rng.uniform(-0.35, 0.35, size=2)
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    falloff = 1 + across * x + down * y
    texture = 0.02 * noise(rng, (height, width), sigma_px=1.5)
    return as_map(picture * (falloff + texture)[..., None])


def paint_body(person: Person, light: Light) -> Map:
    """Paint neck, shoulders and the hair behind them under a light.

    Returns:
        ``(256, 256, 4)``: linear colours multiplied by their coverage, and the coverage, on the
        canvas that :func:`body_to_picture` places.
    """
    rng = np.random.default_rng(derive_seed(person.seed, "body"))
    steps = (np.arange(BODY_PX, dtype=np.float32) - (BODY_PX - 1) / 2) / BODY_PX_PER_UNIT
    x, y = np.meshgrid(steps, steps + np.float32(BODY_CENTRE_Y))
    layer = np.zeros((BODY_PX, BODY_PX, 4), dtype=np.float32)
    if person.hair_style == "long":
        strands = 1 + 0.3 * noise(rng, (BODY_PX, BODY_PX), sigma_px=1.2)
        reach = person.face_width + 0.5 * person.hair_volume
        radius = (np.abs(x) / reach) ** 3 + (np.abs(y - 0.5) / 0.95) ** 3
        behind = smoothstep(1 - radius + 0.05 * strands, 0, 0.15)
        dark = 0.35 * linear(person.hair) * strands[..., None]
        _lay(layer, dark, behind)
    neck_width = 0.66 * person.face_width + 0.1 * smoothstep(y, 0.95, 1.4)
    neck = smoothstep(neck_width - np.abs(x), 0, 0.03) * smoothstep(y, 0.2, 0.3)
    under_chin = 0.4 + 0.6 * smoothstep(y, 0.95, 1.45)
    lit = _lambert(x / neck_width, light) * under_chin[..., None]
    _lay(layer, linear(person.skin) * lit, np.asarray(neck, dtype=np.float32))
    _lay(layer, *_clothes(x, y, person, light, rng))
    return layer


def _clothes(
    x: Map, y: Map, person: Person, light: Light, rng: np.random.Generator
) -> tuple[Map, Map]:
    shoulder = 1.2 + 0.16 * np.abs(x) + 0.22 * np.clip(np.abs(x) - 0.9, 0, 2) ** 2
    neckline = 1.27 + rng.uniform(-0.02, 0.28) - (0.55 + 0.4 * rng.random()) * np.abs(x) ** 1.5
    top = np.maximum(shoulder, np.where(np.abs(x) < 0.75, neckline, 0))
    cover = smoothstep(np.asarray(y - top, dtype=np.float32), 0, 0.03)
    folds = 1 + 0.10 * noise(rng, x.shape, sigma_px=12) + 0.04 * noise(rng, x.shape, sigma_px=1.0)
    edge = 1 - 0.35 * np.exp(-(((y - top) / 0.05) ** 2))
    shade = _lambert(x / 1.9, light) * (folds * edge)[..., None]
    return np.asarray(linear(person.clothes) * shade, dtype=np.float32), cover


def _lambert(across: Map, light: Light) -> Map:
    """Return the light on an upright cylinder, ``across`` being -1 to 1 from edge to edge."""
    normal_x = np.clip(across, -0.98, 0.98)
    facing = normal_x * light.direction[0] + np.sqrt(1 - normal_x**2) * light.direction[2]
    diffuse = np.clip((facing + 0.3) / 1.3, 0, None)[..., None]
    return as_map(np.array(light.ambient) + diffuse * np.array(light.key))


def _lay(layer: Map, colour: Map, cover: Map) -> None:
    layer *= (1 - cover)[..., None]
    layer += np.dstack([np.clip(colour, 0, 1) * cover[..., None], cover])


def body_to_picture(*, x_px: float, y_px: float, scale_px: float) -> NDArray[np.float64]:
    """Return the affine map ``(2, 3)`` from the body's canvas to the picture.

    Args:
        x_px: Column of the point between the eyes.
        y_px: Row of that point.
        scale_px: Pixels per face unit.
    """
    zoom = scale_px / BODY_PX_PER_UNIT
    centre = (BODY_PX - 1) / 2
    shift_y = y_px + (BODY_CENTRE_Y * BODY_PX_PER_UNIT - centre) * zoom
    return np.array([[zoom, 0.0, x_px - centre * zoom], [0.0, zoom, shift_y]])


@dataclass(frozen=True)
class Camera:
    """What a camera adds after the scene, and after any manipulation of it.

    Attributes:
        blur_px: Standard deviation of the lens' blur.
        read_noise: Noise of a black pixel, as displayed, in [0, 1].
        shot_noise: Noise that grows with the root of the signal.
        gain: Factors of red, green and blue.
        contrast: 1 leaves the tones as they are.
        vignette: How much darker the corners are, in [0, 1].
    """

    blur_px: float
    read_noise: float
    shot_noise: float
    gain: tuple[float, float, float]
    contrast: float
    vignette: float

    def shoot(self, frames: list[Map], rng: np.random.Generator) -> list[NDArray[np.uint8]]:
        """Turn clean pictures into what the camera would have stored.

        Args:
            frames: Pictures as displayed, each ``(height, width, 3)`` in [0, 1].
            rng: Source of the noise and of a small flicker of exposure.

        Returns:
            RGB, uint8, in the same order.
        """
        height, width = frames[0].shape[:2]
        # One field of noise, cut at a different place for every frame: a fifth of the time.
        pool = rng.standard_normal((height + 64, width + 64, 3), dtype=np.float32)
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        gain = np.asarray(
            (1 - 0.5 * self.vignette * (x**2 + y**2))[..., None] * np.array(self.gain),
            dtype=np.float32,
        )
        return [self._expose(frame, gain, pool, rng) for frame in frames]

    def _expose(
        self, frame: Map, gain: Map, pool: Map, rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        height, width = frame.shape[:2]
        flicker = np.float32(1 + rng.uniform(-0.012, 0.012))
        picture = cv2.GaussianBlur(frame, (0, 0), self.blur_px) * (gain * flicker)
        picture = (picture - np.float32(0.5)) * np.float32(self.contrast) + np.float32(0.5)
        np.clip(picture, 0, 1, out=picture)
        top, left = rng.integers(0, 65, size=2)
        grain = pool[top : top + height, left : left + width]
        strength = self.read_noise + self.shot_noise * np.sqrt(picture)
        picture += strength * grain
        return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), dtype=np.uint8)


def make_camera(
    rng: np.random.Generator, *, noise_level: float, blur_px: tuple[float, float]
) -> Camera:
    """Invent a camera of a kind.

    Args:
        rng: Source of the differences between cameras of one kind.
        noise_level: Typical noise of a grey pixel, as displayed.
        blur_px: Sharpest and softest lens.
    """
    level = noise_level * rng.uniform(0.7, 1.4)
    balance = 1 + rng.uniform(-0.04, 0.04, size=3)
    return Camera(
        blur_px=rng.uniform(*blur_px),
        read_noise=0.4 * level,
        shot_noise=0.9 * level,
        gain=_triple(balance * rng.uniform(0.94, 1.06)),
        contrast=rng.uniform(0.92, 1.12),
        vignette=rng.uniform(0.0, 0.3),
    )

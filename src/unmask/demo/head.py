"""Draw a head in a pose, with an expression, under a light."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.demo.features import JAW_DROP, paint_features
from unmask.demo.motion import Expression, Pose
from unmask.demo.people import Person
from unmask.demo.relief import (
    MOUTH_Y,
    PX_PER_UNIT,
    Map,
    as_map,
    make_head_maps,
    to_canvas,
)
from unmask.demo.scene import Light

Points = NDArray[np.float64]

POSE_ITERATIONS: Final = 5
POSE_STEP_PX: Final = 4
GLOSS_EXPONENT: Final = 16
# Light enters skin and leaves it nearby: red goes furthest, so shadows begin later in red.
SKIN_WRAP: Final = np.array([0.50, 0.34, 0.28])


@dataclass(frozen=True)
class Landmarks:
    """Where parts of a face lie in a picture, in pixels (column, row).

    Attributes:
        anchors: Both eyes, the nose's tip and both corners of the mouth, ``(5, 2)``.
        outline: The inner face from brows to chin, ``(points, 2)``, in order around it.
        mouth: A region around the mouth, ``(points, 2)``.
        eyes: A region around each eye with its brow, ``(2, points, 2)``.
    """

    anchors: Points
    outline: Points
    mouth: Points
    eyes: Points


@dataclass(frozen=True)
class HeadPicture:
    """A head drawn alone.

    Attributes:
        colour: Linear light multiplied by the coverage, ``(height, width, 3)``.
        cover: How much of a pixel the head covers, ``(height, width)``.
        landmarks: Where its parts lie.
    """

    colour: Map
    cover: Map
    landmarks: Landmarks


class Head:
    """A person's head under one light, ready to be drawn in many poses.

    Args:
        light: The light of the take.
    """

    def __init__(self, person: Person, light: Light) -> None:
        self._person = person
        self._light = light
        self._maps = make_head_maps(person)

    def draw(self, pose: Pose, expression: Expression, *, height: int, width: int) -> HeadPicture:
        """Draw one frame of ``height`` x ``width`` pixels."""
        still, moved = self._canvas_coordinates(pose, expression, height=height, width=width)
        base = _sample(self._maps.colour, moved)
        features = _sample(paint_features(self._person, expression), still)
        cover = np.ascontiguousarray(base[..., 3])
        bare = cv2.merge([1 - features[..., 3]] * 3)
        colour = cv2.add(
            cv2.multiply(np.ascontiguousarray(base[..., :3]), bare),
            cv2.multiply(np.ascontiguousarray(features[..., :3]), cv2.merge([cover] * 3)),
        )
        surface = _sample(self._maps.surface, moved)
        gloss = _sample(self._maps.gloss, moved)
        return HeadPicture(
            colour=self._lit(as_map(colour), cover, surface, gloss, pose),
            cover=cover,
            landmarks=self._landmarks(pose, expression, height=height, width=width),
        )

    def _lit(self, colour: Map, cover: Map, surface: Map, gloss: Map, pose: Pose) -> Map:
        rotation = _rotation(pose)
        direction = np.array(self._light.direction)
        half_way = direction + np.array([0.0, 0.0, 1.0])
        half_way /= np.linalg.norm(half_way)
        # Turning the light into the head's own axes costs nothing; turning every normal would.
        to_light, to_half_way = rotation.T @ direction, rotation.T @ half_way
        # OpenCV's matrix product over channels is several times as fast as NumPy's broadcasting.
        key = np.array(self._light.key) / (1 + SKIN_WRAP)
        diffuse_rows = np.column_stack([np.outer(key, to_light), np.zeros(3), key * SKIN_WRAP])
        ambient_rows = np.zeros((3, 4))
        ambient_rows[:, 3] = self._light.ambient
        light = np.maximum(cv2.transform(surface, diffuse_rows), 0)
        light = cv2.add(light, cv2.transform(surface, ambient_rows))
        highlight = np.maximum(cv2.transform(surface, np.append(to_half_way, 0.0)[None]), 0)
        highlight = cv2.multiply(cv2.pow(highlight, GLOSS_EXPONENT), cv2.multiply(cover, gloss))
        return as_map(cv2.add(cv2.multiply(colour, light), cv2.merge([highlight] * 3)))

    def _canvas_coordinates(
        self, pose: Pose, expression: Expression, *, height: int, width: int
    ) -> tuple[Map, Map]:
        """Return where each pixel lies on the canvas, before and after the face moved.

        A point ``p`` of the relief appears at ``cos * p + sin * height(p)``. That is inverted by
        iteration on every fourth pixel, because both maps are smooth.
        """
        scale, step = pose.scale * height, POSE_STEP_PX
        columns = (np.arange(0, width, step) + step / 2 - pose.x * width) / scale
        rows = (np.arange(0, height, step) + step / 2 - pose.y * height) / scale
        seen_x, seen_y = np.meshgrid(columns, rows)
        cos, sin = np.cos(pose.roll), np.sin(pose.roll)
        flat_x, flat_y = cos * seen_x + sin * seen_y, cos * seen_y - sin * seen_x
        at_x, at_y = flat_x, flat_y
        for _ in range(POSE_ITERATIONS):
            depth = _sample(self._maps.parallax, _to_canvas32(np.dstack([at_x, at_y])))
            at_x = (flat_x - depth * np.sin(pose.yaw)) / np.cos(pose.yaw)
            at_y = (flat_y - depth * np.sin(pose.pitch)) / np.cos(pose.pitch)
        still = _to_canvas32(np.dstack([at_x, at_y]))
        jaw, brows, cheek_x, cheek_y = cv2.split(_sample(self._maps.motion, still))
        shift_x = cheek_x * expression.smile
        shift_y = jaw * expression.mouth_open
        shift_y -= brows * expression.brow_raise + cheek_y * expression.smile
        moved = still - np.float32(PX_PER_UNIT) * np.dstack([shift_x, shift_y]).astype(np.float32)
        return _enlarged(still, height, width), _enlarged(moved, height, width)

    def _landmarks(
        self, pose: Pose, expression: Expression, *, height: int, width: int
    ) -> Landmarks:
        person = self._person
        jaw = JAW_DROP * expression.mouth_open
        corner_y = MOUTH_Y - 0.06 * (0.25 + expression.smile) + 0.08 * jaw
        eye, mouth = person.eye_distance, person.mouth_width
        anchors = np.array([
            [-eye, 0.0], [eye, 0.0], [0.0, person.nose_length],
            [-mouth, corner_y], [mouth, corner_y],
        ])  # fmt: skip
        eye_ring = _ring(1.45 * person.eye_width, 0.17)
        regions = (
            anchors,
            _inner_face(person, jaw),
            np.add(_ring(mouth + 0.11, 0.20 + 0.5 * jaw), (0.0, MOUTH_Y + 0.02 + 0.45 * jaw)),
            np.add(eye_ring, (-eye, -0.05)),
            np.add(eye_ring, (eye, -0.05)),
        )
        seen = [self._project(points, pose, height=height, width=width) for points in regions]
        return Landmarks(anchors=seen[0], outline=seen[1], mouth=seen[2], eyes=np.stack(seen[3:]))

    def _project(self, points: Points, pose: Pose, *, height: int, width: int) -> Points:
        depth = _sample(self._maps.parallax, _to_canvas32(points)[None])[0]
        x = np.cos(pose.yaw) * points[:, 0] + np.sin(pose.yaw) * depth
        y = np.cos(pose.pitch) * points[:, 1] + np.sin(pose.pitch) * depth
        cos, sin = np.cos(pose.roll), np.sin(pose.roll)
        scale = pose.scale * height
        columns = pose.x * width + scale * (cos * x - sin * y) - 0.5
        rows = pose.y * height + scale * (sin * x + cos * y) - 0.5
        return np.stack([columns, rows], axis=1)


def _ring(half_width: float, half_height: float) -> Points:
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.stack([half_width * np.cos(turn), half_height * np.sin(turn)], axis=1)


def _inner_face(person: Person, jaw: float) -> Points:
    """Return the outline that face swaps replace: over the brows, down the cheeks, to the chin."""
    wide = 0.80 * person.face_width
    narrow = 0.62 * person.face_width * (1 - person.jaw_taper)
    top = -person.brow_height - 0.12
    right = np.array([
        [0.0, top], [0.30, top - 0.02], [0.9 * wide, top + 0.12], [wide, 0.15],
        [0.92 * wide, 0.45], [narrow, 0.72 + 0.8 * jaw], [0.5 * narrow, 0.86 + jaw],
        [0.0, 0.90 + jaw],
    ])  # fmt: skip
    left = right[-2:0:-1] * (-1, 1)
    return np.concatenate([right, left])


def _rotation(pose: Pose) -> NDArray[np.float64]:
    """Return the rotation from the head's axes to the camera's."""
    yaw, pitch, roll = pose.yaw, pose.pitch, pose.roll
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    tilt = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return np.asarray(tilt @ nod @ turn)


def _to_canvas32(points: NDArray[np.floating]) -> Map:
    return to_canvas(points).astype(np.float32)


def _sample(layer: Map, at: Map) -> Map:
    """Read a layer at places ``(height, width, 2)`` given in its pixels."""
    sampled = cv2.remap(  # type: ignore[call-overload]  # one map of two channels needs no second
        layer, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return as_map(sampled)


def _enlarged(coarse: Map, height: int, width: int) -> Map:
    rows, columns = coarse.shape[:2]
    size = (columns * POSE_STEP_PX, rows * POSE_STEP_PX)
    full = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(full[:height, :width])

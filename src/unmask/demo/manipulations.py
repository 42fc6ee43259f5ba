"""Four ways to forge a face, each built on a published idea, and how strongly each shows.

All work on clean pictures: the camera's blur and noise and the encoder come afterwards, and treat
real and forged pictures alike.

* A swapped face, after the autoencoders of "DeepFakes": the inner face of somebody else in the
  target's pose and expression, made at a low resolution and blended with an imperfect colour match.
* A reenactment, after Face2Face (Thies et al., CVPR 2016): the person's own mouth and eyes driven
  by somebody else's expression, pasted with seams.
* A graphics-based swap, after FaceSwap (Kowalski, 2016): pixels of another video, laid on by an
  affine map with a hard edge and in the wrong light.
* A texture edit, after NeuralTextures (Thies et al., TOG 2019): the mouth synthesised again, with
  a generator's smoothing, over-sharpening and upsampling grid.

Deliberately simpler than the papers: nothing is learned, because the true face is known.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.demo.head import Points
from unmask.demo.relief import Map, as_map, blurred
from unmask.demo.take import Footage

METHODS: Final = ("SwappedFace", "Reenactment", "GraphicsSwap", "TextureEdit")


@dataclass(frozen=True)
class SwapQuality:
    """How good a face swap is.

    Attributes:
        face_px: Side of the square in which the face is made; smaller is blurrier.
        feather: Softness of the blend's edge, as a fraction of the face's width.
        colour_match: Share of the colour difference that is removed, in [0, 1].
        colour_error: Largest error that remains in each channel, as a factor.
        jitter: How far the face trembles between frames, as a fraction of the face's width.
    """

    face_px: tuple[int, int]
    feather: float
    colour_match: float
    colour_error: float
    jitter: float


COARSE_SWAP: Final = SwapQuality(
    face_px=(24, 34), feather=0.02, colour_match=0.8, colour_error=0.08, jitter=0.008
)
FINE_SWAP: Final = SwapQuality(
    face_px=(64, 88), feather=0.055, colour_match=0.95, colour_error=0.035, jitter=0.003
)


def swapped_face(
    target: Footage, double: Footage, rng: np.random.Generator, *, quality: SwapQuality
) -> list[Map]:
    """Replace the inner face by another person's, made at low resolution.

    Args:
        target: Whose video is forged.
        double: The same take played by the other person.
        rng: Source of the errors, which stay the same over a video except the tremble.
        quality: How good the swap is.

    Returns:
        Forged pictures, in the target's order.
    """
    side_px = int(rng.integers(*quality.face_px, endpoint=True))
    error = 1 + rng.uniform(-quality.colour_error, quality.colour_error, size=3)
    forged = []
    for frame, theirs, marks in zip(target.frames, double.frames, target.landmarks, strict=True):
        width = _width(marks.outline)
        mask = _mask(marks.outline, frame, feather_px=quality.feather * width)
        face = _at_resolution(theirs, marks.outline, side_px=side_px)
        face = _shifted(face, rng.normal(0, quality.jitter * width, size=2))
        face = _matched(face, frame, mask, share=quality.colour_match) * error.astype(np.float32)
        forged.append(_blended(frame, face, mask))
    return forged


def reenactment(target: Footage, driven: Footage, rng: np.random.Generator) -> list[Map]:
    """Replace mouth and eyes by the same person's, driven by another expression.

    Args:
        target: Whose video is forged.
        driven: The same take with the other's expressions.
        rng: Source of the errors.

    Returns:
        Forged pictures, in the target's order.
    """
    error = 1 + rng.choice([-1, 1]) * rng.uniform(0.07, 0.13) + rng.uniform(-0.025, 0.025, size=3)
    offset = rng.uniform(-0.02, 0.02, size=2)
    share = rng.uniform(0.26, 0.36)
    forged = []
    for frame, theirs, marks in zip(target.frames, driven.frames, target.landmarks, strict=True):
        width = _width(marks.outline)
        face = _at_resolution(theirs, marks.outline, side_px=max(8, int(share * width)))
        face = _shifted(face, offset * width) * error.astype(np.float32)
        mask = np.zeros(frame.shape[:2], dtype=np.float32)
        for region in (marks.mouth, *marks.eyes):
            mask = np.maximum(mask, _mask(region, frame, feather_px=0.009 * width))
        forged.append(_blended(frame, face, mask))
    return forged


def graphics_swap(target: Footage, source: Footage, rng: np.random.Generator) -> list[Map]:
    """Lay another video's face on by an affine map, with a hard edge.

    Args:
        target: Whose video is forged.
        source: Another video of the same length, whose pixels are used.
        rng: Source of the errors.

    Returns:
        Forged pictures, in the target's order.
    """
    share = rng.uniform(0.3, 0.65)
    forged = []
    for index, frame in enumerate(target.frames):
        marks, theirs = target.landmarks[index], source.landmarks[index]
        height, width = frame.shape[:2]
        affine = _affine(theirs.anchors, marks.anchors)
        face = cv2.warpAffine(
            source.frames[index], affine, (width, height),
            flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        mask = _mask(marks.outline, frame, feather_px=0.6)
        face = _matched(as_map(face), frame, mask, share=share)
        forged.append(_blended(frame, face, mask))
    return forged


def texture_edit(target: Footage, driven: Footage, rng: np.random.Generator) -> list[Map]:
    """Synthesise the mouth's region again, following another expression.

    Args:
        target: Whose video is forged.
        driven: The same take with the other's expressions.
        rng: Source of the errors.

    Returns:
        Forged pictures, in the target's order.
    """
    height, width = target.frames[0].shape[:2]
    rows, columns = np.indices((height, width))
    # Transposed convolutions leave a grid with the period of their stride.
    grid = np.where((rows // 3 + columns // 3) % 2 == 0, 1.0, -1.0).astype(np.float32)
    strength = rng.uniform(0.022, 0.038)
    share = rng.uniform(0.22, 0.3)
    forged = []
    for frame, theirs, marks in zip(target.frames, driven.frames, target.landmarks, strict=True):
        face_width = _width(marks.outline)
        region = marks.mouth.mean(axis=0) + 1.25 * (marks.mouth - marks.mouth.mean(axis=0))
        face = _at_resolution(theirs, marks.outline, side_px=max(8, int(share * face_width)))
        face = face + 0.7 * (face - blurred(face, 0.03 * face_width))
        face = face + strength * grid[..., None]
        mask = _mask(region, frame, feather_px=0.03 * face_width)
        forged.append(_blended(frame, face, mask))
    return forged


def _width(outline: Points) -> float:
    return float(np.ptp(outline[:, 0]))


def _mask(outline: Points, frame: Map, *, feather_px: float) -> Map:
    """Return 1 inside an outline, 0 outside, with a soft edge inside of it."""
    fraction_bits = 4
    mask = np.zeros(frame.shape[:2], dtype=np.uint8)
    points = np.rint(outline * 2**fraction_bits).astype(np.int32)
    cv2.fillPoly(mask, [points], 255, lineType=cv2.LINE_AA, shift=fraction_bits)
    return blurred(as_map(mask / 255), max(feather_px, 0.3))


def _at_resolution(picture: Map, outline: Points, *, side_px: int) -> Map:
    """Return the picture as if its face had been made in a square of ``side_px`` pixels."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    share = min(1.0, side_px / float(max(high - low)))
    height, width = picture.shape[:2]
    small = (max(1, round(share * width)), max(1, round(share * height)))
    reduced = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_CUBIC))


def _shifted(picture: Map, offset: NDArray[np.float64]) -> Map:
    height, width = picture.shape[:2]
    move = np.array([[1.0, 0.0, offset[0]], [0.0, 1.0, offset[1]]])
    moved = cv2.warpAffine(picture, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.float32)


def _matched(face: Map, frame: Map, mask: Map, *, share: float) -> Map:
    """Scale the face's colours towards those that the frame has in the same place."""
    mean_face = np.array(cv2.mean(face, (mask > 0.5).astype(np.uint8))[:3])
    mean_frame = np.array(cv2.mean(frame, (mask > 0.5).astype(np.uint8))[:3])
    gain = (1 - share) + share * mean_frame / np.maximum(mean_face, 0.02)
    return np.asarray(face * gain.astype(np.float32), dtype=np.float32)


def _affine(source: Points, target: Points) -> NDArray[np.float64]:
    """Return the affine map ``(2, 3)`` with the least squared error between two sets of points."""
    ones = np.ones((len(source), 1))
    solution, *_ = np.linalg.lstsq(np.hstack([source, ones]), target, rcond=None)
    return np.asarray(solution.T)


def _blended(frame: Map, face: Map, mask: Map) -> Map:
    forged = cv2.blendLinear(face, frame, mask, 1 - mask)
    return np.asarray(np.clip(forged, 0, 1, out=forged))

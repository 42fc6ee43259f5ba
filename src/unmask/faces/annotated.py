"""Cut a face out by the box that its data set gives, without looking for it."""

from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Final

import numpy as np

from unmask.core.errors import VideoError
from unmask.faces.crop import Cropper
from unmask.faces.extract import FaceCrop
from unmask.faces.face import Face
from unmask.video.reader import FrameReader

# Why a box cannot be cut.
BOX_REASONS: Final = ("bad_box", "outside_image", "size_differs")


@dataclass(frozen=True)
class AnnotatedBox:
    """A face's place as the data set annotates it.

    Args:
        corners: xyxy in pixels of the upright image, as annotated: anything, also NaN.
        image_size: Width and height of the image that was annotated, in pixels; None where the
            data set does not say.
    """

    corners: tuple[float, float, float, float]
    image_size: tuple[int, int] | None = None


def cut_annotated(
    path: Path, box: AnnotatedBox, *, reader: FrameReader, cropper: Cropper
) -> FaceCrop:
    """Cut one annotated face out of an image.

    Neither a detector nor a verifier is asked: what they miss, such as a profile, is a face all the
    same, and leaving it out would change the published test set. So landmarks and both
    probabilities are NaN. A box that reaches beyond the image is cut at its border.

    Args:
        cropper: Cuts; it must not need landmarks.

    Returns:
        The crop, as track 0 of frame 0.

    Raises:
        VideoError: If the image cannot be read, or with the reason ``bad_box`` if the box spans
            nothing, ``outside_image`` if it lies beyond the image, ``size_differs`` if another
            size of the image was annotated, so that the box means another place.
    """
    x1, y1, x2, y2 = box.corners
    if not (all(map(isfinite, box.corners)) and x1 < x2 and y1 < y2):
        raise VideoError(
            f"The annotated box {_shown(box)} in {path} spans nothing.", reason="bad_box"
        )
    (frame,) = reader.read(path, reader.timeline(path), [0])
    height, width = frame.image.shape[:2]
    if box.image_size not in (None, (width, height)):
        annotated = "x".join(map(str, box.image_size or ()))
        raise VideoError(
            f"{path} has {width}x{height} px, but its faces were annotated at {annotated} px. "
            "Put the original image back.",
            reason="size_differs",
        )
    # At least a pixel of it on each axis.
    if min(x2, width) - max(x1, 0) < 1 or min(y2, height) - max(y1, 0) < 1:
        raise VideoError(
            f"The annotated box {_shown(box)} lies outside {path}, which has {width}x{height} px.",
            reason="outside_image",
        )
    face = Face(np.array(box.corners, np.float64), np.full((5, 2), nan), nan)
    image, square = cropper(frame.image, face)
    return FaceCrop(0, 0, frame.pts_seconds, face, nan, square, image, (width, height))


def _shown(box: AnnotatedBox) -> str:
    return "({})".format(", ".join(f"{value:g}" for value in box.corners))

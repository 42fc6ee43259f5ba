"""Cut a video of masks like the faces of the video that it belongs to."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import VideoError
from unmask.faces.crop import Cropper
from unmask.faces.extract import FaceCrop
from unmask.video.reader import FrameReader


def cut_masks(
    path: Path, crops: Sequence[FaceCrop], *, reader: FrameReader, cropper: Cropper
) -> list[NDArray[np.uint8]]:
    """Cut out of a mask what each crop shows.

    Args:
        path: A video or image of the same size as that of the crops, frame by frame its mask, as
            FaceForensics++ provides it.
        crops: What was cut out of the video.

    Returns:
        One mask per crop, grey, ``(crop_size, crop_size)``, uint8.

    Raises:
        VideoError: If the mask cannot be read, or with the reason ``mask_differs`` if it has
            other sides or fewer frames than the video.
    """
    timeline = reader.timeline(path)
    indices = sorted({crop.frame_index for crop in crops})
    if indices[-1] >= len(timeline.pts):
        raise VideoError(
            f"The mask {path} has {len(timeline.pts)} frames, but its video has a face in frame "
            f"{indices[-1]}. Leave this mask out, or replace it.",
            reason="mask_differs",
        )
    masks: dict[tuple[int, int], NDArray[np.uint8]] = {}
    for frame in reader.read(path, timeline, indices):
        height, width = frame.image.shape[:2]
        for crop in (crop for crop in crops if crop.frame_index == frame.index):
            if crop.frame_size != (width, height):
                raise VideoError(
                    f"The mask {path} has frames of {width}x{height} px, but those of its video "
                    f"have {crop.frame_size[0]}x{crop.frame_size[1]}. Leave it out, or replace it.",
                    reason="mask_differs",
                )
            image, _ = cropper(frame.image, crop.face)
            grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
            masks[crop.track_id, crop.frame_index] = grey
    return [masks[crop.track_id, crop.frame_index] for crop in crops]

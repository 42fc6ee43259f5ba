"""A contact sheet of what an augmentation does to a clip."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from unmask.core.errors import DataError
from unmask.core.labels import CLASS_NAMES
from unmask.core.reproducibility import derive_seed
from unmask.data.dataset import Augmentation, ClipLayout, FaceClips
from unmask.data.store import FaceStore
from unmask.data.transforms import augment_with_seed
from unmask.demo.clip import face_clip

PictureFormat = Literal["jpeg", "png"]
SUFFIX: Final[dict[PictureFormat, str]] = {"jpeg": ".jpg", "png": ".png"}

THUMBNAIL_PX: Final = 112
GAP_PX: Final = 4
LABEL_PX: Final = 64
TITLE_PX: Final = 22
INK, PAPER, ABSENT = (30, 30, 30), (255, 255, 255), (235, 235, 235)


@dataclass(frozen=True)
class ShownClip:
    """A clip to show.

    Attributes:
        frames: RGB, ``(frames, 3, height, width)``, uint8.
        name: What it is, for a person.
    """

    frames: Tensor
    name: str


def synthetic_clip(seed: int, *, num_frames: int, image_size: int) -> ShownClip:
    """Film an invented person; needs no data.

    Args:
        seed: Names the person.
        image_size: Side of its frames in pixels.
    """
    images = face_clip(seed, num_frames=num_frames, size=image_size)
    frames = rearrange(torch.from_numpy(images), "f h w c -> f c h w").contiguous()
    return ShownClip(frames, "a synthetic person")


def stored_clip(store: FaceStore, number: int, *, num_frames: int, image_size: int) -> ShownClip:
    """Take a training clip of a prepared data set.

    Args:
        store: The prepared data set.
        number: Which of its training clips, from 0.
        num_frames: Most frames of the clip, spread over its track.
        image_size: Side of its frames in pixels.

    Raises:
        DataError: If there is no clip of that number, or a crop cannot be read.
    """
    layout = ClipLayout(num_frames=num_frames)
    clips = FaceClips(store, "train", layout=layout, image_size=image_size)
    if number >= len(clips):
        raise DataError(
            f"clip={number} does not exist: '{store.dataset}' has {len(clips)} training clips, "
            f"numbered 0 to {len(clips) - 1}."
        )
    clip = clips[number]
    video_id = clips.clips["video_id"].iloc[number]
    return ShownClip(clip.frames, f"{video_id} ({CLASS_NAMES[clip.label]})")


def augmentation_sheet(
    clip: ShownClip, augmentation: Augmentation, *, title: str, num_draws: int, seed: int
) -> NDArray[np.uint8]:
    """Draw a clip as it is, and below it as an augmentation changes it, a row for each draw.

    Args:
        augmentation: As training applies it.
        title: Stands above, before the clip's name.
        num_draws: Rows of changed clips.
        seed: Decides the draws; equal seeds give equal sheets.

    Returns:
        RGB, ``(height, width, 3)``, uint8. A place stays grey where a frame was dropped.
    """
    rows = [("before", clip.frames)]
    for draw in range(num_draws):
        changed = augment_with_seed(augmentation, clip.frames, derive_seed(seed, "draw", draw))
        rows.append((f"draw {draw + 1}", changed))
    step = THUMBNAIL_PX + GAP_PX
    width = LABEL_PX + len(clip.frames) * step
    sheet = PIL.Image.new("RGB", (width, TITLE_PX + len(rows) * step), PAPER)
    pen = PIL.ImageDraw.Draw(sheet)
    font = PIL.ImageFont.load_default(size=13)
    pen.text((GAP_PX, 3), f"{title}: {clip.name}", fill=INK, font=font)
    for row, (label, frames) in enumerate(rows):
        top = TITLE_PX + row * step
        pen.text((GAP_PX, top + step // 2 - 8), label, fill=INK, font=font)
        for column in range(len(clip.frames)):
            place = (LABEL_PX + column * step, top)
            sheet.paste(_thumbnail(frames[column] if column < len(frames) else None), place)
    return np.asarray(sheet, dtype=np.uint8)


def save_picture(picture: NDArray[np.uint8], folder: Path, name: str, form: PictureFormat) -> Path:
    """Write a picture and return its path.

    Args:
        picture: RGB, ``(height, width, 3)``, uint8.
        folder: Made where it is missing.
        name: Name of the file, without its ending.
        form: PNG keeps every pixel; JPEG is a fifth as large.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{SUFFIX[form]}"
    PIL.Image.fromarray(picture).save(path, form, quality=85, optimize=True)
    return path


def _thumbnail(frame: Tensor | None) -> PIL.Image.Image:
    size = (THUMBNAIL_PX, THUMBNAIL_PX)
    if frame is None:
        return PIL.Image.new("RGB", size, ABSENT)
    image = PIL.Image.fromarray(rearrange(frame, "c h w -> h w c").numpy())
    return image.resize(size, PIL.Image.Resampling.BOX if image.width > THUMBNAIL_PX else None)

"""Clips and batches of clips."""

from typing import NamedTuple

import torch
from torch import Tensor

# The row of a clip that only keeps a process busy while others have their last batch.
NOT_COUNTED = -1


class Clip(NamedTuple):
    """Some frames of one face track.

    Attributes:
        frames: RGB, ``(frames, 3, height, width)``, uint8.
        label: 0 real, 1 fake.
        row: Where the clip stands in the data set's table of clips, or :data:`NOT_COUNTED`.
    """

    frames: Tensor
    label: int
    row: int


class ClipBatch(NamedTuple):
    """Clips padded to one length.

    Attributes:
        frames: RGB, ``(batch, frames, 3, height, width)``, uint8; padding is black and comes last.
        is_frame: False where a frame is padding, ``(batch, frames)``.
        labels: 0 real, 1 fake, ``(batch,)``, int64.
        rows: Where each clip stands in the data set's table of clips, ``(batch,)``, int64.
    """

    frames: Tensor
    is_frame: Tensor
    labels: Tensor
    rows: Tensor


def collate_clips(clips: list[Clip]) -> ClipBatch:
    """Pad clips to the longest of them.

    Args:
        clips: At least one clip; all of one height and width.

    Returns:
        The batch, in the clips' order.

    Example:
        >>> short, long = torch.ones(1, 3, 2, 2), torch.ones(2, 3, 2, 2)
        >>> collate_clips([Clip(short, 0, 0), Clip(long, 1, 1)]).is_frame
        tensor([[ True, False],
                [ True,  True]])
    """
    longest = max(len(clip.frames) for clip in clips)
    frames = clips[0].frames.new_zeros((len(clips), longest, *clips[0].frames.shape[1:]))
    is_frame = torch.zeros(len(clips), longest, dtype=torch.bool)
    for row, clip in enumerate(clips):
        frames[row, : len(clip.frames)] = clip.frames
        is_frame[row, : len(clip.frames)] = True
    return ClipBatch(
        frames=frames,
        is_frame=is_frame,
        labels=torch.tensor([clip.label for clip in clips]),
        rows=torch.tensor([clip.row for clip in clips]),
    )

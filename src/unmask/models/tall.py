"""TALL: the frames of a clip side by side in one picture, for a network that takes pictures."""

from functools import partial
from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.models.detector import Backbone, Detector
from unmask.models.heads.pooling import MeanHead
from unmask.models.tuning import Tuning


class TallDetector(nn.Module):
    """Tile a clip's frames into one picture, a "thumbnail", and classify that.

    Xu et al., "TALL: Thumbnail Layout for Deepfake Video Detection", ICCV 2023. Four frames of
    112 px make one picture of 224 px for a Swin, in reading order. Differences from the paper: the
    block that it masks in every frame is an augmentation, not a part of this network; and Swin
    keeps the windows that its weights were trained with, where the paper enlarges them.

    A clip with fewer frames than tiles repeats its last frame, so that every tile shows a face and
    a still image becomes a thumbnail of equal tiles.

    Args:
        backbone: Maps one thumbnail to ``num_features`` numbers.
        rows: Tiles in a row and in a column; a clip holds at most ``rows`` squared frames.
        dropout: Probability of dropping a feature in training.
        tuning: As of :class:`~unmask.models.detector.Detector`.
        grayscale: As of :class:`~unmask.models.detector.Detector`.

    Attributes:
        image_size: Side of one frame in pixels.
        max_frames: Tiles of a thumbnail.

    Raises:
        ValueError: If the thumbnail cannot be cut into ``rows`` rows of whole pixels.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        rows: int = 2,
        dropout: float = 0.0,
        tuning: Tuning | None = None,
        grayscale: bool = False,
    ) -> None:
        super().__init__()
        if rows < 1 or backbone.image_size % rows:
            raise ValueError(
                f"A thumbnail of model.backbone.image_size={backbone.image_size} px cannot be cut "
                f"into model.rows={rows} rows of whole pixels."
            )
        self.rows = rows
        self.max_frames = rows**2
        self.image_size = backbone.image_size // rows
        # A thumbnail is a clip of one frame, so that normalisation and checks are the detector's.
        head = partial(MeanHead, dropout=dropout)
        self.thumbnails = Detector(backbone, head, tuning=tuning, grayscale=grayscale)

    @property
    def of_pictures(self) -> Detector:
        """The detector of thumbnails."""
        return self.thumbnails

    def num_pictures(self, num_frames: int) -> int:  # noqa: ARG002 - of the Protocol
        """Return into how many pictures a clip goes: one."""
        return 1

    def to_frames(self, maps: Tensor, num_frames: int) -> Tensor:
        """Cut maps of a thumbnail into those of its tiles, and add up repeated ones.

        Args:
            maps: ``(1, height, width)``.
            num_frames: Real frames of the clip.

        Returns:
            ``(num_frames, height / rows, width / rows)``.
        """
        tiles = rearrange(
            maps,
            "1 (rows h) (columns w) -> (rows columns) h w",
            rows=self.rows,
            columns=self.rows,
        )
        shown = torch.arange(len(tiles), device=maps.device).clamp(max=num_frames - 1)
        return maps.new_zeros(num_frames, *tiles.shape[1:]).index_add(0, shown, tiles)

    @property
    def backbone(self) -> Backbone:
        """What describes a thumbnail."""
        return self.thumbnails.backbone

    def forward(self, frames: Tensor, is_frame: Tensor) -> Tensor:
        """Score each clip.

        Args:
            frames: RGB, ``(batch, frames, 3, height, width)``, uint8.
            is_frame: False where a frame is padding, ``(batch, frames)``; padding comes last.

        Returns:
            Logits, ``(batch, 2)``; index 1 is fake.

        Raises:
            ConfigError: If a clip has more frames than a thumbnail has tiles.
            ValueError: If the frames are not square images of ``image_size``.
        """
        size = self.image_size
        if frames.ndim != 5 or tuple(frames.shape[2:]) != (3, size, size):
            raise ValueError(
                f"frames must be (batch, frames, 3, {size}, {size}), got {tuple(frames.shape)}."
            )
        thumbnails = self._tile(frames, is_frame)
        is_thumbnail = is_frame.new_ones(len(frames), 1)
        return cast(Tensor, self.thumbnails(thumbnails, is_thumbnail))

    def require_room(self, num_frames: int) -> None:
        """Refuse clips that have more frames than a thumbnail has tiles.

        Raises:
            ConfigError: If they have.
        """
        if num_frames > self.max_frames:
            raise ConfigError(
                f"A clip of {num_frames} frames does not fit a thumbnail of {self.rows} x "
                f"{self.rows} tiles. Set clips.num_frames={self.max_frames}, or raise model.rows."
            )

    def _tile(self, frames: Tensor, is_frame: Tensor) -> Tensor:
        """Return each clip's thumbnail, ``(batch, 1, 3, rows * height, rows * width)``."""
        num_frames = is_frame.sum(dim=1, keepdim=True)
        if frames.shape[1] > self.max_frames:  # asked first: counting frames waits for the device
            self.require_room(int(num_frames.max()))
        tiles = torch.arange(self.max_frames, device=frames.device)
        shown = torch.minimum(tiles, num_frames - 1)
        clips = torch.arange(len(frames), device=frames.device)[:, None]
        return rearrange(
            frames[clips, shown],
            "batch (rows columns) c h w -> batch 1 c (rows h) (columns w)",
            rows=self.rows,
        )

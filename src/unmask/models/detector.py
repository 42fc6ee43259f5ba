"""The network that training, evaluation and prediction share."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, Self, cast, runtime_checkable

import torch
from einops import rearrange
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.models.checkpointing import BATCH_NORMS
from unmask.models.heads.position import PositionEncoding
from unmask.models.luma import to_luma
from unmask.models.tuning import Tuning, untrained_modules


class Backbone(Protocol):
    """What a detector asks of a backbone: one image in, ``num_features`` numbers out."""

    num_features: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """Map normalised ``(images, channels, side, side)`` to ``(images, num_features)``.

        The number of channels, 3 or 1, is that of the entries of ``mean`` and ``std``; ``side`` is
        ``image_size``.
        """
        ...


@runtime_checkable
class ClipDetector(Protocol):
    """What a run trains and a checkpoint holds: a module that scores clips.

    A network that sees whole clips needs no more than this. Parts of the program that want more ask
    for :class:`FrameDetector` or :class:`PictureDetector` and do without where a network is none.
    """

    image_size: int

    @property
    def max_frames(self) -> int | None:
        """Most frames of a clip; None for any number."""
        ...

    def forward(self, frames: Tensor, is_frame: Tensor) -> Tensor:
        """Score clips as :meth:`Detector.forward` does."""
        ...

    # What torch.nn.Module brings along.

    def __call__(self, frames: Tensor, is_frame: Tensor) -> Tensor: ...  # noqa: D102
    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]: ...  # noqa: D102
    def buffers(self, recurse: bool = True) -> Iterator[Tensor]: ...  # noqa: D102
    def named_buffers(self) -> Iterator[tuple[str, Tensor]]: ...  # noqa: D102
    def modules(self) -> Iterator[nn.Module]: ...  # noqa: D102
    def state_dict(self) -> dict[str, Any]: ...  # noqa: D102
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...  # noqa: ANN401, D102
    def train(self, mode: bool = True) -> Self: ...  # noqa: D102
    def eval(self) -> Self: ...  # noqa: D102
    def to(self, device: Any) -> Self: ...  # noqa: ANN401, D102


@runtime_checkable
class FrameDetector(ClipDetector, Protocol):
    """A detector that describes each frame by itself before it scores the clip."""

    def encode(self, frames: Tensor, is_frame: Tensor) -> Tensor:
        """Return the features of each frame as :meth:`Detector.encode` does."""
        ...

    def classify(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Score clips by the features of their frames, ``(batch, frames, num_features)``."""
        ...


@runtime_checkable
class PictureDetector(ClipDetector, Protocol):
    """A detector whose backbone sees pictures: single frames, or several of them tiled."""

    @property
    def of_pictures(self) -> "Detector":
        """The part that sees a picture."""
        ...

    def num_pictures(self, num_frames: int) -> int:
        """Return into how many pictures a clip goes."""
        ...

    def to_frames(self, maps: Tensor, num_frames: int) -> Tensor:
        """Turn maps of pictures into maps of the clip's frames.

        Args:
            maps: ``(pictures, height, width)``.
            num_frames: Real frames of the clip.

        Returns:
            ``(num_frames, height, width)``; what a frame contributes in several places is added up.
        """
        ...


class Detector(nn.Module):
    """Apply a backbone to every frame of a clip and a temporal head to the sequence.

    The detector owns its normalisation, so that what prepares the frames cannot disagree with it.

    Args:
        backbone: Maps one image to ``num_features`` numbers and says how images must be normalised.
        head: Builds the temporal head once ``num_features`` is known; in a config, the head's
            ``_partial_: true``.
        tuning: Decides which parameters are trained, see :mod:`unmask.models.tuning`; None trains
            all. Parts without a trained parameter stay in evaluation mode.
        grayscale: Reduce frames to Rec. 601 luma: one channel for a backbone that takes one,
            else three equal ones.
        frames_at_once: Most frames that pass the backbone together; None lets all of them. Bounds
            the memory of scoring; refused where batch normalisation would learn from the pieces.

    Raises:
        ConfigError: If a backbone for one channel gets colour, or the policy does not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: Backbone,
        head: Callable[[int], nn.Module],
        *,
        tuning: Tuning | None = None,
        grayscale: bool = False,
        frames_at_once: int | None = None,
    ) -> None:
        super().__init__()
        if len(backbone.mean) == 1 and not grayscale:
            raise ConfigError(
                "model.backbone.in_chans=1 takes grey frames, but frames have three channels; set "
                "model.grayscale=true."
            )
        if frames_at_once is not None and frames_at_once < 1:
            raise ConfigError(f"model.frames_at_once={frames_at_once} must be at least 1, or null.")
        self.backbone = backbone
        self.head = head(backbone.num_features)
        self.image_size = backbone.image_size
        self.grayscale = grayscale
        self.frames_at_once = frames_at_once
        shape = (1, len(backbone.mean), 1, 1)
        # In units of uint8: one subtraction and one division bring a frame to the network's range.
        self.register_buffer("mean", 255 * torch.tensor(backbone.mean).reshape(shape))
        self.register_buffer("std", 255 * torch.tensor(backbone.std).reshape(shape))
        self.frozen_modules: tuple[str, ...] = ()
        if tuning is not None:
            tuning(self)
            self.frozen_modules = tuple(untrained_modules(self))
            self.train(self.training)

    def forward(self, frames: Tensor, is_frame: Tensor) -> Tensor:
        """Score each clip.

        Args:
            frames: RGB, ``(batch, frames, 3, height, width)``, uint8.
            is_frame: False where a frame is padding, ``(batch, frames)``; padding comes last.

        Returns:
            Logits, ``(batch, 2)``; index 1 is fake.

        Raises:
            ValueError: If the frames are not square images of the backbone's ``image_size``.
            ConfigError: If ``frames_at_once`` would change what batch normalisation computes.
        """
        return self.classify(self.encode(frames, is_frame), is_frame)

    def classify(self, features: Tensor, is_frame: Tensor) -> Tensor:
        """Score clips by the features of their frames.

        Args:
            features: As :meth:`encode` returns them.
            is_frame: As in :meth:`forward`.

        Returns:
            Logits, ``(batch, 2)``.
        """
        return cast(Tensor, self.head(features, is_frame))

    def encode(self, frames: Tensor, is_frame: Tensor) -> Tensor:
        """Return the features of each frame.

        Args:
            frames: As in :meth:`forward`.
            is_frame: As in :meth:`forward`.

        Returns:
            Features, ``(batch, frames, num_features)``; zeros at padding.

        Raises:
            ValueError: As :meth:`forward`.
            ConfigError: As :meth:`forward`.
        """
        self._check(frames, is_frame)
        images = rearrange(frames, "batch frames c h w -> (batch frames) c h w")
        is_image = rearrange(is_frame, "batch frames -> (batch frames)")
        # Padding never enters the backbone: in training it would change batch-norm's statistics.
        encoded = self._through_backbone(images[is_image])
        features = encoded.new_zeros(len(images), encoded.shape[1])
        features[is_image] = encoded
        return rearrange(features, "(batch frames) d -> batch frames d", batch=len(frames))

    @property
    def max_frames(self) -> int | None:
        """Most frames of a clip: as many as the head has positions for; None for any number."""
        positions = (one for one in self.modules() if isinstance(one, PositionEncoding))
        return min((one.max_frames for one in positions if one.kind != "none"), default=None)

    @property
    def of_pictures(self) -> "Detector":
        """Itself: a frame is a picture."""
        return self

    def num_pictures(self, num_frames: int) -> int:
        """Return into how many pictures a clip goes: one for each frame."""
        return num_frames

    def to_frames(self, maps: Tensor, num_frames: int) -> Tensor:  # noqa: ARG002 - of the Protocol
        """Return maps of pictures, which are those of the frames."""
        return maps

    def normalised(self, images: Tensor) -> Tensor:
        """Turn images into what the backbone takes.

        Args:
            images: RGB, ``(images, 3, image_size, image_size)``, uint8.

        Returns:
            ``(images, channels, image_size, image_size)``, floating point.
        """
        images = images.to(self.mean.dtype)
        if self.grayscale:
            images = to_luma(images)  # one channel, which three means and stds make three
        return (images - self.mean) / self.std

    def train(self, mode: bool = True) -> Self:
        """Enter training mode, except for what is frozen; or leave it."""
        super().train(mode)
        for name in self.frozen_modules:
            self.get_submodule(name).eval()
        return self

    def _through_backbone(self, images: Tensor) -> Tensor:
        """Encode uint8 images ``(images, 3, height, width)``, in pieces if so asked."""
        if self.frames_at_once is None:
            return self.backbone(self.normalised(images))
        self._refuse_pieces_that_are_seen()
        pieces = torch.split(images, self.frames_at_once)
        return torch.cat([self.backbone(self.normalised(piece)) for piece in pieces])

    def _refuse_pieces_that_are_seen(self) -> None:
        for module in self.get_submodule("backbone").modules():
            if isinstance(module, BATCH_NORMS) and (module.training or module.running_mean is None):
                raise ConfigError(
                    f"model.frames_at_once={self.frames_at_once} would change training: batch "
                    "normalisation would see pieces of a batch. Leave it null and save memory with "
                    "model.backbone.grad_checkpointing=true, or freeze the backbone with "
                    "model/tuning=frozen."
                )

    def _check(self, frames: Tensor, is_frame: Tensor) -> None:
        size = self.image_size
        if frames.ndim != 5 or tuple(frames.shape[2:]) != (3, size, size):
            raise ValueError(
                f"frames must be (batch, frames, 3, {size}, {size}), got {tuple(frames.shape)}."
            )
        if frames.dtype != torch.uint8:
            raise ValueError(f"frames must be uint8, got {frames.dtype}.")
        if is_frame.shape != frames.shape[:2]:
            raise ValueError(
                f"is_frame must be {tuple(frames.shape[:2])} like frames, "
                f"got {tuple(is_frame.shape)}."
            )


def check_clip_length(detector: ClipDetector, num_frames: int) -> None:
    """Refuse clips that are too long for a part of a network, before any of them is made.

    Args:
        num_frames: Most frames in a clip.

    Raises:
        ConfigError: If they are; the part's own sentence names both ways out.
    """
    for module in detector.modules():
        require_room = getattr(module, "require_room", None)
        if require_room is not None:
            require_room(num_frames)
    if detector.max_frames is not None and num_frames > detector.max_frames:
        raise ConfigError(
            f"A {type(detector).__name__} takes clips of at most {detector.max_frames} frames, got "
            f"{num_frames}. Set clips.num_frames={detector.max_frames}."
        )


def fake_scores(logits: Tensor) -> Tensor:
    """Turn logits into the probability of fake.

    Args:
        logits: ``(batch, 2)``.

    Returns:
        Scores in [0, 1], ``(batch,)``, float32 for logits of any precision.

    Example:
        >>> fake_scores(torch.zeros(1, 2))
        tensor([0.5000])
    """
    return logits.float().softmax(dim=1)[:, 1]


def count_parameters(module: nn.Module | ClipDetector, *, trainable_only: bool = False) -> int:
    """Count a module's parameters.

    Example:
        >>> count_parameters(nn.Linear(3, 2))
        8
    """
    return sum(
        parameter.numel()
        for parameter in module.parameters()
        if parameter.requires_grad or not trainable_only
    )

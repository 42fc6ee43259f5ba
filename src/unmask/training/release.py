"""What a checkpoint carries beside its weights: how its clips were cut, and its model card.

``model.ckpt`` is what a run hands on: the weights that validation chose, without the state of the
optimiser, with the card. Like every checkpoint it opens under ``weights_only=True``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.config.build import build_foreign
from unmask.core.errors import CheckpointError, ConfigError
from unmask.core.files import atomic_path, sha256_of_file, sha256_of_json
from unmask.data.dataset import ClipLayout
from unmask.faces.extract import EXTRACTION_VERSION, FaceExtractor
from unmask.training.checkpoint import deciding_recipe, read_checkpoint


@dataclass(frozen=True, eq=False)
class ClipRecipe:
    """How the clips that a network was trained on came from files.

    Attributes:
        extractor: Samples, reads, detects, verifies, links and cuts; every face track.
        image_format: ``"jpeg"`` or ``"png"``: what crops pass through before a network sees them.
        layout: How tracks are cut into clips.
        crops: The plain values behind extractor and format.
        clips: The plain values behind the layout.
    """

    extractor: FaceExtractor
    image_format: str
    layout: ClipLayout
    crops: dict[str, Any]
    clips: dict[str, Any]

    @property
    def max_tracks(self) -> int | None:
        """Face tracks of a video that evaluation looks at, the largest first; None for all."""
        kept = [most for most in (self.crops.get("max_tracks"), self.layout.max_tracks) if most]
        return min(kept, default=None)

    @property
    def is_current(self) -> bool:
        """Whether this version of the program cuts the same pixels."""
        return bool(self.crops.get("version") == EXTRACTION_VERSION)


def clip_recipe(checkpoint: dict[str, Any], path: Path) -> ClipRecipe:
    """Rebuild how a checkpoint's clips were cut.

    Args:
        checkpoint: What :func:`~unmask.training.checkpoint.read_checkpoint` returned.
        path: Where it lies, for messages.

    Raises:
        CheckpointError: If it does not say, as checkpoints of early versions, or names anything
            but the parts that prepare crops.
    """
    recipe = deciding_recipe(checkpoint["unmask"].get("recipe") or {})
    crops, clips = recipe.get("crops"), recipe.get("clips")
    if not isinstance(crops, dict) or not isinstance(clips, dict):
        raise CheckpointError(
            f"{path} does not say how its face crops and clips were cut, so a file cannot be cut "
            "alike; train the model again with this version."
        )
    parts = ("reader", "sampling", "detector", "verifier", "tracker", "cropper")
    try:
        layout: ClipLayout = build_foreign(clips, "clips")
        built = {part: build_foreign(crops.get(part), f"prepare.{part}") for part in parts}
    except ConfigError as error:
        raise CheckpointError(f"The crops that {path} describes cannot be cut: {error}") from error
    extractor = FaceExtractor(**built)
    return ClipRecipe(extractor, str(crops.get("image_format", "jpeg")), layout, crops, clips)


def weights_hash(path: Path) -> str:
    """Name the weights in a checkpoint by the file that training wrote them to.

    Args:
        path: A run's checkpoint, or the model released from it.

    Returns:
        SHA-256 of the run's checkpoint: of this file, or of the one that this model was made from.

    Raises:
        CheckpointError: If the file cannot be read.
    """
    card = read_checkpoint(path)["unmask"].get("card")
    origin = card.get("checkpoint_sha256") if isinstance(card, dict) else None
    return origin if isinstance(origin, str) else sha256_of_file(path)


def card_hash(card: dict[str, Any]) -> str:
    """Return the SHA-256 of a card's content."""
    return sha256_of_json(card)


def write_release(source: Path, target: Path, card: dict[str, Any]) -> None:
    """Write the weights of a checkpoint with its card, whole or not at all.

    Args:
        source: A run's checkpoint; it stays as it is.
        target: Usually ``model.ckpt`` in the run's folder.
        card: Plain values.

    Raises:
        CheckpointError: If ``source`` cannot be read.
    """
    checkpoint = read_checkpoint(source)
    content = {
        "unmask": {**checkpoint["unmask"], "card": card},
        "state_dict": checkpoint["state_dict"],
        "epoch": checkpoint.get("epoch"),
    }
    with atomic_path(target) as temporary:
        torch.save(content, temporary)

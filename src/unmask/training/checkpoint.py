"""Checkpoints: what they carry besides weights, and how to open one that somebody sent.

A checkpoint is a file from somebody else: it is opened with ``weights_only=True``, so it cannot run
code, and the network that it names must be one of ours.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.config.build import build_untrained
from unmask.config.decides import deciding
from unmask.config.older import modernised
from unmask.core.errors import CheckpointError, ConfigError
from unmask.core.reproducibility import package_versions
from unmask.models.detector import ClipDetector
from unmask.training.card_file import FORMAT, facts_in

_WEIGHTS_PREFIX = "detector."


@dataclass(frozen=True)
class Provenance:
    """Where a checkpoint's weights come from.

    Attributes:
        model: The resolved ``model`` node, enough to build the network again.
        dataset: Name of the training data set.
        manifest_hash: SHA-256 of its ``videos.parquet``.
        leak_allowed: Whether splits that share videos or people were let through.
        recipe: Plain values of what else decides the weights that each epoch leaves: sampler, caps,
            batch size, loss, optimizer and so on; None where that is not known, as in checkpoints
            of earlier versions.
    """

    model: dict[str, Any]
    dataset: str
    manifest_hash: str
    seed: int
    leak_allowed: bool = False
    recipe: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, which ``weights_only=True`` can open, with the package versions."""
        return {"format": FORMAT, "versions": package_versions(), **vars(self)}


def read_detector(path: Path | str) -> ClipDetector:
    """Rebuild a trained detector from its checkpoint alone.

    Args:
        path: A ``.ckpt`` file of a training run.

    Returns:
        The detector on the CPU, in evaluation mode.

    Raises:
        CheckpointError: If the file is missing, damaged, or not a checkpoint of unmask, or names a
            network outside ``unmask.models``.
    """
    path = Path(path)
    checkpoint = read_checkpoint(path)
    try:
        detector = build_untrained(checkpoint["unmask"]["model"])
    except ConfigError as error:
        raise CheckpointError(f"{path} cannot be rebuilt. {error}") from error
    if not isinstance(detector, ClipDetector):
        raise CheckpointError(f"{path} holds a {type(detector).__name__}, not a detector.")
    weights = {
        name.removeprefix(_WEIGHTS_PREFIX): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith(_WEIGHTS_PREFIX)
    }
    try:
        detector.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"The weights in {path} do not fit its own model: {error}") from error
    return detector.eval()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Open a checkpoint without running any code in it.

    Args:
        path: A ``.ckpt`` file of a training run.

    Raises:
        CheckpointError: If the file is missing, damaged, or not a checkpoint of unmask, or names a
            class that neither a shipped configuration nor the person's own words allow.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}.")
    try:
        checkpoint: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        first_line = str(error).partition("\n")[0]
        raise CheckpointError(f"{path} is not a readable checkpoint: {first_line}") from error
    facts_in(checkpoint, path)
    opened: dict[str, Any] = checkpoint
    return opened


def check_resumable(path: Path, wanted: Provenance) -> dict[str, Any]:
    """Refuse to continue a run with another model, data, seed or recipe than it began with.

    Parts of the recipe that one of the two does not know are not compared, so that a checkpoint of
    an earlier version can be continued.

    Args:
        path: The checkpoint to continue from.
        wanted: What the new run would train.

    Returns:
        The checkpoint's content.

    Raises:
        CheckpointError: If they differ, naming each difference.
    """
    checkpoint = read_checkpoint(path)
    differing = differences(checkpoint["unmask"], wanted)
    if differing:
        raise CheckpointError(
            f"{path} cannot be continued, because it was trained with another "
            f"{', '.join(differing)}."
        )
    return checkpoint


def differences(found: dict[str, Any], wanted: Provenance) -> list[str]:
    """Name what differs between where a checkpoint comes from and where it should.

    Parts of the recipe that one of the two does not know are not compared, and a setting that one
    does not know counts as off there.

    Args:
        found: The checkpoint's card, its value under ``"unmask"``.
        wanted: What it should say.

    Returns:
        The name and both values of each difference.
    """
    facts = {name: value for name, value in vars(wanted).items() if name != "recipe"}
    pairs = [(name, found.get(name), value) for name, value in facts.items()]
    there, here = (deciding_recipe(one or {}) for one in (found.get("recipe"), wanted.recipe))
    pairs += [(name, there[name], value) for name, value in here.items() if name in there]
    return [
        f"{name} ({_brief(there, here)} there, {_brief(here, there)} here)"
        for name, there, here in pairs
        if not _is_same(there, here)
    ]


def deciding_recipe(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return of a recorded recipe what decides by the table of this version.

    Earlier versions recorded more, such as the device on which faces were looked for.
    """
    sections = dict(recipe)
    if "crops" in sections:
        sections["prepare"] = sections.pop("crops")
    # Today's names of what stood under another one; a list of callbacks had no names.
    if "batch_size" in sections:
        sections["loader"] = {"batch_size": sections.pop("batch_size")}
    if isinstance(chosen := sections.pop("checkpoint", None), list):
        best = [node for node in chosen if isinstance(node, dict) and "monitor" in node]
        sections["callbacks"] = {"checkpoint_best": best[0]} if best else {}
    found = deciding(modernised(sections), "weights", resumed=True)
    if "prepare" in found:
        found["crops"] = found.pop("prepare")
    return found


def _is_same(there: Any, here: Any) -> bool:  # noqa: ANN401 - any part of a configuration
    one, two = dict(_leaves(there)), dict(_leaves(here))
    return all(
        one[name] == two[name] if name in one and name in two else not (one | two)[name]
        for name in one | two
    )


def _brief(value: Any, other: Any) -> str:  # noqa: ANN401 - any part of a configuration
    """Show of two nested values only the leaves in which this one differs."""
    leaves, other_leaves = dict(_leaves(value)), dict(_leaves(other))
    differing = {
        name: leaf
        for name, leaf in leaves.items()
        if name not in other_leaves or other_leaves[name] != leaf
    }
    shown = [f"{name}={leaf}" if name else str(leaf) for name, leaf in differing.items()]
    return ", ".join(shown[:3]) or "less"


def _leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:  # noqa: ANN401 - see _brief
    if not isinstance(value, dict):
        return [(name, value)]
    nested = ((f"{name}.{key}" if name else str(key), child) for key, child in value.items())
    return [leaf for place, child in nested for leaf in _leaves(child, place)]

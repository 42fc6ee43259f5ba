"""What is trained: policies that freeze parts of a built detector.

A policy sets ``requires_grad`` and nothing else. A module left without a trained parameter
stays in evaluation mode (:func:`untrained_modules`), so that frozen batch normalisation keeps its
statistics and frozen dropout drops nothing. What is new, the head and inserted modules, is trained
by every policy.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from timm.layers import RmsNorm  # type: ignore[attr-defined]  # it does not say so
from torch import nn

from unmask.core.errors import ConfigError
from unmask.models.checkpointing import BATCH_NORMS

Tuning = Callable[[nn.Module], None]

NORMS = (*BATCH_NORMS, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, RmsNorm)


@runtime_checkable
class HasBlocks(Protocol):
    """A backbone that lists which parameters make a block."""

    def parameter_blocks(self) -> list[list[nn.Parameter]]:
        """Return the parameters of each block, in the order of the forward pass.

        What comes before the first block, the stem, is in none of them; what comes after the last
        belongs to it.
        """
        ...


def tune_all(detector: nn.Module) -> None:
    """Train everything."""
    detector.requires_grad_(True)


def tune_head(detector: nn.Module) -> None:
    """Train the head, and what was inserted into the backbone; freeze the backbone itself."""
    _backbone(detector).requires_grad_(False)
    _train_what_is_new(detector)


def tune_last_blocks(detector: nn.Module, *, num_blocks: int) -> None:
    """Train the backbone's last blocks and the head, as in system C's configurations 2 and 3.

    Args:
        num_blocks: How many of the backbone's blocks, from its end. In timm's networks a block is
            a layer of timm's own grouping for layer-wise learning rates: a residual, dense or
            transformer block.

    Raises:
        ConfigError: If the backbone has fewer blocks, or does not say what its blocks are.
    """
    backbone = _backbone(detector)
    if not isinstance(backbone, HasBlocks):
        raise ConfigError(
            f"{type(backbone).__name__} does not say what its blocks are; choose "
            "model/tuning=full or model/tuning=frozen."
        )
    blocks = backbone.parameter_blocks()
    if not 1 <= num_blocks <= len(blocks):
        raise ConfigError(
            f"model.tuning.num_blocks={num_blocks} is not possible: the backbone has "
            f"{len(blocks)} blocks, so it must be from 1 to {len(blocks)}."
        )
    backbone.requires_grad_(False)
    for block in blocks[-num_blocks:]:
        for parameter in block:
            parameter.requires_grad_(True)
    _train_what_is_new(detector)


def tune_classifier(detector: nn.Module) -> None:
    """Train one linear layer on a frozen network: a linear probe.

    Raises:
        ConfigError: If something else is new and would stay as it was drawn.
    """
    head = detector.get_submodule("head")
    classifier = dict(head.named_children()).get("classifier")
    if not isinstance(classifier, nn.Linear):
        raise ConfigError(
            f"A linear probe trains the head's linear classifier, but {type(head).__name__} has "
            "none; choose model/head=mean or model/tuning=frozen."
        )
    rest = sum(p.numel() for p in head.parameters()) - sum(
        p.numel() for p in classifier.parameters()
    )
    inserted = sum(p.numel() for part in _inserted(detector) for p in part.parameters())
    if rest or inserted:
        place = type(head).__name__ if rest else "what is inserted into the backbone"
        raise ConfigError(
            f"A linear probe trains the classifier alone, but {place} has {rest or inserted:,} "
            "other parameters, which would stay as they were drawn; choose model/head=mean "
            "without inserts, or model/tuning=frozen."
        )
    detector.requires_grad_(False)
    classifier.requires_grad_(True)


def tune_norms(detector: nn.Module) -> None:
    """Train the backbone's normalisation layers and the head.

    Yermakov et al., "Deepfake Detection that Generalizes Across Benchmarks" (GenD), 2025, train
    the layer normalisations of a vision transformer and a linear classifier.

    Raises:
        ConfigError: If the backbone has no normalisation layer with parameters.
    """
    backbone = _backbone(detector)
    norms = [module for module in backbone.modules() if isinstance(module, NORMS)]
    backbone.requires_grad_(False)
    for norm in norms:
        norm.requires_grad_(True)
    if not any(parameter.requires_grad for parameter in backbone.parameters()):
        raise ConfigError(
            "model/tuning=norm_only trains the backbone's normalisation layers, but it has none "
            "with parameters; choose model/tuning=frozen."
        )
    _train_what_is_new(detector)


def untrained_modules(module: nn.Module, name: str = "") -> list[str]:
    """List the largest parts of a network that have parameters, none of which is trained.

    Args:
        module: A network after a policy.

    Example:
        >>> network = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(), nn.Linear(3, 2))
        >>> untrained_modules(network[0].requires_grad_(False) and network)
        ['0']
    """
    parameters = list(module.parameters())
    if not parameters:
        return []
    if name and not any(parameter.requires_grad for parameter in parameters):
        return [name]
    return [
        found
        for child_name, child in module.named_children()
        for found in untrained_modules(child, f"{name}.{child_name}" if name else child_name)
    ]


def _backbone(detector: nn.Module) -> nn.Module:
    return detector.get_submodule("backbone")


def _inserted(detector: nn.Module) -> list[nn.Module]:
    inserts = dict(_backbone(detector).named_children()).get("inserts")
    return [] if inserts is None else [inserts]


def _train_what_is_new(detector: nn.Module) -> None:
    for part in (detector.get_submodule("head"), *_inserted(detector)):
        part.requires_grad_(True)

"""The only place that turns a configuration into objects."""

import copy
from typing import Any

import hydra.utils
from omegaconf import OmegaConf

from unmask.config.renamed import with_new_names
from unmask.config.shipped import targets
from unmask.config.targets import target_problems
from unmask.config.trust import refuse_foreign, require_own
from unmask.core.errors import ConfigError

Node = dict[str, Any]


def build(node: Node, **given: Any) -> Any:  # noqa: ANN401 - a config can name any class
    """Build what a node's ``_target_`` names.

    Args:
        node: A resolved configuration node with ``_target_``; ``_partial_: true`` gives a factory.
        given: Keywords that a configuration cannot know.

    Returns:
        The object or the factory.

    Raises:
        ConfigError: If the class refuses its arguments; the class's own sentence is kept.
    """
    try:
        return hydra.utils.instantiate(OmegaConf.create(node), _convert_="all", **given)
    except hydra.errors.InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, ValueError | TypeError):
            raise ConfigError(f"{node.get('_target_')}: {cause}") from error
        raise cause from None


def build_each(nodes: dict[str, Node], **given: Any) -> list[Any]:  # noqa: ANN401 - see build
    """Build every node of a merged list such as ``callbacks`` in the order of the names."""
    return [build(nodes[name], **given) for name in sorted(nodes)]


def build_untrained(model: Node) -> Any:  # noqa: ANN401 - config knows no network class
    """Build a network for weights that come from a checkpoint, fetching none.

    Args:
        model: The ``model`` node that the checkpoint holds.

    Raises:
        ConfigError: As :func:`build_foreign`.
    """
    return build_foreign(_without_pretrained(model), "model")


def build_foreign(node: Any, path: str) -> Any:  # noqa: ANN401 - a config can name any class
    """Build what somebody else's file describes, if nothing but shipped classes stand in it.

    Args:
        node: Plain values from the file.
        path: The place of such a node in a configuration, e.g. ``"model"`` or ``"clips"``.

    Returns:
        The object.

    Raises:
        ConfigError: If it names anything but what shipped configurations name at its place
            (:func:`~unmask.config.trust.refuse_foreign`), which is not imported, or does not fit
            what it names. Nothing is built then.
    """
    if not isinstance(node, dict) or "_target_" not in node:
        raise ConfigError(f"`{path}` names no class.")
    node = with_new_names(node)
    refuse_foreign(node, path)
    for target in targets(node):
        require_own(target)
    problem = next(target_problems(node, path), None)
    if problem is not None:
        raise ConfigError(problem)
    return build(node)


def _without_pretrained(model: Node) -> Node:
    node = copy.deepcopy(model)
    backbone = node.get("backbone") if isinstance(node, dict) else None
    if not isinstance(backbone, dict):
        return node
    for key, value in (("pretrained", False), ("weights", None)):
        if key in backbone:
            backbone[key] = value
    return node

"""The only place that turns a configuration into objects."""

import copy
from typing import Any

import hydra.utils
from omegaconf import OmegaConf

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
        ConfigError: If a ``_target_`` lies outside ``unmask.``: a checkpoint is data from
            somebody else and must not name code to run.
    """
    foreign = [target for target in targets(model) if not target.startswith("unmask.models.")]
    if foreign:
        raise ConfigError(
            f"The model configuration names '{foreign[0]}', which is not part of unmask.models; "
            "it was not run."
        )
    return build(_without_pretrained(model))


def targets(node: Any) -> list[str]:  # noqa: ANN401 - any part of a configuration
    """List every ``_target_`` in a node.

    Example:
        >>> targets({"_target_": "a.B", "head": {"_target_": "a.C"}})
        ['a.B', 'a.C']
    """
    if isinstance(node, list):
        return [target for item in node for target in targets(item)]
    if not isinstance(node, dict):
        return []
    own = [str(node["_target_"])] if "_target_" in node else []
    return own + [target for value in node.values() for target in targets(value)]


def _without_pretrained(model: Node) -> Node:
    node = copy.deepcopy(model)
    backbone = node.get("backbone", {})
    for key, value in (("pretrained", False), ("weights", None)):
        if key in backbone:
            backbone[key] = value
    return node

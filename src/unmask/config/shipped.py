"""Which classes the shipped configuration files name, and where."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from unmask.config.location import conf_dir
from unmask.core.errors import ConfigError

# Where a target stands, without the names of items: `callbacks`, `model.backbone.insert.make`.
Slot = tuple[str, ...]
# Slot -> target -> whether `_partial_: true` may stand beside it.
Known = dict[Slot, dict[str, bool]]

# Folders of conf/ that hold no part of what is built.
_NOT_BUILT: Final = frozenset({"hydra", "hparams_search", "local"})
# Below these, keys are names that anybody may choose.
_NAMED: Final = frozenset({("callbacks",), ("logger",), ("model", "backbone", "insert")})
# Data sets by name; each holds what `data` holds.
_DATA_SETS: Final = frozenset({("data", "sets"), ("eval", "datasets")})
# An argument of a shipped class that no shipped configuration sets.
_ALSO: Final[tuple[tuple[Slot, str], ...]] = (
    (("data", "make", "settings", "picture"), "unmask.demo.Picture"),
)


def slot_of(path: str) -> Slot:
    """Return where a part of a configuration stands, without the names of items.

    Example:
        >>> slot_of("data.sets.ffpp.split"), slot_of("callbacks.early_stopping")
        (('data', 'split'), ('callbacks',))
    """
    slot: Slot = ()
    for key in path.split("."):
        slot = below(slot, key, is_argument=False)
    return slot


def below(slot: Slot, key: str, *, is_argument: bool) -> Slot:
    """Return the slot of a key; what nests in itself, as transforms do, is one slot.

    Args:
        key: One of its keys.
        is_argument: Whether the mapping has a target, whose arguments its keys are.
    """
    if (slot in _NAMED and not is_argument) or slot[-1:] == (key,):
        return slot
    if slot in _DATA_SETS:
        return ("data",)
    return (*slot, key)


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


@cache
def shipped_targets() -> Known:
    """Return each place of the shipped configurations with the targets that stand there."""
    found: Known = {}
    root = conf_dir()
    for path in sorted(root.rglob("*.yaml")):
        group = path.relative_to(root).parent.parts
        text = path.read_text()
        if "_target_" in text and not (group and group[0] in _NOT_BUILT):
            collect_targets(_content(path, text), found, slot=_slot_of_file(group, text))
    for slot, target in _ALSO:
        found.setdefault(slot, {})[target] = False
    return found


def _content(path: Path, text: str) -> Any:  # noqa: ANN401 - YAML holds anything
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not readable YAML: {error}.") from error


def _slot_of_file(group: tuple[str, ...], text: str) -> Slot:
    """Return where Hydra puts the content of a file of a group."""
    is_global = not group or "# @package _global_" in text
    return () if is_global else slot_of(".".join(group))


def collect_targets(node: Any, found: Known, *, slot: Slot = (), inside: bool = False) -> None:  # noqa: ANN401 - YAML holds anything
    """Add the targets in a node to those of their slots.

    Args:
        node: Plain values.
        slot: Where the node stands.
        inside: Whether a target stands above: keys of a mapping are then names of items.
    """
    if isinstance(node, list):
        for item in node:
            collect_targets(item, found, slot=slot, inside=inside)
    if not isinstance(node, dict):
        return
    target = node.get("_target_")
    if isinstance(target, str):
        known = found.setdefault(slot, {})
        known[target] = known.get(target, False) or node.get("_partial_") is True
    for key, value in node.items():
        is_name = inside and target is None
        place = slot if is_name else below(slot, str(key), is_argument=target is not None)
        collect_targets(value, found, slot=place, inside=inside or target is not None)

"""What a file from somebody else may name: the classes that shipped configurations name there.

A checkpoint and a run's ``config.yaml`` are data. A ``_target_`` in them is compared, as text, with
the targets that the files of ``conf/`` hold at the same place; only a name that stands there is
imported, and what it leads to must be defined in the package that the name begins with.
"""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import yaml

from unmask.config.location import conf_dir
from unmask.config.renamed import PREFIXES, TARGETS
from unmask.core.errors import ConfigError

# Where a target stands, without the names of items: `callbacks`, `model.backbone.insert.make`.
Slot = tuple[str, ...]

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
# Keys by which Hydra is told to do something else than call a class with keywords.
_HYDRA_WORD: Final = re.compile(r"_[a-z]+_")
_MAY_STAND: Final = frozenset({"_target_", "_partial_"})
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)

# What this process's own command line names, as `_shipped` gives what conf/ names.
_own: dict[Slot, dict[str, bool]] = {}


def slot_of(path: str) -> Slot:
    """Return where a part of a configuration stands, without the names of items.

    Example:
        >>> slot_of("data.sets.ffpp.split"), slot_of("callbacks.early_stopping")
        (('data', 'split'), ('callbacks',))
    """
    slot: Slot = ()
    for key in path.split("."):
        slot = _below(slot, key, is_argument=False)
    return slot


def trust_command_line(content: Any) -> None:  # noqa: ANN401 - any part of a configuration
    """Trust, from now on in this process, what the person's own command line names where it does.

    So a training can read back what it has just written.

    Args:
        content: What it composed to, as plain values; never what was read from a file.
    """
    _own.clear()
    _collect(content, (), _own, inside=False)


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


def refuse_foreign(node: Any, path: str) -> None:  # noqa: ANN401 - any part of a configuration
    """Refuse a part of somebody else's configuration that could run code of its choice.

    Nothing is imported.

    Args:
        node: Plain values, with targets anywhere.
        path: Where they stand, e.g. ``"model"``; empty for a whole configuration.

    Raises:
        ConfigError: If a target is none that a shipped configuration names at that place, or a
            key would have Hydra do anything but call it with keywords.
    """
    problem = next(_problems(node, slot_of(path) if path else (), path, inside=False), None)
    if problem is not None:
        raise ConfigError(f"{problem}; nothing of it was run.")


def shipped_targets() -> dict[Slot, dict[str, bool]]:
    """Return each place of the shipped configurations with its targets.

    Returns:
        Slot -> target -> whether it is shipped with ``_partial_: true``.
    """
    return {slot: dict(targets) for slot, targets in _shipped().items()}


def require_own(target: str) -> None:
    """Import an allowed target and refuse one that is something else's under an allowed name.

    Args:
        target: A name that :func:`refuse_foreign` has let through.

    Raises:
        ConfigError: If it is no class or function, or another package defines it.
    """
    module_name, _, name = target.rpartition(".")
    try:
        found = getattr(import_module(module_name), name, None)
    except ImportError as error:
        raise ConfigError(f"'{target}' cannot be imported: {error}.") from error
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        raise ConfigError(f"'{target}' is neither a class nor a function; it was not run.")
    if found.__module__.partition(".")[0] != module_name.partition(".")[0]:
        raise ConfigError(f"'{target}' is {found.__module__}.{found.__qualname__}; it was not run.")


def with_new_names(node: Any) -> Any:  # noqa: ANN401 - any part of a configuration
    """Return a copy in which targets that had another name in earlier versions have today's."""
    if isinstance(node, list):
        return [with_new_names(item) for item in node]
    if not isinstance(node, dict):
        return node
    renamed = {key: with_new_names(value) for key, value in node.items()}
    target = renamed.get("_target_")
    if isinstance(target, str):
        renamed["_target_"] = _new_name(target)
    return renamed


def _new_name(target: str) -> str:
    if target in TARGETS:
        return TARGETS[target]
    for old, new in PREFIXES.items():
        if target.startswith(old):
            return new + target.removeprefix(old)
    return target


def _problems(node: Any, slot: Slot, path: str, *, inside: bool) -> Iterator[str]:  # noqa: ANN401 - any part of a configuration
    """Yield what is foreign in a node.

    Args:
        node: Plain values.
        slot: Where it stands, without names.
        path: Where it stands, for messages.
        inside: Whether a target stands above: keys of a mapping are then names of items.
    """
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from _problems(item, slot, f"{path}[{number}]", inside=inside)
        return
    if isinstance(node, str) and "${" in node:
        yield f"`{path}` holds an interpolation, which a file from elsewhere may not"
    if not isinstance(node, dict):
        return
    is_target = "_target_" in node
    if is_target:
        yield from _target_problems(node, slot, path)
    yield from _word_problems(node, path)
    for key, value in node.items():
        is_name = inside and not is_target
        below = slot if is_name else _below(slot, str(key), is_argument=is_target)
        place = f"{path}.{key}" if path else str(key)
        yield from _problems(value, below, place, inside=inside or is_target)


def _word_problems(node: dict[Any, Any], path: str) -> Iterator[str]:
    for key in node:
        if not isinstance(key, str) or "${" in key:
            yield f"`{path}` has a key that is no plain word"
        elif _HYDRA_WORD.fullmatch(key) and key not in _MAY_STAND:
            yield f"`{path}` holds '{key}', which a file from elsewhere may not"
    if "_partial_" in node and "_target_" not in node:
        yield f"`{path}` holds '_partial_' without a '_target_'"


def _target_problems(node: dict[str, Any], slot: Slot, path: str) -> Iterator[str]:
    target, partial = node["_target_"], node.get("_partial_", False)
    if not isinstance(target, str) or not _DOTTED.fullmatch(target):
        yield f"`{path}._target_` is not the name of a class"
        return
    known = _shipped().get(slot, {}) | _own.get(slot, {})
    if target not in known:
        yield (
            f"`{path}` names '{target}', which is not part of what unmask ships for "
            f"{'.'.join(slot) or 'a configuration'}"
        )
    elif not isinstance(partial, bool) or (partial and not known[target]):
        yield f"`{path}` holds '_partial_', with which unmask ships no {target}"


def _below(slot: Slot, key: str, *, is_argument: bool) -> Slot:
    """Return the slot of a key, without names of items; what nests in itself is one slot."""
    if (slot in _NAMED and not is_argument) or slot[-1:] == (key,):
        return slot
    if slot in _DATA_SETS:
        return ("data",)
    return (*slot, key)


@cache
def _shipped() -> dict[Slot, dict[str, bool]]:
    found: dict[Slot, dict[str, bool]] = {}
    root = conf_dir()
    for path in sorted(root.rglob("*.yaml")):
        group = path.relative_to(root).parent.parts
        if group[:1] and group[0] in _NOT_BUILT:
            continue
        text = path.read_text()
        if "_target_" in text:
            _collect(_content(path, text), _group_slot(group, text), found, inside=False)
    for slot, target in _ALSO:
        found.setdefault(slot, {})[target] = False
    return found


def _content(path: Path, text: str) -> Any:  # noqa: ANN401 - YAML holds anything
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not readable YAML: {error}.") from error


def _group_slot(group: tuple[str, ...], text: str) -> Slot:
    """Return where Hydra puts the content of a file of a group."""
    if "# @package _global_" in text:
        return ()
    return slot_of(".".join(group)) if group else ()


def _collect(node: Any, slot: Slot, found: dict[Slot, dict[str, bool]], *, inside: bool) -> None:  # noqa: ANN401 - YAML holds anything
    if isinstance(node, list):
        for item in node:
            _collect(item, slot, found, inside=inside)
    if not isinstance(node, dict):
        return
    target = node.get("_target_")
    if isinstance(target, str):
        targets = found.setdefault(slot, {})
        targets[target] = targets.get(target, False) or node.get("_partial_") is True
    is_target = target is not None
    for key, value in node.items():
        is_name = inside and not is_target
        below = slot if is_name else _below(slot, str(key), is_argument=is_target)
        _collect(value, below, found, inside=inside or is_target)

"""What a file from somebody else may name: the classes that shipped configurations name there.

A checkpoint and a run's ``config.yaml`` are data. A ``_target_`` in them is compared, as text, with
the targets that the files of ``conf/`` hold at the same place, and with the packages that the
person trusts; only a name that passes is imported, and what it leads to must be defined in the
package that the name begins with. What is trusted comes from the command line, from the person's
own configuration files and from installed packages, never from the file that is read.
"""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, ClassVar, Final

from unmask.config.shipped import Known, Slot, below, collect_targets, shipped_targets, slot_of
from unmask.core.errors import ConfigError

# An installed package is trusted by an entry point of this group: `mypkg = "mypkg"`.
PLUGINS: Final = "unmask.plugins"
# What a checkpoint keeps and has built.
_REBUILT: Final = ("model", "prepare", "clips")
# Parts of a run's configuration that are never built from it may mention any class of these.
_MENTIONED: Final[dict[Slot, str]] = {
    ("loss",): "torch.nn",
    ("optimizer",): "torch.optim",
    ("scheduler",): "torch.optim.lr_scheduler",
    ("callbacks",): "lightning.pytorch.callbacks",
    ("logger",): "lightning.pytorch.loggers",
    ("data", "augmentation", "transforms"): "torchvision.transforms.v2",
}
# Keys by which Hydra is told to do something else than call a class with keywords.
_HYDRA_WORD: Final = re.compile(r"_[a-z]+_")
_MAY_STAND: Final = frozenset({"_target_", "_partial_"})
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_MODULE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
# Packages that hold far more than parts of detectors: no sentence offers to trust them.
_NOT_OFFERED: Final = frozenset(
    {"unmask", "torch", "torchvision", "timm", "hydra", "omegaconf", "lightning", "numpy", "pandas"}
    | {"yaml", "wandb", "PIL", "cv2", "av", "sklearn", "pyarrow", "pydantic", "matplotlib"}
    | set(sys.stdlib_module_names)
)


class _CommandLine:
    """What the command line of this process names, at its places, and which modules it trusts."""

    named: ClassVar[Known] = {}
    modules: frozenset[str] = frozenset()


def begin_command_line() -> None:
    """Forget what an earlier command of this process has trusted and named."""
    _CommandLine.named.clear()
    _CommandLine.modules = frozenset()


def trust_command_line(content: Mapping[str, Any]) -> None:
    """Trust, from now on in this process, what the person's own command line trusts and names.

    What it names is trusted at its place alone, so that a training can read back what it has just
    written, and a sweep all that its jobs have.

    Args:
        content: What it composed to, as plain values; never what was read from a file.

    Raises:
        ConfigError: As :func:`trust_modules`.
    """
    trust_modules(content.get("trusted_modules", ()))
    collect_targets(content, _CommandLine.named)


def trust_modules(names: Iterable[str]) -> None:
    """Trust, from now on in this process, these modules and those below them, and no others.

    Args:
        names: E.g. ``["mypkg"]``. Checkpoints and run folders may then name what they define.

    Raises:
        ConfigError: If one is no name of a module, or part of Python or of unmask.
    """
    wanted = frozenset(names)
    for name in sorted(wanted):
        if not _MODULE.fullmatch(name):
            raise ConfigError(f"`trusted_modules`: {name!r} is not the name of a module.")
        if name.partition(".")[0] in {*sys.stdlib_module_names, "unmask"}:
            raise ConfigError(
                f"`trusted_modules`: {name} is no package of your own; of Python and of unmask, "
                "files may name only what shipped configurations name."
            )
    _CommandLine.modules = wanted


def trusted_modules() -> frozenset[str]:
    """Return the modules that the command line and installed packages trust."""
    return _CommandLine.modules | _plugins()


@cache
def _plugins() -> frozenset[str]:
    return frozenset(point.module for point in entry_points(group=PLUGINS))


def refuse_foreign(node: Any, path: str) -> None:  # noqa: ANN401 - any part of a configuration
    """Refuse a part of somebody else's configuration that could run code of its choice.

    Nothing is imported.

    Args:
        node: Plain values, with targets anywhere.
        path: Where they stand, e.g. ``"model"``; empty for a whole configuration, of which parts
            that are never built may also mention stock classes.

    Raises:
        ConfigError: If a target is neither trusted nor one that a shipped configuration names at
            that place, or a key would have Hydra do anything but call it with keywords.
    """
    check = _Check(named=_CommandLine.named, mentions=not path)
    problem = next(check.problems(node, slot_of(path) if path else (), path), None)
    if problem is not None:
        raise ConfigError(f"{problem}; nothing of it was run.")


def refuse_unrebuildable(content: Mapping[str, Any]) -> None:
    """Refuse to train what its own checkpoint could not be turned into again.

    Args:
        content: The person's own configuration, as plain values.

    Raises:
        ConfigError: If ``model``, ``prepare`` or ``clips`` names what is not trusted; it says which
            words trust it.
    """
    check = _Check(named={}, mentions=False)
    for section in _REBUILT:
        for problem in check.problems(content[section], (section,), section):
            raise ConfigError(
                f"{problem}. It was not trained: nothing could open its checkpoint again."
            )


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


@dataclass(frozen=True)
class _Check:
    """What a configuration may name.

    Attributes:
        named: What is trusted at its place beside what is shipped.
        mentions: Whether parts that are never built may name stock classes.
    """

    named: Known
    mentions: bool

    def problems(
        self,
        node: Any,  # noqa: ANN401 - any part of a configuration
        slot: Slot,
        path: str,
        *,
        inside: bool = False,
    ) -> Iterator[str]:
        """Yield what may not stand in a node.

        Args:
            node: Plain values.
            slot: Where it stands, without names of items.
            path: Where it stands, for messages.
            inside: Whether a target stands above: keys of a mapping are then names of items.
        """
        if isinstance(node, list):
            for number, item in enumerate(node):
                yield from self.problems(item, slot, f"{path}[{number}]", inside=inside)
        if isinstance(node, str) and "${" in node:
            yield f"`{path}` holds an interpolation, which a file from elsewhere may not"
        if not isinstance(node, dict):
            return
        is_target = "_target_" in node
        if is_target:
            yield from self._target_problems(node, slot, path)
        yield from _word_problems(node, path)
        for key, value in node.items():
            is_name = inside and not is_target
            place = slot if is_name else below(slot, str(key), is_argument=is_target)
            below_path = f"{path}.{key}" if path else str(key)
            yield from self.problems(value, place, below_path, inside=inside or is_target)

    def _target_problems(self, node: dict[str, Any], slot: Slot, path: str) -> Iterator[str]:
        target, partial = node["_target_"], node.get("_partial_", False)
        if not isinstance(target, str) or not _DOTTED.fullmatch(target):
            yield f"`{path}._target_` is not the name of a class"
            return
        known = shipped_targets().get(slot, {}) | self.named.get(slot, {})
        if target in known:
            if not isinstance(partial, bool) or (partial and not known[target]):
                yield f"`{path}` holds '_partial_', with which unmask ships no {target}"
        elif not _is_trusted(target) and not (self.mentions and _is_mentioned(target, slot)):
            yield (
                f"`{path}` names '{target}', which is not part of what unmask ships for "
                f"{'.'.join(slot) or 'a configuration'}{_offer(target)}"
            )


def _word_problems(node: dict[Any, Any], path: str) -> Iterator[str]:
    for key in node:
        if not isinstance(key, str) or "${" in key:
            yield f"`{path}` has a key that is no plain word"
        elif _HYDRA_WORD.fullmatch(key) and key not in _MAY_STAND:
            yield f"`{path}` holds '{key}', which a file from elsewhere may not"
    if "_partial_" in node and "_target_" not in node:
        yield f"`{path}` holds '_partial_' without a '_target_'"


def _is_trusted(target: str) -> bool:
    return any(target.startswith(f"{module}.") for module in trusted_modules())


def _is_mentioned(target: str, slot: Slot) -> bool:
    module, _, name = target.rpartition(".")
    return module == _MENTIONED.get(slot) and name[:1].isupper()


def _offer(target: str) -> str:
    package = target.partition(".")[0]
    if package in _NOT_OFFERED:
        return ""
    return f" (where you trust who wrote {package}: trusted_modules=[{package}])"

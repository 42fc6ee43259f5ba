"""What the code gives to each place of a configuration, beside the keywords that stand there."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Slot:
    """A place whose object is completed by the code.

    Attributes:
        positional: What each positional argument is, in words.
        keywords: Names of the keywords that are given.
        may_be_whole: Whether the node can also be built as it stands, without ``_partial_``.
        own_words: Words that a keyword may have beside what the class takes, as they are replaced
            before it is called.
    """

    positional: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    may_be_whole: bool = False
    own_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def gives(self) -> str:
        """What is given, in words."""
        return " and ".join([*self.positional, *(f"'{name}'" for name in self.keywords)])


# A star stands for any one key.
SLOTS: dict[str, Slot] = {
    "loss": Slot(positional=("the weights of the classes",)),
    "optimizer": Slot(positional=("the trainable parameters",)),
    "scheduler": Slot(positional=("the optimiser",)),
    "trainer": Slot(
        keywords=("default_root_dir", "callbacks", "logger"), own_words={"precision": ("auto",)}
    ),
    "logger.*": Slot(keywords=("save_dir",), may_be_whole=True),
    "model.head": Slot(positional=("the number of features",)),
    "model.tuning": Slot(positional=("the detector",)),
    "model.backbone.insert.*.make": Slot(positional=("the channels", "the height", "the width")),
    "data.make": Slot(positional=("the folder",)),
    "data.sets.*.make": Slot(positional=("the folder",)),
    "eval.datasets.*.make": Slot(positional=("the folder",)),
}


def slot_at(path: str) -> Slot | None:
    """Return the slot at a path of a configuration, None where the code gives nothing.

    Example:
        >>> slot_at("logger.csv").keywords
        ('save_dir',)
        >>> slot_at("sampler") is None
        True
    """
    keys = path.split(".")
    for pattern, slot in SLOTS.items():
        parts = pattern.split(".")
        if len(parts) == len(keys) and all(
            part in ("*", key) for part, key in zip(parts, keys, strict=True)
        ):
            return slot
    return None


def slot_problems(
    slot: Slot, parameters: Mapping[str, inspect.Parameter], node: dict[str, Any], path: str
) -> Iterator[str]:
    """Yield a sentence for each thing that the code would give in vain or twice.

    Args:
        parameters: Parameters of the class or function that the node names.
        node: The node, with ``_target_``.
    """
    name = str(node["_target_"]).rpartition(".")[2]
    if not node.get("_partial_", False):
        if not slot.may_be_whole:
            yield f"`{path}`: unmask gives {name} {slot.gives}; write `_partial_: true` into it."
        return
    kinds = {p.kind for p in parameters.values()}
    for what in slot.positional[len(_places(parameters)) :]:
        if inspect.Parameter.VAR_POSITIONAL not in kinds:
            yield f"`{path}`: {name} takes no argument for {what}, which unmask gives to it."
    for key in slot.keywords:
        if key not in parameters and inspect.Parameter.VAR_KEYWORD not in kinds:
            yield f"`{path}`: {name} takes no argument '{key}', which unmask gives to it."
    for key in filled_by(slot, parameters):
        if key in node:
            yield f"`{path}.{key}`: unmask gives it to {name} itself; leave it out."


def filled_by(slot: Slot, parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """Return the names of the arguments that the code gives."""
    return [*_places(parameters)[: len(slot.positional)], *slot.keywords]


def _places(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """Return the names of the arguments that can be given by their place."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [key for key, parameter in parameters.items() if parameter.kind in kinds]

"""Check a node with ``_target_`` against the signature that it names, before anything is built."""

import importlib
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from unmask.config.plugins import missing_package
from unmask.config.slots import filled_by, slot_at, slot_problems
from unmask.core.errors import did_you_mean

HYDRA_KEYS = frozenset({"_target_", "_partial_", "_convert_", "_recursive_", "_args_"})


def target_problems(node: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any part of a configuration
    """Yield a sentence for each thing that would go wrong in building a node.

    Args:
        node: A resolved part of a configuration.
        path: Where it stands, e.g. ``"model.head"``.
    """
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from target_problems(item, f"{path}[{index}]")
    if not isinstance(node, dict):
        return
    if "_target_" in node:
        yield from _own_problems(node, path)
    for key, value in node.items():
        yield from target_problems(value, f"{path}.{key}" if path else key)


def _own_problems(node: dict[str, Any], path: str) -> Iterator[str]:
    target, problem = locate(str(node["_target_"]))
    if target is None:
        yield f"`{path}._target_`: {problem}"
        return
    missing = missing_package(str(node["_target_"]))
    if missing is not None:
        yield f"`{path}`: {missing}"
    parameters = signature_parameters(target)
    if parameters is None:
        return
    given = {key: value for key, value in node.items() if key not in HYDRA_KEYS}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = {
        name for name, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    short_name = str(node["_target_"]).rpartition(".")[2]
    for key in sorted(set(given) - named):
        if not takes_any:
            yield f"`{path}.{key}`: {short_name} takes no argument '{key}'" + did_you_mean(
                key, named
            )
    slot = slot_at(path)
    if slot is not None:
        yield from slot_problems(slot, parameters, node, path)
    is_partial = bool(node.get("_partial_", False))
    if slot is not None or not is_partial:
        filled = filled_by(slot, parameters) if slot is not None and is_partial else []
        for name in sorted(named - set(given) - set(filled)):
            if parameters[name].default is inspect.Parameter.empty:
                yield f"`{path}.{name}`: {short_name} needs it and it is not set."
    own_words = slot.own_words if slot is not None else {}
    yield from _type_problems(target, given, path, own_words)


def locate(dotted: str) -> tuple[Callable[..., Any] | None, str]:
    """Import what a dotted name stands for.

    Args:
        dotted: ``package.module.Name``.

    Returns:
        The class or function and "", or None and a sentence.
    """
    module_name, _, name = dotted.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        return None, f"cannot import '{module_name}' ({error})."
    if not hasattr(module, name):
        public = [known for known in vars(module) if not known.startswith("_")]
        return None, f"'{module_name}' has no '{name}'" + did_you_mean(name, public)
    target = getattr(module, name)
    return (target, "") if callable(target) else (None, f"'{dotted}' cannot be called.")


def signature_parameters(target: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    """Return a callable's parameters by name, or None for one that does not tell."""
    try:
        return dict(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        return None


def _type_problems(
    target: Callable[..., Any],
    given: dict[str, Any],
    path: str,
    own_words: Mapping[str, tuple[str, ...]],
) -> Iterator[str]:
    function = target.__init__ if inspect.isclass(target) else target
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):
        return
    for key, value in given.items():
        if key not in hints or _has_target(value) or value in own_words.get(key, ()):
            continue
        adapter = _adapter(hints[key])
        if adapter is None:
            continue
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            problem = _joined(error.errors(), own_words.get(key, ()))
            yield f"`{path}.{key}={value}`: {describe(problem, value)}"


def _joined(errors: list[Any], own_words: tuple[str, ...]) -> Any:  # noqa: ANN401 - see describe
    """Return the first error; where a value is none of several lists of choices, of all of them."""
    if any(error["type"] != "literal_error" for error in errors):
        return errors[0]
    expected = [*own_words, *(error["ctx"]["expected"] for error in errors)]
    return errors[0] | {"ctx": {"expected": ", ".join(expected)}}


def _has_target(value: Any) -> bool:  # noqa: ANN401 - any part of a configuration
    if isinstance(value, list):
        return any(_has_target(item) for item in value)
    if isinstance(value, dict):
        return "_target_" in value or any(_has_target(item) for item in value.values())
    return False


def _adapter(hint: Any) -> TypeAdapter[Any] | None:  # noqa: ANN401 - an annotation
    """Return a validator for an annotation of plain values, None for any other."""
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        return None
    try:
        return TypeAdapter(hint)
    except (PydanticSchemaGenerationError, PydanticUserError):
        return None


def describe(error: Any, value: Any) -> str:  # noqa: ANN401 - pydantic's error dictionary, any value
    """Turn one of pydantic's errors into a sentence with the nearest choice.

    Args:
        error: An item of ``ValidationError.errors()``.
    """
    if error["type"] == "literal_error":
        choices = {part.strip().strip("'") for part in _split_choices(error["ctx"]["expected"])}
        return f"'{value}' is not a choice" + did_you_mean(str(value), choices)
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[0].lower() + message[1:].rstrip(".") + "."


def _split_choices(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(", ")

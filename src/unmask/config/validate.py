"""Answer every mistake of a command line at once, before anything is built."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from unmask.config.blend import spell_out_blend
from unmask.config.location import conf_dir
from unmask.config.older import MOVED
from unmask.config.plugins import missing_plugin, missing_plugin_in
from unmask.config.schema import BLEND, SINGLE, VERBS, TrainConfig, _Section
from unmask.config.search_path import own_folders, searched
from unmask.config.shipped import targets
from unmask.config.targets import (
    HYDRA_KEYS,
    describe,
    locate,
    signature_parameters,
    target_problems,
)
from unmask.config.trust import require_own
from unmask.core.errors import ConfigError, did_you_mean


def check_command_line(verb: str, arguments: list[str], *, config_dir: str | None = None) -> None:
    """Check the overrides of a verb, then the configuration that they compose to.

    Args:
        verb: ``"train"``, ``"evaluate"``, …
        arguments: Hydra overrides, e.g. ``["model=effb0_lstm", "seed=1,2"]``. Of a sweep the first
            choice of each key is composed and every choice is looked up.
        config_dir: A further folder of configuration files.

    Raises:
        ConfigError: With all problems, a line each.
    """
    with searched(own_folders(arguments, config_dir)), _configuration():
        problems, values, choices = _sort_overrides(spell_out_blend(arguments))
        overrides = [_first_choice(override) for override in [*choices, *values]]
        try:
            problems += config_problems(verb, compose(verb, overrides=overrides))
        except (HydraException, OmegaConfBaseException) as error:
            # Now it is worth composing once more, to name all that is wrong.
            problems += _problems_one_by_one(verb, values, choices, _sentence(error))
    if problems:
        raise _all(problems)


def _problems_one_by_one(
    verb: str, values: list[Override], choices: list[Override], sentence: str
) -> list[str]:
    """List what is wrong with each override of a command line that does not compose as a whole.

    Args:
        verb: Names the primary configuration.
        values: Overrides of values.
        choices: Choices of groups, which exist.
        sentence: Hydra's message for the whole line, for want of a better one.
    """
    chosen = [_first_choice(override) for override in choices]
    try:
        base = compose(verb, overrides=chosen)
    except HydraException as error:
        return [_sentence(error)]
    found = {override.input_line: _key_problem(override, base) for override in values}
    problems = [problem for problem in found.values() if problem]
    if not problems:
        return [sentence]
    known = [_first_choice(one) for one in values if not found[one.input_line]]
    try:
        return problems + config_problems(verb, compose(verb, overrides=[*chosen, *known]))
    except (HydraException, OmegaConfBaseException) as error:
        return [*problems, _sentence(error)]


def composed(verb: str, words: list[str], *, config_dir: str | None = None) -> DictConfig:
    """Return what words compose to, with Hydra's own part under ``hydra``."""
    with searched(own_folders(words, config_dir)), _configuration():
        return compose(verb, overrides=words, return_hydra_config=True)


@contextmanager
def _configuration() -> Iterator[None]:
    """Make Hydra look in our folder of configuration files."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield


def typed(verb: str, config: DictConfig) -> Any:  # noqa: ANN401 - one of five sections
    """Turn a composed configuration into the verb's typed section.

    Args:
        verb: Whose schema to apply.

    Raises:
        ConfigError: With all problems, a line each.
    """
    problems = config_problems(verb, config)
    if problems:
        raise _all(problems)
    return VERBS[verb].model_validate(OmegaConf.to_container(config, resolve=True))


def typed_run(content: dict[str, Any]) -> TrainConfig:
    """Turn the configuration that a run keeps into a typed section.

    Only what is built from it, which are model, crops, clips and data sets, is compared with the
    signatures that it names; the rest may be of another version.

    Args:
        content: What :func:`~unmask.config.foreign.read_foreign` returned.

    Raises:
        ConfigError: With all problems, a line each.
    """
    unset = _unset(content)
    problems = [f"`{path}` is not set." for path in unset]
    problems += _schema_problems(TrainConfig, content, unset)
    for section in ("model", "prepare", "clips", "data", "eval"):
        node = _without_augmentation(content.get(section))
        for target in targets(node):
            require_own(target)
        problems += target_problems(node, section)
    if problems:
        raise _all(problems)
    return TrainConfig.model_validate(content)


def _without_augmentation(node: Any) -> Any:  # noqa: ANN401 - any part of a configuration
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key != "augmentation"}
    return {key: _without_augmentation(value) for key, value in kept.items()}


def config_problems(verb: str, config: DictConfig) -> list[str]:
    """List what is wrong with a composed configuration: missing, unknown or ill-typed values."""
    try:
        content = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        return [_first_line(error)]
    unset = _unset(content)
    problems = [f"`{path}` is not set; add {path}=<value>." for path in unset]
    problems += _schema_problems(VERBS[verb], content, unset)
    problems += [
        problem
        for problem in target_problems(_built_by(verb, content), "")
        if not any(f"`{u}`" in problem for u in unset)
    ]
    return problems


def _built_by(verb: str, content: Any) -> Any:  # noqa: ANN401 - a resolved configuration
    """Leave out what a verb does not build: to index is not to import an augmentation's PyTorch."""
    if verb != "index" or not isinstance(content, dict):
        return content
    return {**content, "data": _without_augmentation(content["data"])}


def _sort_overrides(arguments: list[str]) -> tuple[list[str], list[Override], list[Override]]:
    """Split overrides into problems, values and choices of a group that exist."""
    problems: list[str] = []
    values: list[Override] = []
    choices: list[Override] = []
    parser = OverridesParser.create()
    for argument in arguments:
        try:
            override = parser.parse_override(argument)
        except HydraException as error:
            problems.append(f"`{argument}` is not of the form key=value ({_first_line(error)}).")
            continue
        options = _options(override.key_or_group)
        if not options:
            values.append(override)
            continue
        if override.value() is None and not override.is_delete():
            group = override.key_or_group
            problems.append(f"`{argument}`: leave a group out with ~{group}, not with null.")
            continue
        wrong = [choice for choice in _choices(override) if choice not in options]
        problems += [
            missing_plugin(override.key_or_group, choice)
            or f"`{override.key_or_group}={choice}`: conf/{override.key_or_group} has no '{choice}'"
            + did_you_mean(choice, options)
            for choice in wrong
        ]
        if not wrong:
            choices.append(override)
    return problems, values, choices


def _options(group: str) -> list[str]:
    return list(GlobalHydra.instance().config_loader().get_group_options(group))


def group_names() -> list[str]:
    """Return the groups of configuration files, e.g. ``model`` and ``model/head``."""
    root = conf_dir()
    folders = (path for path in root.rglob("*") if path.is_dir())
    return sorted(folder.relative_to(root).as_posix() for folder in folders)


def _choices(override: Override) -> list[str]:
    value = override.value()
    if override.is_sweep_override():
        items: list[Any] = list(override.sweep_string_iterator())
    else:
        items = value if isinstance(value, list) else [value]
    return [str(item) for item in items if item is not None]


def _first_choice(override: Override) -> str:
    if not override.is_sweep_override():
        return override.input_line or ""
    value = override.value()
    # An interval, which a search draws from, gives its lower end.
    first = (
        value.start
        if isinstance(value, IntervalSweep)
        else next(iter(override.sweep_string_iterator()))
    )
    prefix = "+" if override.is_add() else ""
    return f"{prefix}{override.key_or_group}={first}"


def _key_problem(override: Override, base: DictConfig) -> str | None:
    """Return what is wrong with a value override's key, if anything."""
    # Hydra's own keys are checked by composing.
    if override.is_add() or override.is_force_add() or override.key_or_group.startswith("hydra."):
        return None
    node: Any = OmegaConf.to_container(base, resolve=False)
    *parents, last = override.key_or_group.split(".")
    walked: list[str] = []
    for part in [*parents, last]:
        if not isinstance(node, dict) or part not in node:
            return _unknown_key(override, node, walked, part)
        node = node[part]
        walked.append(part)
    return None


def _unknown_key(override: Override, node: Any, walked: list[str], part: str) -> str:  # noqa: ANN401 - any part of a configuration
    place = ".".join(walked)
    key = override.key_or_group
    keys = set(node) - HYDRA_KEYS if isinstance(node, dict) else set()
    if key in MOVED:
        return f"`{key}` is a callback now: write {MOVED[key]}."
    if isinstance(node, dict) and "_target_" in node:
        target, _ = locate(str(node["_target_"]))
        parameters = set(signature_parameters(target) or {}) if target else set()
        name = str(node["_target_"]).rpartition(".")[2]
        if part in parameters:
            return f"`{key}` is not in the configuration, but {name} takes it: write +{key}=..."
        return f"`{key}`: {name} takes no argument '{part}'" + did_you_mean(part, parameters | keys)
    if not walked:
        return f"`{key}`: there is no key or group '{part}'" + did_you_mean(
            part, keys | set(group_names())
        )
    return f"`{key}`: '{place}' has no '{part}'" + did_you_mean(part, keys)


def _schema_problems(schema: type[_Section], content: Any, unset: list[str]) -> list[str]:  # noqa: ANN401 - a resolved configuration
    try:
        schema.model_validate(content)
    except ValidationError as error:
        return [
            sentence
            for item in error.errors()
            if (sentence := _schema_sentence(schema, item, unset)) is not None
        ]
    return []


def _schema_sentence(schema: type[_Section], item: Any, unset: list[str]) -> str | None:  # noqa: ANN401 - pydantic's error dictionary
    path = ".".join(str(part) for part in item["loc"] if part not in (SINGLE, BLEND))
    if path in unset:
        return None
    if item["type"] == "extra_forbidden":
        known = schema.model_fields if len(item["loc"]) == 1 else []
        return f"`{path}` is not a field that unmask reads" + did_you_mean(
            str(item["loc"][-1]), known
        )
    if item["type"] == "missing":
        return f"`{path}` is missing from the configuration."
    return f"`{path}={item['input']}`: {describe(item, item['input'])}"


def _unset(content: Any, path: str = "") -> list[str]:  # noqa: ANN401 - a resolved configuration
    if content == "???":
        return [path]
    if isinstance(content, dict):
        pairs = [(f"{path}.{key}" if path else str(key), value) for key, value in content.items()]
        return [unset for place, value in pairs for unset in _unset(value, place)]
    return []


def _sentence(error: Exception) -> str:
    return missing_plugin_in(str(error)) or _first_line(error)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _all(problems: list[str]) -> ConfigError:
    unique = list(dict.fromkeys(problems))
    if len(unique) == 1:
        return ConfigError(unique[0])
    lines = "".join(f"\n  - {problem}" for problem in unique)
    return ConfigError(f"The configuration has {len(unique)} problems:{lines}")

"""Read a configuration that somebody else may have written: as data, and nothing of it runs."""

import re
from pathlib import Path
from typing import Any, Final

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from unmask.config.older import modernised
from unmask.config.renamed import with_new_names
from unmask.config.trust import refuse_foreign
from unmask.core.errors import ConfigError, DataError

# What a training writes has 200 lines.
_MOST_BYTES: Final = 2**20
_MOST_DEPTH: Final = 40
_PLAIN_KEY: Final = re.compile(r"\$\{(?P<key>[A-Za-z_]\w*(\.\w+)*)\}", re.ASCII)
_MOST_STEPS: Final = 10


def read_foreign(path: Path) -> dict[str, Any]:
    """Read a YAML file of a run's folder.

    The only interpolations followed are plain keys of the file itself, ``${a.b}``, where they are a
    whole value and lead to a single one. Tags and aliases are refused before anything is built from
    them; names of classes are checked and not imported.

    Returns:
        Plain values, in the words of this version.

    Raises:
        ConfigError: If it holds anything but plain values, or names what is not trusted.
        DataError: If it is no readable YAML file of settings.
    """
    try:
        text = _text_of(path)
        content = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    except (OmegaConfBaseException, OSError, UnicodeError, yaml.YAMLError, RecursionError) as error:
        first_line = str(error).partition("\n")[0]
        raise DataError(f"{path} is not readable YAML: {first_line}.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no settings but a {type(content).__name__}.")
    try:
        content = modernised(with_new_names(_resolved(content, content)))
        refuse_foreign(content, "")
    except ConfigError as error:
        raise ConfigError(f"{path} cannot be used: {error}") from error
    plain: dict[str, Any] = content
    return plain


def _text_of(path: Path) -> str:
    """Return a file's text, refusing YAML that is more than nested plain values."""
    if path.stat().st_size > _MOST_BYTES:
        raise DataError(f"{path} is no configuration: it is larger than {_MOST_BYTES} bytes.")
    text = path.read_text()
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
            line = event.start_mark.line + 1
            kind = "an alias" if isinstance(event, yaml.AliasEvent) else f"the tag {event.tag}"
            raise ConfigError(f"{path} cannot be used: line {line} holds {kind}; nothing was run.")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_DEPTH:
            raise DataError(f"{path} is no configuration: it nests deeper than {_MOST_DEPTH}.")
    return text


def _resolved(node: Any, root: dict[Any, Any]) -> Any:  # noqa: ANN401 - any part of a configuration
    """Replace plain keys; what is no plain key stays, and is refused with its place."""
    if isinstance(node, list):
        return [_resolved(item, root) for item in node]
    if isinstance(node, dict):
        return {key: _resolved(value, root) for key, value in node.items()}
    found = node
    for _ in range(_MOST_STEPS):
        match = _PLAIN_KEY.fullmatch(found) if isinstance(found, str) else None
        if match is None:
            return found
        found = root
        for key in match["key"].split("."):
            if not isinstance(found, dict) or key not in found:
                return node
            found = found[key]
        if isinstance(found, list | dict):
            return node
    return node

"""`data=[a,b]`: several data sets where Hydra knows a list only as files merged into one."""

import re
from collections.abc import Sequence

from unmask.core.errors import ConfigError

_LIST = re.compile(r"data=\[(?P<names>[^\[\]]*)\]")


def spell_out_blend(arguments: Sequence[str]) -> list[str]:
    """Replace ``data=[a,b]`` by the group choices that put each data set under a name of its own.

    Hydra merges the files of a list into one node, where the second data set would overwrite the
    first.

    Args:
        arguments: Words of a command line.

    Returns:
        The words, of which only that one differs.

    Raises:
        ConfigError: If a data set is named twice.

    Example:
        >>> spell_out_blend(["data=[ffpp,dfdc]", "seed=1"])
        ['data=blend', '+data@data.sets.ffpp=ffpp', '+data@data.sets.dfdc=dfdc', 'seed=1']
        >>> spell_out_blend(["data=[ffpp]"])
        ['data=ffpp']
    """
    words: list[str] = []
    for argument in arguments:
        match = _LIST.fullmatch(argument)
        names = [name.strip() for name in match["names"].split(",")] if match else []
        repeated = [name for name in names if names.count(name) > 1]
        if repeated:
            raise ConfigError(f"`{argument}` names '{repeated[0]}' twice; name it once.")
        if len(names) > 1:
            words += ["data=blend", *(f"+data@data.sets.{name}={name}" for name in names)]
        else:
            words.append(f"data={names[0]}" if names and names[0] else argument)
    return words

"""A verb's typed section from Python, as the command line would compose it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf, open_dict

from unmask.config.blend import spell_out_blend
from unmask.config.trust import trust_command_line
from unmask.config.validate import check_command_line, composed, typed


def compose(verb: str, words: Sequence[str] = (), *, config_dir: Path | None = None) -> Any:  # noqa: ANN401 - the section of the verb
    """Compose and check the configuration of a verb.

    Args:
        verb: ``"train"``, ``"evaluate"``, …
        words: What a person would write behind the verb, e.g. ``["model=effb0_lstm", "seed=1"]``.
            What they name is trusted as words of a command line are.
        config_dir: A further folder of configuration files.

    Returns:
        The verb's section of :mod:`unmask.config.schema`, for the function of :mod:`unmask.verbs`.

    Raises:
        ConfigError: With all problems, a line each.
    """
    words = spell_out_blend(words)
    own = str(config_dir) if config_dir is not None else None
    check_command_line(verb, words, config_dir=own)
    config = composed(verb, words, config_dir=own)
    choices = {str(group): str(choice) for group, choice in config.hydra.runtime.choices.items()}
    with open_dict(config):
        del config["hydra"]
    content: Any = OmegaConf.to_container(config, resolve=True)
    trust_command_line(content)
    return typed(verb, config).model_copy(update={"choices": choices})

"""A checkpoint's card, read without its weights and without PyTorch.

A checkpoint is a zip archive whose ``data.pkl`` describes the tensors that lie beside it. Here that
description is read with every class in it replaced by a stand-in that does nothing, so that a list
of models is there at once, and a file from somebody else runs nothing.
"""

import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

from unmask.config.renamed import with_new_names
from unmask.config.trust import refuse_foreign
from unmask.core.errors import CheckpointError, ConfigError
from unmask.core.files import sha256_of_file
from unmask.runs.files import MODEL_FILE

CARD_FORMAT: Final = 1
# Of ``checkpoint["unmask"]``.
FORMAT: Final = 1
# A description of a thousand layers is well below 1 MB.
_MOST_BYTES: Final = 64 * 2**20
# How tensors are described; all else is no part of a checkpoint that `weights_only=True` opens.
_OF_TENSORS: Final = re.compile(
    r"torch\._utils\._rebuild_\w+|torch(\.storage)?\.\w*Storage|torch\.serialization\._get_layout"
    r"|torch\.(device|Size|dtype|b?float\d*|double|half|u?int\d*|long|bool)"
)


def read_facts(path: Path) -> dict[str, Any]:
    """Read where a checkpoint comes from: its model, data, recipe and, once released, its card.

    Raises:
        CheckpointError: If the file is missing, damaged, or not a checkpoint of unmask.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}.")
    try:
        content = _description(path)
    except (zipfile.BadZipFile, OSError, pickle.UnpicklingError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        raise CheckpointError(f"{path} is not a readable checkpoint: {first_line}") from error
    except (AttributeError, EOFError, ImportError, IndexError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a readable checkpoint.") from error
    return facts_in(content, path)


def facts_in(content: object, path: Path) -> dict[str, Any]:
    """Return the card of an opened checkpoint.

    Args:
        path: Where it lies, for messages.

    Raises:
        CheckpointError: If it is not a checkpoint of unmask, of another format, or names a class
            that is not trusted.
    """
    if not isinstance(content, dict) or not {"unmask", "state_dict"} <= set(content):
        raise CheckpointError(
            f"{path} is not a checkpoint of unmask: it does not say which model it holds."
        )
    facts = content["unmask"]
    if not isinstance(facts, dict) or not isinstance(content["state_dict"], dict):
        raise CheckpointError(f"{path} is not a checkpoint of unmask.")
    if facts.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has checkpoint format {facts.get('format')}, but this version reads {FORMAT}."
        )
    _refuse_foreign_names(facts, path)
    return facts


def _refuse_foreign_names(facts: dict[str, Any], path: Path) -> None:
    """Refuse a checkpoint that names, for its network, crops or clips, what is not trusted."""
    recipe = facts.get("recipe")
    parts = {"model": facts.get("model")}
    if isinstance(recipe, dict):
        parts |= {"prepare": recipe.get("crops"), "clips": recipe.get("clips")}
    try:
        for place, node in with_new_names(parts).items():
            refuse_foreign(node, place)
    except ConfigError as error:
        raise CheckpointError(f"{path} cannot be used: {error}") from error


def card_of(facts: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """Return a checkpoint's model card, or that of the released model made from it.

    Args:
        facts: What :func:`read_facts` returned.
        path: Where it lies; a run's own ``best.ckpt`` finds the card in the run's folder.

    Returns:
        The card, or None where there is none yet.
    """
    card = facts.get("card")
    if isinstance(card, dict):
        return card if card.get("format") == CARD_FORMAT else None
    released = path.resolve().parent.parent / MODEL_FILE
    if released == path.resolve() or not released.is_file():
        return None
    other = read_facts(released).get("card")
    if not isinstance(other, dict) or other.get("format") != CARD_FORMAT:
        return None
    return other if other.get("checkpoint_sha256") == sha256_of_file(path) else None


def _description(path: Path) -> object:
    with zipfile.ZipFile(path) as archive:
        names = [one for one in archive.infolist() if one.filename.endswith("/data.pkl")]
        if len(names) != 1 or names[0].file_size > _MOST_BYTES:
            raise pickle.UnpicklingError("it holds no description of weights.")
        with archive.open(names[0]) as file:
            return _Describer(file).load()


class _Describer(pickle.Unpickler):
    """Reads names, numbers and lists; what stands for a tensor becomes None."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's signature
        """Give a stand-in for what describes tensors; import nothing."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if not _OF_TENSORS.fullmatch(f"{module}.{name}"):
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no weight.")
        return lambda *_: None

    def persistent_load(self, pid: object) -> None:
        """Leave the numbers of a tensor where they lie."""

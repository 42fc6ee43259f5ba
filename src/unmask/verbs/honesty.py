"""What is refused before anything is trained or scored: data that would make numbers untrue."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unmask.config.schema import BlendConfig, DataConfig
from unmask.core.errors import ConfigError
from unmask.data.audit import SharedThing, count_by_kind, refuse_leaks
from unmask.data.store import FaceStore
from unmask.prepare.datasets import store_folder
from unmask.prepare.preparation import Preparation
from unmask.verbs.audit import audit_stores
from unmask.verbs.listener import Listener, ignore
from unmask.verbs.objects import make_dataset


@dataclass(frozen=True)
class LeaksLetThrough:
    """What splits share although it would make every number of a run untrue.

    Attributes:
        things: Each shared video, group or pair of crops.
    """

    things: list[SharedThing]


def require_names_apart(
    data: DataConfig | BlendConfig,
    tested: Mapping[str, DataConfig],
    preparation: Preparation,
    data_dir: Path,
) -> None:
    """Refuse different data sets of one name: one would be left out, or mixed with the other.

    Args:
        tested: What else is tested on, by its key in ``eval.datasets``.
        data_dir: Where face crops lie.

    Raises:
        ConfigError: If two have one name and different folders; it names the words that help.
    """
    if isinstance(data, BlendConfig):
        places = {f"data.sets.{key}": one for key, one in data.sets.items()}
    else:
        places = {"data": data}
    places |= {f"eval.datasets.{key}": one for key, one in tested.items()}
    found: dict[str, tuple[str, Path]] = {}
    for place, config in places.items():
        dataset = make_dataset(config)
        name, folder = dataset.source.name, store_folder(dataset, preparation, data_dir)
        first, first_folder = found.setdefault(name, (place, folder))
        if folder != first_folder:
            raise ConfigError(
                f"`{first}` and `{place}` are different data sets of one name, '{name}', and would "
                f"be mixed; name one of them, e.g. with {place}.name={name}_2 and "
                f"{place}.source.name={name}_2."
            )


def require_no_leak(
    own: list[FaceStore],
    others: list[FaceStore],
    *,
    allow_leak: bool,
    listener: Listener = ignore,
) -> dict[str, int]:
    """Refuse splits of a run that share anything, or say how much is shared where it is allowed.

    Args:
        others: What else is tested on.
        allow_leak: Go on.
        listener: Hears what is let through.

    Returns:
        How many videos, groups and pairs of crops are shared.

    Raises:
        DataError: If anything is shared and ``allow_leak`` is False.
    """
    things = audit_stores(own, others)
    if not allow_leak:
        refuse_leaks(things)
    if things:
        listener(LeaksLetThrough(things))
    return count_by_kind(things)

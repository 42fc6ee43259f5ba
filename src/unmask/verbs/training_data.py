"""What a training reads: opened once, refused where its numbers would be untrue, and recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.config.schema import TrainConfig, sets_of
from unmask.data.store import FaceStore
from unmask.prepare.datasets import open_store
from unmask.runs.content import content_of, require_same_content, write_content
from unmask.training.ranks import is_rank_zero
from unmask.verbs.honesty import require_names_apart, require_no_leak
from unmask.verbs.listener import Listener
from unmask.verbs.objects import make_dataset, make_preparation
from unmask.verbs.reuse import training_identity


@dataclass(frozen=True)
class TrainingData:
    """The prepared data sets of a training.

    Attributes:
        leaks: How many shared videos, groups and pairs of crops were let through.
    """

    own: list[FaceStore]
    leaks: dict[str, int]

    @property
    def name(self) -> str:
        """Names of what is trained on, joined by "+"."""
        return "+".join(store.dataset for store in self.own)


def open_training_data(config: TrainConfig, listener: Listener) -> TrainingData:
    """Open what is trained on, making crops that are missing.

    Raises:
        ConfigError: If two data sets have one name.
        DataError: If splits share anything with each other or with what is tested on.
    """
    preparation = make_preparation(config.prepare)
    tested = config.eval.datasets if config.test else {}
    require_names_apart(config.data, tested, preparation, config.paths.data_dir)
    own, others = (
        [open_store(make_dataset(one), preparation, config.paths.data_dir) for one in datasets]
        for datasets in (sets_of(config.data), tested.values())
    )
    leaks = require_no_leak(own, others, allow_leak=config.allow_leak, listener=listener)
    return TrainingData(own, leaks)


def bind(config: TrainConfig, folder: Path, stores: list[FaceStore]) -> dict[str, Any]:
    """Record what is trained on, which a run that goes on must have begun with.

    Returns:
        What decides the result, for :func:`unmask.runs.identity.save_identity`.

    Raises:
        DataError: If a resumed run began with other data.
    """
    if is_rank_zero():
        content = [content_of(store) for store in stores]
        if config.resume is not None:
            require_same_content(config.resume.parent.parent, content)
        write_content(folder, content)
    return training_identity(config) or {}

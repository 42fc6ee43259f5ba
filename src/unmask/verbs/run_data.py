"""The data that a finished run is scored on, held against what the run was trained on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from unmask.config.schema import DataConfig, EvalConfig, TrainConfig, sets_of
from unmask.core.errors import DataError
from unmask.data.store import FaceStore
from unmask.prepare.datasets import open_store, store_folder
from unmask.prepare.preparation import Preparation
from unmask.runs.card import RunCard
from unmask.runs.content import (
    Changes,
    changes_since,
    content_of,
    read_content,
    require_same_hashes,
)
from unmask.runs.run import Run
from unmask.verbs.objects import make_dataset

# A run is never scored on what it was trained on.
_SCORED = ("val", "test")


@dataclass(frozen=True)
class RunData:
    """What a run is scored on.

    Attributes:
        own: What it was trained on; validation and test splits are scored.
        others: What else is tested on.
        content: A table of each, as :func:`unmask.runs.content.content_of` gives it.
        changes: What is not as the run has recorded it.
    """

    own: list[FaceStore]
    others: list[FaceStore]
    content: list[pd.DataFrame]
    changes: list[Changes]

    def require_unchanged(self, run_dir: Path) -> None:
        """Refuse to score a run on other data than its own.

        Raises:
            DataError: If anything has changed, with counts, the first names and the ways out.
        """
        if not self.changes:
            return
        trained = sum(len(one.trained) for one in self.changes)
        memory = f" It was trained on {trained} of the videos to be tested." if trained else ""
        raise DataError(
            f"The data are no longer those of the run {run_dir}. "
            f"{'. '.join(map(str, self.changes))}.{memory} Nothing was scored, and the run is as "
            "it was. Bring back the data, or train again; `unmask evaluate "
            f"run={run_dir} allow_changed_data=true` scores the data as they are, in a folder of "
            "its own, without videos that the run was trained on, and marks every number."
        )

    def without_trained(self) -> "RunData":
        """Leave out videos that the run was trained on and that are in another split now."""
        trained = {(one.dataset, name) for one in self.changes for name in one.trained}
        return replace(
            self,
            own=[_without(store, trained) for store in self.own],
            others=[_without(store, trained) for store in self.others],
        )


def open_run_data(
    run: Run, trained: TrainConfig, plan: EvalConfig, preparation: Preparation, *, data_dir: Path
) -> RunData:
    """Open what a run was trained on, and what else it is tested on, cut in the same way.

    A source is looked for where its settings say, where the run has recorded it, and under the
    recorded name below ``data_dir``; whichever holds what the run was trained on is taken.

    Args:
        plan: What else is tested on.
        data_dir: Where face crops lie.

    Raises:
        DataError: If a store cannot be opened, or an old run's data have changed.
    """
    recorded = read_content(run.folder)
    opened = [
        _open_own(one, preparation, data_dir, run.card, recorded) for one in sets_of(trained.data)
    ]
    own = [store for store, _ in opened]
    others = [
        open_store(make_dataset(one), preparation, data_dir) for one in plan.datasets.values()
    ]
    content = [table for _, table in opened]
    content += [_tests_of(store) for store in others if store.dataset not in _names(own)]
    if recorded is None:
        require_same_hashes(run, content)
        return RunData(own, others, content, [])
    changes = [changes_since(recorded, table) for table in content]
    return RunData(own, others, content, [one for one in changes if one is not None])


def _open_own(
    config: DataConfig,
    preparation: Preparation,
    data_dir: Path,
    card: RunCard,
    recorded: pd.DataFrame | None,
) -> tuple[FaceStore, pd.DataFrame]:
    """Open a source at the first place that holds what was trained on, else at the first there."""
    dataset = make_dataset(config)
    by_settings = partial(open_store, dataset, preparation, data_dir)
    folder = store_folder(dataset, preparation, data_dir)
    first: tuple[FaceStore, pd.DataFrame] | None = None
    for open_place in _places(by_settings, folder, data_dir, card.stores.get(dataset.source.name)):
        store = open_place()
        content = content_of(store, _SCORED)
        if recorded is None or changes_since(recorded, content) is None:
            return store, content
        first = first or (store, content)
    if first is not None:
        return first
    _refuse_rendering_elsewhere(config, data_dir)
    store = by_settings()
    return store, content_of(store, _SCORED)


def _refuse_rendering_elsewhere(config: DataConfig, data_dir: Path) -> None:
    """Refuse to render embedded data at a place that a run's folder names."""
    is_below = config.root.resolve().is_relative_to(data_dir.resolve())
    if config.make is not None and not is_below and not config.root.exists():
        raise DataError(
            f"The synthetic people of '{config.name}' are not at {config.root}, and would be "
            f"rendered there, outside paths.data_dir={data_dir}; name a folder above it."
        )


def _places(
    by_settings: Callable[[], FaceStore], folder: Path, data_dir: Path, recorded: str | None
) -> Iterator[Callable[[], FaceStore]]:
    if recorded is not None:
        # A relative data.root of a run of an earlier version can mean another folder by now.
        for place in dict.fromkeys((Path(recorded), data_dir / "faces" / Path(recorded).name)):
            if place.resolve() != folder.resolve() and (place / "faces.parquet").is_file():
                yield partial(FaceStore.open, place)
    if (folder / "faces.parquet").is_file():
        yield by_settings


def _tests_of(store: FaceStore) -> pd.DataFrame:
    content = content_of(store, ("test",))
    return content[content["split"] == "test"].reset_index(drop=True)


def _names(stores: list[FaceStore]) -> set[str]:
    return {store.dataset for store in stores}


def _without(store: FaceStore, trained: set[tuple[str, str]]) -> FaceStore:
    keys = zip(store.videos["dataset"], store.videos["video_id"], strict=True)
    is_kept = [key not in trained for key in keys]
    return replace(store, videos=store.videos[is_kept].reset_index(drop=True))

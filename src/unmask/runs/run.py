"""A run: a training, or an ensemble of them, with everything that its folder holds.

Every reader of a run opens it here, and every writer changes its card through :meth:`Run.edit`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from glob import glob
from pathlib import Path
from typing import Any, Final, Literal, Self

import pandas as pd
from pandas.errors import EmptyDataError, ParserError

from unmask.config.foreign import read_foreign
from unmask.core.errors import DataError
from unmask.core.files import sha256_of_file
from unmask.core.locks import locked
from unmask.evaluation.embeddings import read_embeddings
from unmask.evaluation.predictions import read_predictions, read_unscored
from unmask.runs.card import RunCard, read_json
from unmask.runs.files import (
    CARD_FILE,
    CONFIG_FILE,
    CURVES_FILE,
    EMBEDDINGS_FILE,
    LOCK_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PREDICTIONS_FILE,
    REPORT_FILE,
    UNSCORED_FILE,
)

# How far below a matched folder runs are looked for: those of a sweep lie in outputs/train/<sweep>.
MOST_LEVELS: Final = 3
# Whether validation chose the scored weights.
WeightsState = Literal["chosen", "other", "unknown"]
# Facts about the checkpoint that validation chose, which may not be the one that was scored.
_OF_THE_CHOSEN: Final = ("best_epoch", "val_video_auc")
# Facts that a run has under names of its own.
_APART: Final = (
    "name", "source_dataset", "source_datasets", "threshold_from", "stores", "metrics",
)  # fmt: skip


@dataclass(frozen=True)
class Weights:
    """The weights behind a run's numbers; before anything was scored, those that validation chose.

    Attributes:
        path: Their file, None where it has gone.
        sha256: SHA-256 of that file, as recorded; "" where nobody knows.
        state: Whether validation chose them: ``"chosen"``, ``"other"`` or ``"unknown"``.
    """

    path: Path | None
    sha256: str
    state: WeightsState


class Run:
    """One run, read from its folder when something of it is asked for."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """Open a finished training run or an ensemble.

        Raises:
            DataError: If the folder holds no run, or its card is damaged.
        """
        run = cls(folder)
        _ = run.card
        return run

    @classmethod
    def create(cls, folder: Path, card: RunCard) -> Self:
        """Make a folder a finished run's by writing its card, the last file of a training."""
        run = cls(folder)
        with run.edit():
            card.save(folder)
        return run

    @classmethod
    def find(cls, pattern: str, *, levels: int = MOST_LEVELS) -> list[Self]:
        """List the finished runs that a pattern matches.

        A matched folder that is no run itself is taken for one that holds runs, as those of a sweep
        and ``outputs/train`` do.

        Args:
            pattern: Pattern of folders, e.g. ``"outputs/*"``.
            levels: How far below a matched folder runs are looked for; 0 takes matched runs alone.

        Returns:
            Runs in the order of their folders, each once; none is read yet.
        """
        matched = sorted(Path(path) for path in glob(pattern))  # noqa: PTH207 - may be absolute
        folders = [folder for path in matched for folder in _runs_in(path, levels)]
        return [cls(folder) for folder in dict.fromkeys(folders)]

    def __repr__(self) -> str:
        """Name the folder."""
        return f"Run({str(self.folder)!r})"

    @property
    def is_finished(self) -> bool:
        """Whether it has a card, which comes last."""
        return (self.folder / CARD_FILE).is_file()

    @cached_property
    def card(self) -> RunCard:
        """The facts of the run.

        Raises:
            DataError: If the folder holds no run, or its card is damaged.
        """
        return RunCard.read(self.folder)

    @contextmanager
    def edit(self) -> Iterator[Callable[..., None]]:
        """Hold the run against other calls that write it, and forget what was read of it.

        Yields:
            A function that writes facts into the card, as it is now, at once: ``write(seed=1)``.
        """
        with locked(self.folder / LOCK_FILE):
            self._forget()
            try:
                yield self._write
            finally:
                self._forget()

    def _write(self, **facts: Any) -> None:  # noqa: ANN401 - any attribute of a card
        card = self.card.model_copy(update=facts)
        card.save(self.folder)
        self.__dict__["card"] = card

    def _forget(self) -> None:
        for name in [name for name in self.__dict__ if name != "folder"]:
            del self.__dict__[name]

    @property
    def is_ensemble(self) -> bool:
        """Whether it has members and no network of its own."""
        return self.card.kind == "ensemble"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.card.name

    @property
    def source_datasets(self) -> list[str]:
        """The data sets that it was trained on."""
        return self.card.sources

    @property
    def threshold_split(self) -> str:
        """The split of these data sets that fixes the threshold.

        Raises:
            DataError: If the card names another than ``train`` and ``val``.
        """
        split = self.card.threshold_from or "val"
        if split not in ("train", "val"):
            raise DataError(
                f"{self.folder / CARD_FILE} takes the threshold from {split!r}; "
                "it must come from the split 'val' or 'train' of the data set trained on."
            )
        return split

    @property
    def stores(self) -> dict[str, Path]:
        """The folder of each data set's face crops."""
        return {dataset: Path(folder) for dataset, folder in self.card.stores.items()}

    @property
    def leaks(self) -> dict[str, int] | None:
        """What splits share, by kind, where it was let through; None where it was refused."""
        return dict(self.card.leaks) if self.card.leak_allowed else None

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The other facts of the card, as plain values.

        Facts about the checkpoint that validation chose are left out where another was scored.
        """
        left_out = _APART if self.state == "chosen" else (*_APART, *_OF_THE_CHOSEN)
        return {name: fact for name, fact in self.card.facts().items() if name not in left_out}

    @cached_property
    def config(self) -> dict[str, Any] | None:
        """The resolved configuration, read as data; None where there is none.

        Raises:
            ConfigError: If it holds anything but plain values, or names what is not trusted.
            DataError: If the file is no mapping.
        """
        path = self.folder / CONFIG_FILE
        return read_foreign(path) if path.is_file() else None

    @property
    def has_tables(self) -> bool:
        """Whether it has predictions that can be believed."""
        return (self.folder / PREDICTIONS_FILE).is_file() and not self._is_broken_off

    @property
    def _is_broken_off(self) -> bool:
        """Whether a call ended while it replaced the tables, which can be of two networks."""
        is_erased = "scored_checkpoint" in self.card.model_fields_set
        return bool(self.card.best_checkpoint) and is_erased and not self.card.scored_checkpoint

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Checked predictions.

        Raises:
            DataError: If there are none, or a call ended while it replaced them.
            PredictionsError: If the table breaks its schema.
        """
        path = self.folder / PREDICTIONS_FILE
        if self._is_broken_off and path.is_file():
            raise DataError(
                f"The tables of {self.folder} were being replaced when the call that did it ended, "
                f"so nobody knows what they hold; `unmask evaluate run={self.folder}` writes them "
                "anew."
            )
        return read_predictions(path)

    @cached_property
    def unscored(self) -> pd.DataFrame:
        """Checked videos without a score."""
        return read_unscored(self.folder / UNSCORED_FILE)

    @cached_property
    def embeddings(self) -> pd.DataFrame | None:
        """Features of each video, where they were kept."""
        path = self.folder / EMBEDDINGS_FILE
        return read_embeddings(path) if path.is_file() else None

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Metrics by epoch, as :func:`read_curves` gives them."""
        return read_curves(self.folder / CURVES_FILE)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``.

        Raises:
            DataError: If it is missing or damaged.
        """
        path = self.folder / METRICS_FILE
        if not path.is_file():
            raise DataError(
                f"{self.folder} holds no {METRICS_FILE}; `unmask report runs={self.folder}` "
                "writes it."
            )
        return read_json(path)

    @property
    def report(self) -> Path:
        """The page of its report, which may not be there."""
        return self.folder / REPORT_FILE

    @property
    def model(self) -> Path:
        """The model that it releases, which may not be there."""
        return self.folder / MODEL_FILE

    @property
    def best(self) -> Path:
        """The checkpoint that validation chose, which may have gone.

        Raises:
            DataError: If the run has no network of its own.
        """
        self.require_network()
        return self.folder / self.card.best_checkpoint

    def require_network(self) -> None:
        """Refuse an ensemble, and tables that were made elsewhere.

        Raises:
            DataError: If the run has no network of its own.
        """
        if self.is_ensemble:
            raise DataError(
                f"{self.folder} is an ensemble and has no network of its own: evaluate its "
                "members, then make it again with `unmask ensemble`."
            )
        missing = sorted(
            name
            for name in ("model", "data", "seed", "best_checkpoint", "val_video_auc")
            if name not in self.card.model_fields_set
        )
        if missing:
            raise DataError(
                f"{self.folder / CARD_FILE} cannot be read: it lacks {missing}, which "
                "`unmask train` writes."
            )

    @cached_property
    def state(self) -> WeightsState:
        """Whether validation chose the weights behind the tables."""
        card = self.card
        if card.members_not_chosen:
            return "other"
        if card.members_not_confirmed:
            return "unknown"
        if not card.best_checkpoint:
            return "chosen"  # an ensemble, or tables made elsewhere: nothing else could be scored
        chosen = card.best_checkpoint_hash
        best = self.folder / card.best_checkpoint
        if chosen is None and best.is_file():
            chosen = sha256_of_file(best)  # of a version that did not record it
        if card.scored_checkpoint is None or chosen is None:
            return "unknown"
        return "chosen" if card.scored_checkpoint == chosen else "other"

    @cached_property
    def weights(self) -> Weights:
        """The weights behind the tables.

        Raises:
            DataError: If the run has no network of its own.
        """
        best, scored = self.best, self.card.scored_checkpoint
        if scored is None:
            is_there = best.is_file()
            found = sha256_of_file(best) if is_there else self.card.best_checkpoint_hash or ""
            return Weights(best if is_there else None, found, self.state)
        for path in dict.fromkeys((best, *sorted(best.parent.glob("*.ckpt")))):
            if path.is_file() and sha256_of_file(path) == scored:
                return Weights(path, scored, self.state)
        return Weights(None, scored, self.state)


def _runs_in(folder: Path, levels: int) -> list[Path]:
    if (folder / CARD_FILE).is_file():
        return [folder]
    if levels == 0:
        return []
    return [run for path in sorted(folder.glob("*")) for run in _runs_in(path, levels - 1)]


def read_curves(path: Path) -> pd.DataFrame:
    """Read what the CSV logger wrote, one row per epoch.

    The logger leaves gaps, because training and validation log at different steps; the last value
    of each metric within an epoch counts, so that a resumed epoch replaces the broken one.

    Args:
        path: ``metrics.csv`` with a column ``epoch``; may be absent or empty.

    Returns:
        Metrics as columns, sorted, epochs as index; no rows where nothing was logged.

    Raises:
        DataError: If the file is no such table.
    """
    if not path.is_file():
        return pd.DataFrame()
    try:
        logged = pd.read_csv(path)
    except EmptyDataError:
        return pd.DataFrame()
    except (ParserError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a readable CSV file: {error}.") from error
    if "epoch" not in logged:
        raise DataError(f"{path} has no column 'epoch'; it has {list(logged.columns)}.")
    by_epoch: pd.DataFrame = (
        logged.dropna(subset="epoch").astype({"epoch": int}).groupby("epoch").last()
    )
    metrics = by_epoch.drop(columns="step", errors="ignore").select_dtypes("number")
    return metrics.dropna(axis="columns", how="all").sort_index(axis="columns")

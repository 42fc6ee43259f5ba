"""`unmask verify`: does a run still give the numbers that it reports?"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import lightning as L  # noqa: N812 - the library's own convention
import pandas as pd

from unmask.config.build import build_foreign
from unmask.config.schema import VerifyConfig
from unmask.core.errors import DataError, PredictionsError
from unmask.core.files import sha256_of_file, write_json
from unmask.data.dataset import ClipLayout
from unmask.data.splits import split_hashes
from unmask.data.store import FaceStore
from unmask.evaluation.predictions import PREDICTIONS_KEY, read_predictions, read_unscored
from unmask.report.measure import measure
from unmask.report.protocol import Protocol
from unmask.runs.card import RunCard, headline_metrics
from unmask.runs.content import Changes, changes_since, content_of, read_content
from unmask.runs.files import (
    CARD_FILE,
    CONFIG_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    UNSCORED_FILE,
)
from unmask.runs.run import Run
from unmask.training.checkpoint import read_detector
from unmask.training.launch import ALONE
from unmask.training.loader_processes import Workers
from unmask.training.score import ScoredSplit, evaluate
from unmask.verbs.objects import make_scorer
from unmask.verbs.run_config import read_train_config

CONFIRMED: Final = 0
NOT_CONFIRMED: Final = 1
# Most by which a score may differ and count as the same: room for another device or for half
# precision, far less than what moves a metric out of its interval.
SCORE_TOLERANCE: Final = 0.01
# Tolerance of an interval's ends: float64 sums of another library version.
ROUNDING: Final = 1e-9

State = Literal["equal", "close", "differs", "not recorded"]


@dataclass(frozen=True)
class Check:
    """Whether one thing is as the run recorded it.

    Attributes:
        state: ``"close"`` means scores that differ by less than :data:`SCORE_TOLERANCE`.
        detail: What differs; empty where nothing does.
    """

    what: str
    state: State
    detail: str = ""


@dataclass(frozen=True)
class Comparison:
    """One metric, then and now.

    Attributes:
        metric: A name of :data:`unmask.runs.card.HEADLINE`.
        recorded: Its value in ``run.json``.
        low: Lower end of the recorded interval; None where there is none.
        high: Upper end.
        found: Its value now; None where it cannot be had any more.
    """

    dataset: str
    split: str
    metric: str
    recorded: float
    low: float | None
    high: float | None
    found: float | None

    @property
    def is_equal(self) -> bool:
        """Whether it is the same to the last bit."""
        return self.found == self.recorded

    @property
    def is_within(self) -> bool:
        """Whether it lies in the recorded interval; without one, whether it is the same."""
        if self.found is None:
            return False
        low = self.recorded if self.low is None else self.low
        high = self.recorded if self.high is None else self.high
        return low - ROUNDING <= self.found <= high + ROUNDING


@dataclass(frozen=True)
class Verification:
    """What became of a run's claims.

    Attributes:
        checks: Checks of hashes and tables.
        comparisons: Comparisons of metrics.
    """

    run: str
    checks: list[Check]
    comparisons: list[Comparison]

    @property
    def exit_code(self) -> int:
        """Return :data:`CONFIRMED` or :data:`NOT_CONFIRMED`."""
        differs = any(check.state == "differs" for check in self.checks)
        outside = not all(one.is_within for one in self.comparisons)
        return NOT_CONFIRMED if differs or outside else CONFIRMED

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "run": self.run,
            "confirmed": self.exit_code == CONFIRMED,
            "checks": [asdict(check) for check in self.checks],
            "metrics": [
                {**asdict(one), "is_within": one.is_within, "is_equal": one.is_equal}
                for one in self.comparisons
            ],
        }


def verify(config: VerifyConfig, folder: Path) -> Verification:
    """Score a run again and check whether each number lies within its recorded interval.

    Nothing in the run's folder is written.

    Args:
        folder: Where ``verify.json`` goes.

    Raises:
        CheckpointError: If the checkpoint cannot be opened.
        DataError: If the run is not finished, records no metrics, or its crops are gone.
    """
    run_dir = config.run.parent if config.run.name == CARD_FILE else config.run
    Run.open(run_dir).require_network()  # says first what is wrong with the run itself
    verification = check_run(
        run_dir,
        layout=build_foreign(read_train_config(run_dir).clips, "clips"),
        make_trainer=make_scorer({**config.trainer, **ALONE}),
        batch_size=config.loader.batch_size,
        num_workers=config.loader.num_workers,
        data_dir=config.paths.data_dir,
    )
    write_json(folder / "verify.json", verification.to_json())
    return verification


def check_run(
    run_dir: Path,
    *,
    layout: ClipLayout,
    make_trainer: Callable[..., L.Trainer],
    batch_size: int,
    num_workers: Workers,
    data_dir: Path,
) -> Verification:
    """Score a run's splits again from its checkpoint and compare with ``run.json``.

    Nothing of the run is read from its cache of scores, and nothing in its folder is written.

    Args:
        layout: How tracks are cut into clips, as in training.
        make_trainer: Builds Lightning's trainer from ``default_root_dir``, ``callbacks`` and
            ``logger``.
        data_dir: Where face crops are looked for that are not where they were.

    Raises:
        CheckpointError: If the checkpoint cannot be opened.
        DataError: If the run is not finished, records no metrics, or its crops are gone.
    """
    run = Run.open(run_dir)
    card, recorded = run.card, _recorded_metrics(run)
    content = read_content(run_dir)
    stores = {name: _open_store(card, name, data_dir, content) for name in _datasets_of(card)}
    checkpoint = run.weights.path or run.best
    checkpoint_hash = sha256_of_file(checkpoint) if checkpoint.is_file() else ""
    with tempfile.TemporaryDirectory() as nowhere:
        evaluate(
            read_detector(checkpoint),
            [ScoredSplit(stores[name], split) for name in recorded for split in recorded[name]],
            layout=layout,
            trainer=make_trainer(default_root_dir=nowhere, callbacks=[], logger=False),
            batch_size=batch_size,
            num_workers=num_workers,
            run_dir=Path(nowhere),
            checkpoint_hash=checkpoint_hash,
            embeddings=False,
        )
        predictions = read_predictions(Path(nowhere) / PREDICTIONS_FILE)
        unscored = read_unscored(Path(nowhere) / UNSCORED_FILE)
    checks = [
        _hash_check(f"weights, {checkpoint.name}", card.scored_checkpoint, checkpoint_hash),
        _hash_check(CONFIG_FILE, card.config_hash, sha256_of_file(run_dir / CONFIG_FILE)),
        *_data_checks(card, stores),
        *_content_checks(content, stores.values()),
        *_table_checks(run_dir, predictions),
        _report_check(run),
    ]
    found = _measure(card, predictions, unscored)
    return Verification(str(run_dir), checks, list(_comparisons(recorded, found)))


def _recorded_metrics(run: Run) -> dict[str, Any]:
    recorded: dict[str, Any] = run.card.metrics.get("datasets", {})
    if not recorded:
        raise DataError(
            f"{run.folder / CARD_FILE} holds no metrics to verify; "
            f"`unmask evaluate run={run.folder}` measures the run and records them."
        )
    return recorded


def _datasets_of(card: RunCard) -> list[str]:
    return list(dict.fromkeys([*card.metrics["datasets"], *card.split_hashes]))


def _open_store(
    card: RunCard, dataset: str, data_dir: Path, content: pd.DataFrame | None
) -> FaceStore:
    """Open a data set's crops where they were, or under the same name below ``data_dir``.

    The place that holds what the run has recorded is taken, or else the first that is there.
    """
    if dataset not in card.stores:
        raise DataError(f"The run does not record where the face crops of '{dataset}' lie.")
    recorded = Path(card.stores[dataset])
    places = [recorded, data_dir / "faces" / recorded.name]
    there = [FaceStore.open(one) for one in places if (one / "faces.parquet").is_file()]
    for store in there:
        if content is None or len(there) == 1 or _changes(content, store) is None:
            return store
    if there:
        return there[0]
    raise DataError(
        f"The face crops of '{dataset}' are neither at {places[0]} nor at {places[1]}. Run "
        "`unmask prepare` with the settings of the run, or name their place with paths.data_dir."
    )


def _hash_check(what: str, recorded: str | None, found: str | None) -> Check:
    if recorded is None:
        return Check(what, "not recorded")
    if recorded == found:
        return Check(what, "equal")
    return Check(what, "differs", f"{recorded[:12]} recorded, {(found or 'nothing')[:12]} found")


def _data_checks(card: RunCard, stores: dict[str, FaceStore]) -> Iterator[Check]:
    for name, store in stores.items():
        yield _hash_check(
            f"manifest of {name}", card.manifest_hashes.get(name), store.manifest_hash
        )
        recorded, found = card.split_hashes.get(name, {}), split_hashes(store.videos)
        for split in sorted(recorded.keys() | found.keys()):
            there = recorded.get(split) if recorded else None
            yield _hash_check(
                f"videos and labels of {name}, {split}",
                "no such split" if recorded and there is None else there,
                found.get(split),
            )


def _changes(content: pd.DataFrame, store: FaceStore) -> Changes | None:
    """Compare the videos that the run has recorded of a store, with the crops of scored ones."""
    found = content_of(store, ("val", "test"))
    if not (content.loc[content["dataset"] == store.dataset, "split"] != "test").any():
        found = found[found["split"] == "test"]  # only tested on
    return changes_since(content, found)


def _content_checks(content: pd.DataFrame | None, stores: Iterable[FaceStore]) -> Iterator[Check]:
    for store in stores:
        what = f"videos, splits and face crops of {store.dataset}"
        if content is None or store.dataset not in set(content["dataset"]):
            yield Check(what, "not recorded")
        elif (changes := _changes(content, store)) is None:
            yield Check(what, "equal")
        else:
            yield Check(what, "differs", str(changes))


def _table_checks(run_dir: Path, fresh: pd.DataFrame) -> Iterator[Check]:
    """Compare the scores in the run's folder with those of now, split by split."""
    try:
        recorded = read_predictions(run_dir / PREDICTIONS_FILE)
    except (DataError, PredictionsError) as error:
        yield Check(PREDICTIONS_FILE, "differs", str(error))
        return
    columns = [*PREDICTIONS_KEY, "split", "score", "label"]
    both = recorded[columns].merge(
        fresh[columns], on=[*PREDICTIONS_KEY, "split"], how="outer", indicator=True
    )
    for key, part in both.groupby(["dataset", "split"], sort=True):
        yield _score_check(f"scores of {', '.join(map(str, key))}", part)


def _score_check(what: str, part: pd.DataFrame) -> Check:
    """Judge the clips of one split, joined from then and now."""
    is_alone = part["_merge"] != "both"
    if is_alone.any():
        return Check(what, "differs", f"{is_alone.sum()} of {len(part)} clips are in one only")
    if (part["label_x"] != part["label_y"]).any():
        return Check(what, "differs", "labels are not the same")
    largest = float((part["score_x"] - part["score_y"]).abs().max())
    if largest == 0:
        return Check(what, "equal")
    state: State = "close" if largest <= SCORE_TOLERANCE else "differs"
    return Check(what, state, f"by up to {largest:.2g}")


def _report_check(run: Run) -> Check:
    """Compare ``metrics.json`` with the part that ``run.json`` repeats."""
    if not (run.folder / METRICS_FILE).is_file():
        return Check(METRICS_FILE, "not recorded")
    same = headline_metrics(run.metrics) == run.card.metrics
    detail = "" if same else f"it says something else than {CARD_FILE}"
    return Check(METRICS_FILE, "equal" if same else "differs", detail)


def _measure(card: RunCard, predictions: pd.DataFrame, unscored: pd.DataFrame) -> dict[str, Any]:
    """Measure as the run was measured."""
    names = Protocol.__dataclass_fields__
    settings = {k: v for k, v in card.metrics["protocol"].items() if k in names}
    content = measure(
        predictions,
        unscored,
        source_datasets=card.sources,
        threshold_split=card.threshold_from or "val",
        protocol=Protocol(**settings),
        leaks=card.leaks if card.leak_allowed else None,
    )
    return headline_metrics(content)


def _comparisons(recorded: dict[str, Any], found: dict[str, Any]) -> Iterator[Comparison]:
    for dataset, splits in recorded.items():
        for split, metrics in splits.items():
            now = found["datasets"].get(dataset, {}).get(split, {})
            for name, estimate in metrics.items():
                if isinstance(estimate, dict):
                    yield Comparison(
                        dataset=dataset,
                        split=split,
                        metric=name,
                        recorded=estimate["value"],
                        low=estimate["low"],
                        high=estimate["high"],
                        found=now.get(name, {}).get("value"),
                    )

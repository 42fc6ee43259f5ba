"""Score a run on its own splits and on further data sets, and keep what was scored in its card."""

from functools import partial
from pathlib import Path
from typing import Any

from unmask.config.build import build_foreign
from unmask.config.schema import EvalConfig, LoaderConfig, TrainConfig
from unmask.core.errors import CheckpointError, DataError
from unmask.core.files import sha256_of_file
from unmask.data.splits import split_hashes
from unmask.data.store import FaceStore
from unmask.models.detector import ClipDetector
from unmask.runs.card import RunCard
from unmask.runs.content import add_content, copy_for_other_data
from unmask.runs.run import Run
from unmask.training.checkpoint import read_detector
from unmask.training.ranks import is_rank_zero, on_rank_zero
from unmask.training.score import Evaluation, ScoredSplit, operations_per_clip
from unmask.training.score import evaluate as score_splits
from unmask.training.weights import hash_of_weights, require_own_weights
from unmask.verbs.honesty import require_names_apart, require_no_leak
from unmask.verbs.listener import Listener, ignore
from unmask.verbs.objects import make_preparation, make_scorer
from unmask.verbs.run_config import read_train_config
from unmask.verbs.run_data import RunData, open_run_data


def score_run(
    run_dir: Path,
    plan: EvalConfig,
    *,
    data_dir: Path,
    loader: LoaderConfig,
    trainer: dict[str, Any],
    checkpoint: Path | None = None,
    allow_leak: bool = False,
    leaks: dict[str, int] | None = None,
    changed_data_dir: Path | None = None,
    listener: Listener = ignore,
) -> Run:
    """Score a run's own validation and test splits and the test splits of ``plan.datasets``.

    Args:
        run_dir: Folder of a finished training run.
        plan: Which further data sets to score.
        data_dir: Where indexes and face crops lie.
        loader: How clips reach the network.
        trainer: Node that builds the trainer.
        checkpoint: Weights to score, of the run's own training; None takes the epoch that
            validation chose. Reports mark every number of any other.
        allow_leak: Go on although a set shares something with training; the run is marked.
        leaks: What an audit of these very sets has counted; None audits them.
        changed_data_dir: Where a marked copy of the run goes, and its scores, if its data are not
            those that it was trained on; None refuses such data.
        listener: Hears what became of each split.

    Returns:
        The run that was scored: that of ``run_dir``, or its copy in ``changed_data_dir``.

    Raises:
        CheckpointError: If the checkpoint is of another training.
        ConfigError: If two data sets have one name.
        DataError: If a set shares something with training, unless that is allowed, or is not as
            the run has recorded it.
    """
    run = _run_with_a_network(run_dir)
    trained = read_train_config(run_dir, config_hash=run.card.config_hash)
    checkpoint = _own_weights(checkpoint, run, trained)
    weights, allow = hash_of_weights(checkpoint, run.best), allow_leak or run.card.leak_allowed
    run, data = _data_of(run, trained, plan, data_dir, changed_data_dir)
    if leaks is None:
        leaks = require_no_leak(data.own, data.others, allow_leak=allow, listener=listener)
    detector = read_detector(checkpoint)
    layout = build_foreign(trained.clips, "clips")
    flops = _flops_of(detector, layout.num_frames, run.card)
    evaluation = score_splits(
        detector,
        _splits_to_score(data.own, data.others),
        layout=layout,
        trainer=make_scorer(trainer)(default_root_dir=run.folder, callbacks=[], logger=False),
        batch_size=loader.batch_size,
        num_workers=loader.num_workers,
        run_dir=run.folder,
        checkpoint_hash=weights,
        embeddings=plan.embeddings,
    )
    if is_rank_zero():
        facts = {"flops_per_clip": flops, "frames_per_clip": layout.num_frames}
        for outcome in evaluation.outcomes:
            listener(outcome)
        _record(run, evaluation, data, leaks, allow_leak=allow_leak, facts=facts)
    return run


def _run_with_a_network(run_dir: Path) -> Run:
    run = Run.open(run_dir)
    run.require_network()
    return run


def _record(
    run: Run,
    evaluation: Evaluation,
    data: RunData,
    leaks: dict[str, int],
    *,
    allow_leak: bool,
    facts: dict[str, Any],
) -> None:
    """Write what was scored, and how fast, into the run's card."""
    stores = [*data.own, *data.others]
    with run.edit() as write:
        card = run.card
        found = {kind: max(count, card.leaks.get(kind, 0)) for kind, count in leaks.items()}
        write(
            manifest_hashes=card.manifest_hashes | {s.dataset: s.manifest_hash for s in stores},
            split_hashes=card.split_hashes | {s.dataset: split_hashes(s.videos) for s in stores},
            stores=card.stores | {s.dataset: str(s.folder.resolve()) for s in stores},
            leak_allowed=card.leak_allowed or allow_leak,
            leaks=card.leaks | found,
            scoring=evaluation.scoring or card.scoring,
            **facts,
        )
        add_content(run.folder, data.content)


def _data_of(
    run: Run,
    trained: TrainConfig,
    plan: EvalConfig,
    data_dir: Path,
    changed_data_dir: Path | None,
) -> tuple[Run, RunData]:
    """Open what is scored, and the run that it is: a copy where its data have changed."""
    preparation = make_preparation(trained.prepare)
    require_names_apart(trained.data, plan.datasets, preparation, data_dir)
    data = open_run_data(run, trained, plan, preparation, data_dir=data_dir)
    if not data.changes or changed_data_dir is None:
        data.require_unchanged(run.folder)
        return run, data
    on_rank_zero(partial(copy_for_other_data, run, changed_data_dir, data.changes))
    return Run.open(changed_data_dir), data.without_trained()


def _own_weights(checkpoint: Path | None, run: Run, trained: TrainConfig) -> Path:
    """Return the weights to score, refusing foreign ones before anything long begins."""
    if checkpoint is None:
        if run.best.is_file() and run.card.best_checkpoint_hash not in (
            None, sha256_of_file(run.best)
        ):  # fmt: skip
            raise CheckpointError(
                f"{run.best} holds other weights than those that validation chose, as run.json "
                f"records them; score them with checkpoint={run.best}, and every number is marked."
            )
        return run.best
    require_own_weights(checkpoint, run, model=trained.model)
    return checkpoint


def _flops_of(detector: ClipDetector, num_frames: int, card: RunCard) -> int:
    """Count the operations of a clip once per run, on the CPU, where the weights still are."""
    if card.flops_per_clip is not None and card.frames_per_clip == num_frames:
        return card.flops_per_clip
    return operations_per_clip(detector, num_frames)


def _splits_to_score(own: list[FaceStore], others: list[FaceStore]) -> list[ScoredSplit]:
    """List the sources' validation splits, which fix the threshold, and every test split."""
    for store in others:
        if not _has(store, "test"):
            raise DataError(
                f"'{store.dataset}' has no test split, so nothing of it can be measured."
            )
    splits = [ScoredSplit(store, "val") for store in own if _has(store, "val")]
    tests = [store for store in own if _has(store, "test")]
    # A source that is also named as an evaluation set is tested on once.
    sources = {store.dataset for store in own}
    tests += [store for store in others if store.dataset not in sources]
    return splits + [ScoredSplit(store, "test") for store in tests]


def _has(store: FaceStore, split: str) -> bool:
    return bool((store.videos["split"] == split).any())

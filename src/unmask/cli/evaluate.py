"""`unmask evaluate`: score a trained run, also on data sets that it has never seen."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from unmask.cli.console import console
from unmask.cli.hydra import Call, run_verb
from unmask.cli.report import write_report
from unmask.cli.run_data import RunData, open_run_data
from unmask.cli.tables import audit_table
from unmask.config.build import build_foreign
from unmask.config.schema import (
    BlendConfig,
    DataConfig,
    EvalConfig,
    EvaluateConfig,
    LoaderConfig,
    TrainConfig,
)
from unmask.config.validate import typed_run
from unmask.core.errors import CheckpointError, ConfigError, DataError
from unmask.core.files import sha256_of_file
from unmask.data.audit import count_by_kind, refuse_leaks
from unmask.data.splits import split_hashes
from unmask.data.store import FaceStore
from unmask.models.detector import ClipDetector
from unmask.prepare.datasets import Preparation, store_folder
from unmask.runs.card import RunCard
from unmask.runs.content import add_content, copy_for_other_data
from unmask.runs.files import CONFIG_FILE
from unmask.runs.run import Run
from unmask.training.checkpoint import read_detector
from unmask.training.model_card import release
from unmask.training.ranks import is_rank_zero, on_rank_zero
from unmask.training.score import Evaluation, ScoredSplit, operations_per_clip
from unmask.training.score import evaluate as score
from unmask.training.weights import hash_of_weights, require_own_weights
from unmask.verbs.audit import audit_stores
from unmask.verbs.objects import make_dataset, make_preparation, make_scorer


def evaluate(arguments: list[str]) -> None:
    """Score a trained run."""
    run_verb("evaluate", _evaluate, arguments)


def _evaluate(call: Call) -> None:
    config: EvaluateConfig = call.config
    run_dir = score_run(
        config.run,
        config.eval,
        data_dir=config.paths.data_dir,
        loader=config.loader,
        trainer=config.trainer,
        checkpoint=config.checkpoint,
        allow_leak=config.allow_leak,
        changed_data_dir=call.run_dir if config.allow_changed_data else None,
    )
    if is_rank_zero():
        write_report(run_dir, config.eval, seed=config.seed)
        release(run_dir, config.checkpoint)


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
) -> Path:
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

    Returns:
        The folder of the run that was scored: ``run_dir`` or ``changed_data_dir``.

    Raises:
        CheckpointError: If the checkpoint is of another training.
        ConfigError: If two data sets have one name.
        DataError: If a set shares something with training, unless that is allowed, or is not as
            the run has recorded it.
    """
    run = Run.open(run_dir)
    trained = read_train_config(run_dir, config_hash=run.card.config_hash)
    checkpoint = _own_weights(checkpoint, run, trained)
    weights, allow = hash_of_weights(checkpoint, run.best), allow_leak or run.card.leak_allowed
    run, data = _data_of(run, trained, plan, data_dir, changed_data_dir)
    if leaks is None:
        leaks = require_no_leak(data.own, data.others, allow_leak=allow)
    detector = read_detector(checkpoint)
    layout = build_foreign(trained.clips, "clips")
    flops = _flops_of(detector, layout.num_frames, run.card)
    evaluation = score(
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
        _record(run, evaluation, data, leaks, allow_leak=allow_leak, facts=facts)
    return run.folder


def _record(
    run: Run,
    evaluation: Evaluation,
    data: RunData,
    leaks: dict[str, int],
    *,
    allow_leak: bool,
    facts: dict[str, Any],
) -> None:
    """Say what was scored, and how fast, and write it into the run's card."""
    for outcome in evaluation.outcomes:
        console.print(str(outcome), highlight=False, soft_wrap=True)
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


def require_names_apart(
    data: DataConfig | BlendConfig,
    tested: Mapping[str, DataConfig],
    preparation: Preparation,
    data_dir: Path,
) -> None:
    """Refuse different data sets of one name: one would be left out, or mixed with the other.

    Args:
        data: What is trained on.
        tested: What else is tested on, by its key in ``eval.datasets``.
        preparation: How faces are cut.
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
    own: list[FaceStore], others: list[FaceStore], *, allow_leak: bool
) -> dict[str, int]:
    """Refuse splits of a run that share anything, or say how much is shared where it is allowed.

    Args:
        own: What is trained on.
        others: What else is tested on.
        allow_leak: Go on; what is shared is printed.

    Returns:
        How many videos, groups and pairs of crops are shared.

    Raises:
        DataError: If anything is shared and ``allow_leak`` is False.
    """
    things = audit_stores(own, others)
    if not allow_leak:
        refuse_leaks(things)
    if things:
        console.print(audit_table(things))
        console.print(f"{len(things)} leaks are let through: every number of this run is marked.")
    return count_by_kind(things)


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


def read_train_config(run_dir: Path, *, config_hash: str | None = None) -> TrainConfig:
    """Read the configuration that a run was trained with.

    Args:
        run_dir: The run's folder.
        config_hash: SHA-256 that the file must have; None takes any.

    Raises:
        ConfigError: If it does not fit this version, or names anything but what shipped
            configurations name at its place, which is then not imported.
        DataError: If there is none.
    """
    path = run_dir / CONFIG_FILE
    if not path.is_file():
        raise DataError(f"{run_dir} holds no {CONFIG_FILE}, which `unmask train` writes.")
    if config_hash is not None and sha256_of_file(path) != config_hash:
        raise ConfigError(
            f"{path} is not the one that the run was trained with, as run.json records it; "
            "bring the file back, or train again."
        )
    trained: TrainConfig = typed_run(Run(run_dir).config or {})
    return trained

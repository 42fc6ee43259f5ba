"""`unmask train`, also `python train.py`."""

import math
from functools import partial
from pathlib import Path
from typing import Any

from unmask.cli.console import console
from unmask.cli.evaluate import require_names_apart, require_no_leak, score_run
from unmask.cli.hydra import Call, run_verb
from unmask.cli.report import write_report
from unmask.cli.reuse import complete_tests, find_trained, training_identity
from unmask.cli.sweep import BOOTSTRAP_SEED, report_sweep
from unmask.config.build import build
from unmask.config.schema import BlendConfig, TrainConfig, sets_of
from unmask.config.trust import refuse_unrebuildable
from unmask.core.files import sha256_of_file, sha256_of_json
from unmask.data.splits import split_hashes
from unmask.data.store import FaceStore
from unmask.models.detector import ClipDetector, Detector, check_clip_length
from unmask.prepare.datasets import open_store
from unmask.runs.card import RunCard, source_state
from unmask.runs.content import content_of, require_same_content, write_content
from unmask.runs.files import CONFIG_FILE
from unmask.runs.identity import save_identity
from unmask.runs.run import Run
from unmask.runs.sweep import JobResult
from unmask.training.checkpoint import Provenance
from unmask.training.datamodule import ClipDataModule, TrainingSet
from unmask.training.feature_cache import cached_features, require_fixed_features
from unmask.training.fit import Recipe, TrainSummary, build_seeded, check, rehearse
from unmask.training.fit import train as fit
from unmask.training.model_card import release
from unmask.training.ranks import is_rank_zero, on_rank_zero
from unmask.training.tracking import Tracking
from unmask.training.trainer_settings import checking_words
from unmask.verbs.objects import (
    augmentation_of,
    make_dataset,
    make_encoder,
    make_preparation,
    make_recipe,
    recipe_settings,
)

_WHAT_TO_TRAIN = ("model=", "data=", "experiment=", "+experiment=")


def train(arguments: list[str]) -> None:
    """Train a detector; with neither model, data nor experiment named, the demo's."""
    if not any(argument.startswith(_WHAT_TO_TRAIN) for argument in arguments):
        arguments = ["experiment=demo", *arguments]
    run_verb("train", _train, arguments, after_sweep=report_sweep)


def _train(call: Call) -> JobResult:
    config: TrainConfig = call.config
    refuse_unrebuildable(call.content)
    if is_rank_zero():
        call.save_config()
    tracking, written = Tracking(), None
    try:
        result = _trained(call, tracking)
        if not is_rank_zero() or checking_words(config.trainer):
            return result
        if config.test and not call.in_sweep:
            written = write_report(result.run_dir, config.eval, seed=config.seed)
            console.print(f"Model: {release(result.run_dir)}", highlight=False, soft_wrap=True)
        elif config.test and tracking.wants_results:
            # A sweep reports on all of its runs at its end, when a job's tracker is long closed.
            written = write_report(result.run_dir, config.eval, seed=BOOTSTRAP_SEED)
        tracking.log_results(call.run_dir, [one.uri for one in written.pictures] if written else [])
    finally:
        tracking.close()
    return result


def _trained(call: Call, tracking: Tracking) -> JobResult:
    """Find the finished run that this one would repeat, or train."""
    config: TrainConfig = call.config
    # Where there are other processes, rank zero has looked before it called them.
    if not is_rank_zero() or (finished := find_trained(config)) is None:
        return _train_anew(call, tracking)
    complete_tests(config, finished)
    return JobResult(finished.card.val_video_auc or 0.0, finished.folder, "not trained again")


def _train_anew(call: Call, tracking: Tracking) -> JobResult:
    config: TrainConfig = call.config
    git = source_state()
    # Before the crops, which can take hours: a network that cannot be built is said at once.
    detector = _build_detector(config)
    recipe = make_recipe(config)
    rehearse(recipe, call.run_dir)
    stores, leaks = _open_stores(config)
    data = _make_data(config, _training_sets(config, stores, detector), detector.image_size)
    common: dict[str, Any] = {
        "provenance": _provenance(config, stores), "run_dir": call.run_dir, "config": call.content,
        "tracking": tracking,
    }  # fmt: skip
    if recipe.checking:
        check(detector, data, recipe, **common)
        return _checked(call, recipe)
    _bind(call.run_dir, stores, config.resume)
    identity = training_identity(config) or {}  # before the training, which data can change during
    summary = fit(detector, data, recipe, resume=config.resume, **common)
    on_rank_zero(partial(_write_card, call, summary, stores, leaks, git, identity))
    console.print(
        f"Trained {call.choices['model']} on {_name_of(stores)}: validation video AUC "
        f"{summary.val_video_auc:.4f} in epoch {summary.best_epoch + 1}.",
        highlight=False,
        soft_wrap=True,
    )
    if config.test:
        score_run(
            call.run_dir,
            config.eval,
            data_dir=config.paths.data_dir,
            loader=config.loader,
            trainer=config.trainer,
            leaks=leaks,
        )
    return JobResult(summary.val_video_auc, call.run_dir, "trained")


def _checked(call: Call, recipe: Recipe) -> JobResult:
    """Say that a call was a look at the code and has left no run."""
    words = ", ".join(f"`{word}`" for word in recipe.checking)
    console.print(
        f"The check ended well. With {words} no run is kept and nothing is scored; what was logged "
        f"lies in {call.run_dir}.",
        highlight=False,
        soft_wrap=True,
    )
    return JobResult(math.nan, call.run_dir, "only checked")


def _build_detector(config: TrainConfig) -> ClipDetector:
    detector = build_seeded(lambda: build(config.model), config.seed)
    check_clip_length(detector, build(config.clips).num_frames)
    if config.cache_features:
        augmentations = {one.name: augmentation_of(one) for one in sets_of(config.data)}
        require_fixed_features(detector, augmentations)
    return detector


def _open_stores(config: TrainConfig) -> tuple[list[FaceStore], dict[str, int]]:
    """Open what is trained on, and refuse what it shares with itself or with what is tested on."""
    preparation = make_preparation(config.prepare)
    tested = config.eval.datasets if config.test else {}
    require_names_apart(config.data, tested, preparation, config.paths.data_dir)
    own, others = (
        [open_store(make_dataset(one), preparation, config.paths.data_dir) for one in datasets]
        for datasets in (sets_of(config.data), tested.values())
    )
    return own, require_no_leak(own, others, allow_leak=config.allow_leak)


def _bind(run_dir: Path, stores: list[FaceStore], resume: Path | None) -> None:
    """Record what is trained on, which a run that goes on must have begun with."""
    if not is_rank_zero():
        return
    content = [content_of(store) for store in stores]
    if resume is not None:
        require_same_content(resume.parent.parent, content)
    write_content(run_dir, content)


def _training_sets(
    config: TrainConfig, stores: list[FaceStore], detector: ClipDetector
) -> list[TrainingSet]:
    """Join crops with how they are augmented, or with what the frozen backbone says of them."""
    if not config.cache_features:
        return [
            TrainingSet(store, augmentation_of(dataset))
            for store, dataset in zip(stores, sets_of(config.data), strict=True)
        ]
    assert isinstance(detector, Detector)  # others were refused before any crop was made
    cached = partial(
        cached_features,
        detector,
        make_trainer=make_encoder(config.trainer),
        num_workers=config.loader.num_workers,
        data_dir=config.paths.data_dir,
    )
    return [TrainingSet(store, features=cached(store)) for store in stores]


def _make_data(config: TrainConfig, sets: list[TrainingSet], image_size: int) -> ClipDataModule:
    return ClipDataModule(
        sets,
        layout=build(config.clips),
        image_size=image_size,
        sampling=build(config.sampler),
        batch_size=config.loader.batch_size,
        num_workers=config.loader.num_workers,
        seed=config.seed,
        allow_leak=config.allow_leak,
    )


def _name_of(stores: list[FaceStore]) -> str:
    return "+".join(store.dataset for store in stores)


def _provenance(config: TrainConfig, stores: list[FaceStore]) -> Provenance:
    hashes = {store.dataset: store.manifest_hash for store in stores}
    return Provenance(
        model=config.model,
        dataset=_name_of(stores),
        manifest_hash=sha256_of_json(hashes) if len(stores) > 1 else stores[0].manifest_hash,
        seed=config.seed,
        leak_allowed=config.allow_leak,
        recipe=recipe_settings(config),
    )


def _write_card(
    call: Call,
    summary: TrainSummary,
    stores: list[FaceStore],
    leaks: dict[str, int],
    git: dict[str, Any],
    identity: dict[str, Any],
) -> None:
    config: TrainConfig = call.config
    blend = "+".join(config.data.sets) if isinstance(config.data, BlendConfig) else ""
    card = RunCard.of_now(
        kind="training",
        name=call.run_dir.name,
        model=call.choices["model"],
        data=blend or call.choices["data"],
        source_dataset=_name_of(stores),
        seed=config.seed,
        num_parameters=summary.num_parameters,
        num_trainable=summary.num_trainable,
        best_checkpoint=Path(summary.best_checkpoint).relative_to(call.run_dir).as_posix(),
        best_checkpoint_hash=sha256_of_file(Path(summary.best_checkpoint)),
        best_epoch=summary.best_epoch,
        val_video_auc=summary.val_video_auc,
        manifest_hashes={store.dataset: store.manifest_hash for store in stores},
        split_hashes={store.dataset: split_hashes(store.videos) for store in stores},
        config_hash=sha256_of_file(call.run_dir / CONFIG_FILE),
        stores={store.dataset: str(store.folder.resolve()) for store in stores},
        leak_allowed=config.allow_leak,
        git=git,
        leaks=leaks,
        source_datasets=[store.dataset for store in stores],
    )
    Run.create(call.run_dir, card)
    save_identity(call.run_dir, identity)

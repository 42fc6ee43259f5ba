"""The parts of a training that its configuration and its opened data make together."""

from functools import partial
from pathlib import Path
from typing import Any

from unmask.config.build import build
from unmask.config.schema import BlendConfig, TrainConfig, sets_of
from unmask.core.files import sha256_of_file, sha256_of_json
from unmask.data.splits import split_hashes
from unmask.data.store import FaceStore
from unmask.models.detector import ClipDetector, Detector, check_clip_length
from unmask.runs.card import RunCard
from unmask.runs.files import CONFIG_FILE
from unmask.runs.identity import save_identity
from unmask.runs.run import Run
from unmask.training.checkpoint import Provenance
from unmask.training.datamodule import ClipDataModule, TrainingSet
from unmask.training.feature_cache import cached_features, require_fixed_features
from unmask.training.fit import TrainSummary, build_seeded
from unmask.verbs.objects import augmentation_of, make_encoder, recipe_settings
from unmask.verbs.training_data import TrainingData


def make_detector(config: TrainConfig) -> ClipDetector:
    """Build the network, and refuse clips or augmentations that do not fit it.

    Raises:
        ConfigError: If it cannot be built, or takes fewer frames than a clip has.
    """
    detector = build_seeded(lambda: build(config.model), config.seed)
    check_clip_length(detector, build(config.clips).num_frames)
    if config.cache_features:
        augmentations = {one.name: augmentation_of(one) for one in sets_of(config.data)}
        require_fixed_features(detector, augmentations)
    return detector


def make_data(config: TrainConfig, opened: TrainingData, detector: ClipDetector) -> ClipDataModule:
    """Cut the crops into the clips of training and validation.

    Raises:
        DataError: If a split is missing or holds one class only.
    """
    return ClipDataModule(
        _training_sets(config, opened.own, detector),
        layout=build(config.clips),
        image_size=detector.image_size,
        sampling=build(config.sampler),
        batch_size=config.loader.batch_size,
        num_workers=config.loader.num_workers,
        seed=config.seed,
        allow_leak=config.allow_leak,
    )


def _training_sets(
    config: TrainConfig, stores: list[FaceStore], detector: ClipDetector
) -> list[TrainingSet]:
    """Join crops with how they are augmented, or with the features of the frozen backbone."""
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


def make_provenance(config: TrainConfig, stores: list[FaceStore]) -> Provenance:
    """Return what each checkpoint states about where its weights come from."""
    hashes = {store.dataset: store.manifest_hash for store in stores}
    return Provenance(
        model=config.model,
        dataset="+".join(hashes),
        manifest_hash=sha256_of_json(hashes) if len(stores) > 1 else stores[0].manifest_hash,
        seed=config.seed,
        leak_allowed=config.allow_leak,
        recipe=recipe_settings(config),
    )


def write_card(
    config: TrainConfig,
    folder: Path,
    summary: TrainSummary,
    opened: TrainingData,
    *,
    git: dict[str, Any],
    identity: dict[str, Any],
) -> None:
    """Write ``run.json`` and ``identity.json``, with which a run is finished."""
    blend = "+".join(config.data.sets) if isinstance(config.data, BlendConfig) else ""
    stores = opened.own
    card = RunCard.of_now(
        kind="training",
        name=folder.name,
        model=config.choices.get("model", "model"),
        data=blend or config.choices.get("data", opened.name),
        source_dataset=opened.name,
        seed=config.seed,
        num_parameters=summary.num_parameters,
        num_trainable=summary.num_trainable,
        best_checkpoint=Path(summary.best_checkpoint).relative_to(folder).as_posix(),
        best_checkpoint_hash=sha256_of_file(Path(summary.best_checkpoint)),
        best_epoch=summary.best_epoch,
        val_video_auc=summary.val_video_auc,
        manifest_hashes={store.dataset: store.manifest_hash for store in stores},
        split_hashes={store.dataset: split_hashes(store.videos) for store in stores},
        config_hash=sha256_of_file(folder / CONFIG_FILE),
        stores={store.dataset: str(store.folder.resolve()) for store in stores},
        leak_allowed=config.allow_leak,
        git=git,
        leaks=opened.leaks,
        source_datasets=[store.dataset for store in stores],
    )
    Run.create(folder, card)
    save_identity(folder, identity)

"""From typed configuration to the objects that pipelines receive."""

from collections.abc import Callable
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
from lightning.pytorch.callbacks import Callback

from unmask.config.build import build, build_each
from unmask.config.schema import DataConfig, PrepareConfig, TrainConfig, sets_of
from unmask.faces.extract import EXTRACTION_VERSION, FaceExtractor
from unmask.prepare.datasets import DataSet, Preparation
from unmask.training.fit import Recipe
from unmask.training.trainer_settings import checking_words, for_scoring, settled

# What decides which crops there are and how they look; the rest of `prepare` is only about speed.
_CROP_FIELDS = (
    "reader", "sampling", "detector", "verifier", "tracker", "cropper", "max_tracks",
    "image_format",
)  # fmt: skip
# What a resumed run may set anew; whatever else is asked of the trainer decides its weights.
_FREE_IN_TRAINER = frozenset(
    {"accelerator", "devices", "max_epochs", "deterministic", "enable_progress_bar", "strategy",
     "num_nodes", "enable_model_summary", "log_every_n_steps", "num_sanity_val_steps", "profiler",
     "detect_anomaly", "benchmark", "min_epochs", "max_steps", "min_steps", "max_time",
     "inference_mode"}
)  # fmt: skip


def make_dataset(config: DataConfig) -> DataSet:
    """Build a data set's source and split policy."""
    return DataSet(
        name=config.name,
        root=config.root,
        source=build(config.source),
        split=build(config.split),
        make=build(config.make) if config.make is not None else None,
        settings={
            "root": str(config.root.resolve()),
            "source": config.source,
            "split": config.split,
            "make": config.make["settings"] if config.make is not None else None,
        },
    )


def make_preparation(config: PrepareConfig) -> Preparation:
    """Build what finds and cuts faces."""
    extractor = FaceExtractor(
        reader=build(config.reader),
        sampling=build(config.sampling),
        detector=build(config.detector),
        verifier=build(config.verifier),
        tracker=build(config.tracker),
        cropper=build(config.cropper),
        max_tracks=config.max_tracks,
    )
    settings = _crop_settings(config)
    if config.face_video is not None:
        settings["face_video"] = config.face_video
    return Preparation(
        extractor=extractor,
        image_format=config.image_format,
        face_video=build(config.face_video) if config.face_video is not None else None,
        num_workers=config.num_workers,
        time_limit_seconds=config.time_limit_seconds,
        memory_limit_gb=config.memory_limit_gb,
        retry_failures=config.retry_failures,
        settings=settings,
    )


def _crop_settings(config: PrepareConfig) -> dict[str, Any]:
    settings = {field: getattr(config, field) for field in _CROP_FIELDS}
    return settings | {"version": EXTRACTION_VERSION}


def recipe_settings(config: TrainConfig) -> dict[str, Any]:
    """Return what decides, beside model, data and seed, the weights that each epoch leaves.

    Left out is what a resumed run may change: processes, loggers, paths, the device, how long to
    train and what a person sees of it.

    Returns:
        Plain values, which a checkpoint can hold.
    """
    choosing = "unmask.training.callbacks.checkpointing."
    return {
        "crops": _crop_settings(config.prepare),
        "clips": config.clips,
        "sampler": config.sampler,
        "batch_size": config.loader.batch_size,
        "augmentation": {one.name: one.augmentation for one in sets_of(config.data)},
        "loss": config.loss,
        "optimizer": config.optimizer,
        "scheduler": config.scheduler,
        "trainer": {k: v for k, v in config.trainer.items() if k not in _FREE_IN_TRAINER},
        "cache_features": config.cache_features,
        "checkpoint": [
            node for node in config.callbacks.values() if node["_target_"].startswith(choosing)
        ],
    }


def make_recipe(config: TrainConfig) -> Recipe:
    """Build how a detector is fitted."""
    callbacks: list[Callback] = build_each(config.callbacks)
    return Recipe(
        make_loss=build(config.loss),
        make_optimizer=build(config.optimizer),
        make_scheduler=build(config.scheduler) if config.scheduler else None,
        make_trainer=build(settled(config.trainer)),
        callbacks=callbacks,
        make_loggers=build_each(config.logger),
        seed=config.seed,
        checking=checking_words(config.trainer),
    )


def make_scorer(trainer: dict[str, Any]) -> Callable[..., L.Trainer]:
    """Build what makes the trainer that scores clips from ``default_root_dir`` and so on.

    Raises:
        ConfigError: If the settings would leave clips out.
    """
    factory: Callable[..., L.Trainer] = build(for_scoring(trainer))
    return factory


def augmentation_of(config: DataConfig) -> Any:  # noqa: ANN401 - any callable on a clip
    """Build a data set's augmentation, or None."""
    return build(config.augmentation) if config.augmentation is not None else None

"""From the typed sections of verbs to the objects that everything below receives."""

from typing import TYPE_CHECKING, Any

from unmask.config.build import build, build_each
from unmask.config.schema import DataConfig, PrepareConfig, TrainConfig, sets_of
from unmask.prepare.datasets import DataSet, Preparation

if TYPE_CHECKING:  # an index needs no PyTorch
    from lightning.pytorch.callbacks import Callback

    from unmask.training.fit import Recipe

# What decides which crops there are and how they look; the rest of `prepare` is only about speed.
_CROP_FIELDS = (
    "reader", "sampling", "detector", "verifier", "tracker", "cropper", "max_tracks",
    "image_format",
)  # fmt: skip
# What a resumed run may set anew; whatever else is asked of the trainer decides its weights.
_FREE_IN_TRAINER = frozenset(
    {"accelerator", "devices", "max_epochs", "deterministic", "enable_progress_bar"}
)


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
    from unmask.faces.extract import FaceExtractor

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
    from unmask.faces.extract import EXTRACTION_VERSION

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


def make_recipe(config: TrainConfig) -> "Recipe":
    """Build how a detector is fitted."""
    from unmask.training.fit import Recipe

    callbacks: list[Callback] = build_each(config.callbacks)
    return Recipe(
        make_loss=build(config.loss),
        make_optimizer=build(config.optimizer),
        make_scheduler=build(config.scheduler) if config.scheduler else None,
        make_trainer=build(config.trainer),
        callbacks=callbacks,
        make_loggers=build_each(config.logger),
        seed=config.seed,
    )


def augmentation_of(config: DataConfig) -> Any:  # noqa: ANN401 - any callable on a clip
    """Build a data set's augmentation, or None."""
    return build(config.augmentation) if config.augmentation is not None else None

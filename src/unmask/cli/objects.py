"""From typed configuration to the objects that pipelines receive."""

from typing import Any

from lightning.pytorch.callbacks import Callback

from unmask.config.build import build, build_each
from unmask.config.schema import DataConfig, PrepareConfig, TrainConfig
from unmask.faces.extract import EXTRACTION_VERSION, FaceExtractor
from unmask.pipelines.datasets import DataSet, Preparation
from unmask.pipelines.train import Recipe

# What decides which crops there are and how they look; the rest of `prepare` is only about speed.
_CROP_FIELDS = (
    "reader", "sampling", "detector", "verifier", "tracker", "cropper", "max_tracks",
    "image_format",
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
    settings = {field: getattr(config, field) for field in _CROP_FIELDS}
    settings["version"] = EXTRACTION_VERSION
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


def make_recipe(config: TrainConfig) -> Recipe:
    """Build how a detector is fitted."""
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

"""From the typed sections of verbs to the objects that everything below receives."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from unmask.config.build import build, build_each
from unmask.config.decides import deciding
from unmask.config.schema import DataConfig, EvalConfig, PrepareConfig, TrainConfig
from unmask.prepare.datasets import DataSet
from unmask.prepare.preparation import Preparation
from unmask.report.protocol import Protocol
from unmask.training.launch import single_if_spawned
from unmask.training.ranks import is_rank_zero
from unmask.training.trainer_settings import (
    checking_words,
    for_scoring,
    settled,
    without_checks,
)

if TYPE_CHECKING:  # an index needs no PyTorch
    import lightning as L  # noqa: N812 - the library's own convention
    from lightning.pytorch.callbacks import Callback

    from unmask.training.fit import Recipe


def make_dataset(config: DataConfig) -> DataSet:
    """Build a data set's source and split policy."""
    # A relative root must not find what was cut from another folder.
    content = config.model_dump() | {"root": str(config.root.resolve())}
    return DataSet(
        name=config.name,
        root=config.root,
        source=build(config.source),
        split=build(config.split),
        make=build(config.make) if config.make is not None else None,
        settings=deciding({"data": content}, "crops", places=True)["data"],
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
    return Preparation(
        extractor=extractor,
        image_format=config.image_format,
        face_video=build(config.face_video) if config.face_video is not None else None,
        num_workers=config.num_workers,
        time_limit_seconds=config.time_limit_seconds,
        memory_limit_gb=config.memory_limit_gb,
        retry_failures=config.retry_failures and is_rank_zero(),
        settings=_crop_settings(deciding({"prepare": config.model_dump()}, "crops")),
    )


def _crop_settings(settings: dict[str, Any]) -> dict[str, Any]:
    from unmask.faces.extract import EXTRACTION_VERSION

    return {**settings["prepare"], "version": EXTRACTION_VERSION}


def recipe_settings(config: TrainConfig) -> dict[str, Any]:
    """Return what decides, beside model, data and seed, the weights that each epoch leaves.

    What a resumed run may set anew is left out.

    Returns:
        Plain values by section, which a checkpoint can hold; ``prepare`` under the name ``crops``.
    """
    settings = deciding(config.model_dump(), "weights", resumed=True)
    # A checkpoint states them beside its recipe.
    others = {k: v for k, v in settings.items() if k not in ("model", "seed", "allow_leak")}
    return {"crops": _crop_settings(others)} | {k: v for k, v in others.items() if k != "prepare"}


def make_recipe(config: TrainConfig) -> "Recipe":
    """Build how a detector is fitted."""
    from lightning.pytorch.callbacks import ProgressBar

    from unmask.training.fit import Recipe

    callbacks: list[Callback] = build_each(config.callbacks)
    if not config.trainer.get("enable_progress_bar", True):
        # Lightning refuses a bar beside the word that wants none.
        callbacks = [one for one in callbacks if not isinstance(one, ProgressBar)]
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


def make_scorer(trainer: dict[str, Any]) -> "Callable[..., L.Trainer]":
    """Build what makes the trainer that scores clips from ``default_root_dir`` and so on.

    Raises:
        ConfigError: If the settings would leave clips out.
    """
    factory: Callable[..., L.Trainer] = build(for_scoring(single_if_spawned(trainer)))
    return factory


def make_encoder(trainer: dict[str, Any]) -> "Callable[..., L.Trainer]":
    """Build what makes the trainer that runs a frozen backbone over every crop, also in a check."""
    return make_scorer(without_checks(trainer))


def augmentation_of(config: DataConfig) -> Any:  # noqa: ANN401 - any callable on a clip
    """Build a data set's augmentation, or None."""
    return build(config.augmentation) if config.augmentation is not None else None


def make_protocol(plan: EvalConfig, seed: int) -> Protocol:
    """Return how predictions become numbers.

    Args:
        plan: How videos are scored and intervals drawn.
        seed: Seed of the bootstrap.
    """
    return Protocol(
        how=plan.video_score,
        top_k=plan.top_k,
        unscored=plan.unscored,
        num_resamples=plan.num_resamples,
        seed=seed,
    )

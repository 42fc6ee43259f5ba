"""How much faster does a head train on cached features than behind its frozen backbone?

    python benchmarks/features.py --epochs 20

Both train the same head on the demo's data from the same seed; only `cache_features` differs. Given
are the seconds of the training itself, those of computing the features, and the validation AUC.
Seconds are of the processor too, which other programs change less than those of the clock; for that
all loading is done in the training process.
"""

import argparse
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
from hydra import compose, initialize_config_dir

from unmask.config.build import build
from unmask.config.location import conf_dir
from unmask.config.schema import DataConfig, TrainConfig
from unmask.config.validate import typed
from unmask.data.store import FaceStore
from unmask.prepare.datasets import open_store
from unmask.training.checkpoint import Provenance
from unmask.training.datamodule import ClipDataModule, TrainingSet
from unmask.training.feature_cache import cached_features
from unmask.training.fit import build_seeded, train
from unmask.verbs.objects import make_dataset, make_preparation, make_recipe


def configured(options: argparse.Namespace) -> TrainConfig:
    overrides = [
        "experiment=demo", f"model={options.model}", "model/tuning=frozen",
        "model.backbone.pretrained=false", f"model.backbone.image_size={options.image_size}",
        "data/augmentation=none", f"trainer.max_epochs={options.epochs}", "callbacks=[checkpoint]",
        "trainer.enable_progress_bar=false", "logger=[csv]", f"paths.data_dir={options.data}",
        "~model.backbone.filters", "~model.backbone.dropout", "loader.num_workers=0",
        f"prepare.sampling.num_frames={options.frames}", f"clips.num_frames={options.frames}",
        "clips.num_clips=1",
    ]  # fmt: skip
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config: TrainConfig = typed("train", compose("train", overrides=overrides))
    return config


def shortened(make_trainer: Callable[..., L.Trainer], num_batches: int) -> Callable[..., L.Trainer]:
    """Make trainers whose epochs end early; validation is whole."""

    def make(**arguments: Any) -> L.Trainer:  # noqa: ANN401 - passed on
        trainer = make_trainer(**arguments)
        trainer.limit_train_batches = num_batches
        return trainer

    return make


def run(
    config: TrainConfig, store: FaceStore, folder: Path, *, num_batches: int, is_cached: bool
) -> dict[str, float]:
    detector = build_seeded(lambda: build(config.model), config.seed)
    recipe = make_recipe(config)
    recipe = replace(recipe, make_trainer=shortened(recipe.make_trainer, num_batches))
    start, start_of_processor = time.perf_counter(), time.process_time()
    features = None
    if is_cached:
        features = cached_features(
            detector, store, make_trainer=recipe.make_trainer,
            num_workers=config.loader.num_workers, data_dir=folder,
        )  # fmt: skip
    computed, computed_by_processor = time.perf_counter(), time.process_time()
    data = ClipDataModule(
        [TrainingSet(store, features=features)], layout=build(config.clips),
        image_size=detector.image_size, sampling=build(config.sampler), seed=config.seed,
        batch_size=config.loader.batch_size, num_workers=config.loader.num_workers,
    )  # fmt: skip
    provenance = Provenance(config.model, store.dataset, store.manifest_hash, config.seed)
    summary = train(
        detector,
        data,
        recipe,
        provenance=provenance,
        run_dir=folder / f"run-{is_cached}",
        config={},
    )
    return {
        "seconds_of_features": round(computed - start, 2),
        "seconds_of_training": round(time.perf_counter() - computed, 2),
        "processor_seconds_of_features": round(computed_by_processor - start_of_processor, 2),
        "processor_seconds_of_training": round(time.process_time() - computed_by_processor, 2),
        "val_video_auc": summary.val_video_auc,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="effb0_lstm")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--frames", type=int, default=10, help="of a clip")
    parser.add_argument("--batches", type=int, default=10, help="of 8 training clips per epoch")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--data", default="data")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    config = configured(options)
    assert isinstance(config.data, DataConfig)
    store = open_store(
        make_dataset(config.data), make_preparation(config.prepare), config.paths.data_dir
    )
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, is_cached in (("cached", True), ("behind the backbone", False)):
            results[name] = run(
                config, store, Path(folder), num_batches=options.batches, is_cached=is_cached
            )
            print(name, json.dumps(results[name]), flush=True)
    cached, behind = results["cached"], results["behind the backbone"]
    for unit in ("seconds", "processor_seconds"):
        slow, fast = behind[f"{unit}_of_training"], cached[f"{unit}_of_training"]
        whole = fast + cached[f"{unit}_of_features"]
        print(f"{unit}: {slow / fast:.1f} times as fast, with the features {slow / whole:.1f}")
    print(f"AUC differs by  {abs(cached['val_video_auc'] - behind['val_video_auc']):.5f}")


if __name__ == "__main__":
    main()

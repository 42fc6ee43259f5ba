"""`unmask train`, also `python train.py`."""

from pathlib import Path
from typing import Any

from unmask.cli.evaluate import score_run
from unmask.cli.objects import augmentation_of, make_dataset, make_preparation, make_recipe
from unmask.cli.report import write_reports
from unmask.cli.run import Call, console, run_verb
from unmask.config.build import build
from unmask.config.schema import TrainConfig
from unmask.data.store import FaceStore
from unmask.pipelines.datasets import open_store
from unmask.pipelines.runs import RunCard, source_state
from unmask.pipelines.train import TrainSummary, build_seeded
from unmask.pipelines.train import train as fit
from unmask.training.checkpoint import Provenance
from unmask.training.datamodule import ClipDataModule

_WHAT_TO_TRAIN = ("model=", "data=", "experiment=", "+experiment=")


def train(arguments: list[str]) -> None:
    """Train a detector; with neither model, data nor experiment named, the demo's."""
    if not any(argument.startswith(_WHAT_TO_TRAIN) for argument in arguments):
        arguments = ["experiment=demo", *arguments]
    run_verb("train", _train, arguments)


def _train(call: Call) -> None:
    config: TrainConfig = call.config
    call.save_config()
    git = source_state()
    # Before the crops, which can take hours: a network that cannot be built is said at once.
    detector = build_seeded(lambda: build(config.model), config.seed)
    recipe = make_recipe(config)
    preparation = make_preparation(config.prepare)
    store = open_store(make_dataset(config.data), preparation, config.paths.data_dir)
    summary = fit(
        detector,
        _make_data(config, store, detector.image_size),
        recipe,
        provenance=Provenance(
            model=config.model,
            dataset=config.data.name,
            manifest_hash=store.manifest_hash,
            seed=config.seed,
            leak_allowed=config.allow_leak,
        ),
        run_dir=call.run_dir,
        config=call.content,
        resume=config.resume,
    )
    _write_card(call, summary, store, git)
    console.print(
        f"Trained {call.choices['model']} on {config.data.name}: validation video AUC "
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
        )
        write_reports([call.run_dir], config.eval, seed=config.seed, overview_dir=call.run_dir)


def _make_data(config: TrainConfig, store: FaceStore, image_size: int) -> ClipDataModule:
    return ClipDataModule(
        store,
        layout=build(config.clips),
        image_size=image_size,
        augmentation=augmentation_of(config.data),
        batch_size=config.loader.batch_size,
        num_workers=config.loader.num_workers,
        seed=config.seed,
        allow_leak=config.allow_leak,
    )


def _write_card(call: Call, summary: TrainSummary, store: FaceStore, git: dict[str, Any]) -> None:
    config: TrainConfig = call.config
    RunCard(
        name=call.run_dir.name,
        model=call.choices["model"],
        data=call.choices["data"],
        source_dataset=config.data.name,
        seed=config.seed,
        num_parameters=summary.num_parameters,
        num_trainable=summary.num_trainable,
        best_checkpoint=Path(summary.best_checkpoint).relative_to(call.run_dir).as_posix(),
        best_epoch=summary.best_epoch,
        val_video_auc=summary.val_video_auc,
        manifest_hashes={config.data.name: store.manifest_hash},
        stores={config.data.name: str(store.folder.resolve())},
        leak_allowed=config.allow_leak,
        git=git,
    ).save(call.run_dir)

"""`unmask evaluate`: score a trained run, also on data sets that it has never seen."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unmask.cli.objects import make_dataset, make_preparation
from unmask.cli.report import write_reports
from unmask.cli.run import Call, run_verb
from unmask.config.build import build
from unmask.config.schema import EvalConfig, EvaluateConfig, LoaderConfig, TrainConfig
from unmask.config.validate import typed
from unmask.core.errors import DataError
from unmask.core.files import sha256_of_file
from unmask.data.store import FaceStore
from unmask.pipelines.datasets import open_store
from unmask.pipelines.evaluate import ScoredSplit
from unmask.pipelines.evaluate import evaluate as score
from unmask.pipelines.runs import read_run_card
from unmask.training.checkpoint import load_detector


def evaluate(arguments: list[str]) -> None:
    """Score a trained run."""
    run_verb("evaluate", _evaluate, arguments)


def _evaluate(call: Call) -> None:
    config: EvaluateConfig = call.config
    score_run(
        config.run,
        config.eval,
        data_dir=config.paths.data_dir,
        loader=config.loader,
        trainer=config.trainer,
        checkpoint=config.checkpoint,
    )
    write_reports([config.run], config.eval, seed=config.seed, overview_dir=call.run_dir)


def score_run(
    run_dir: Path,
    plan: EvalConfig,
    *,
    data_dir: Path,
    loader: LoaderConfig,
    trainer: dict[str, Any],
    checkpoint: Path | None = None,
) -> None:
    """Score a run's own validation and test splits and the test splits of ``plan.datasets``.

    Args:
        run_dir: Folder of a finished training run.
        plan: Which further data sets to score.
        data_dir: Where indexes and face crops lie.
        loader: How clips reach the network.
        trainer: Node that builds the trainer.
        checkpoint: Weights to score; None takes the epoch that validation chose.
    """
    card = read_run_card(run_dir)
    trained = _read_train_config(run_dir)
    preparation = make_preparation(trained.prepare)
    stores = [
        open_store(make_dataset(dataset), preparation, data_dir)
        for dataset in (trained.data, *plan.datasets.values())
    ]
    checkpoint = checkpoint or run_dir / card.best_checkpoint
    detector = load_detector(checkpoint)
    checkpoint_hash = sha256_of_file(checkpoint)
    score(
        detector,
        _splits_to_score(stores),
        layout=build(trained.clips),
        trainer=build(trainer)(run_dir=run_dir, callbacks=[], loggers=[]),
        batch_size=loader.batch_size,
        num_workers=loader.num_workers,
        run_dir=run_dir,
        keep_others=card.scored_checkpoint == checkpoint_hash,
    )
    replace(
        card,
        scored_checkpoint=checkpoint_hash,
        manifest_hashes=card.manifest_hashes | {s.dataset: s.manifest_hash for s in stores},
        stores=card.stores | {s.dataset: str(s.folder.resolve()) for s in stores},
    ).save(run_dir)


def _splits_to_score(stores: list[FaceStore]) -> list[ScoredSplit]:
    """List the source's validation split, which fixes the threshold, and every test split."""
    splits = [ScoredSplit(stores[0], "val")]
    for store in stores:
        if (store.videos["split"] == "test").any():
            splits.append(ScoredSplit(store, "test"))
        elif store is not stores[0]:
            raise DataError(
                f"'{store.dataset}' has no test split, so nothing of it can be measured."
            )
    return splits


def _read_train_config(run_dir: Path) -> TrainConfig:
    path = run_dir / "config.yaml"
    if not path.is_file():
        raise DataError(f"{run_dir} holds no config.yaml, which `unmask train` writes.")
    config = OmegaConf.load(path)
    if not isinstance(config, DictConfig):
        raise DataError(f"{path} is not a configuration that `unmask train` wrote.")
    trained: TrainConfig = typed("train", config)
    return trained

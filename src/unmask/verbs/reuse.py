"""A training that was done before: recognise it, and add what it has not been tested on."""

from pathlib import Path
from typing import Any

from unmask.config.decides import deciding
from unmask.config.schema import DataConfig, TrainConfig, sets_of
from unmask.core.files import sha256_of_file
from unmask.faces.extract import EXTRACTION_VERSION
from unmask.prepare.datasets import refresh_store, store_folder
from unmask.runs.identity import crops_identity, find_finished, unscored_sets
from unmask.runs.run import Run
from unmask.training.launch import ALONE
from unmask.training.trainer_settings import checking_words
from unmask.verbs.honesty import require_names_apart
from unmask.verbs.listener import Listener
from unmask.verbs.objects import make_dataset, make_preparation
from unmask.verbs.scoring import score_run


def training_identity(config: TrainConfig) -> dict[str, Any] | None:
    """Return what decides what a training run ends with, None before its crops are made.

    Files that it starts from count by their content; versions of packages are left out.
    """
    preparation, data_dir = make_preparation(config.prepare), config.paths.data_dir
    crops = {
        one.name: crops_identity(refresh_store(make_dataset(one), preparation, data_dir))
        for one in sets_of(config.data)
    }
    if None in crops.values():
        return None
    return {
        "settings": deciding(config.model_dump(), "weights"),
        "crops": crops,
        "extraction_version": EXTRACTION_VERSION,
        "weights": _hashes_of_weights(config.model),
    }


def find_trained(config: TrainConfig) -> Run | None:
    """Return the finished run that this training would repeat, unless that is asked for."""
    if config.rerun or config.resume is not None or checking_words(config.trainer):
        return None
    facts = training_identity(config)
    return find_finished(config.paths.outputs_dir, facts) if facts is not None else None


def complete_tests(config: TrainConfig, finished: Run, listener: Listener) -> None:
    """Score the test sets that a finished run has no scores of, where tests are wanted."""
    if not config.test:
        return
    tested = config.eval.datasets
    preparation = make_preparation(config.prepare)
    require_names_apart(config.data, tested, preparation, config.paths.data_dir)
    missing = unscored_sets(
        finished,
        [_store(config, one) for one in sets_of(config.data)],
        {name: _store(config, one) for name, one in tested.items()},
    )
    if missing == []:
        return
    names = list(tested) if missing is None else missing
    plan = config.eval.model_copy(update={"datasets": {name: tested[name] for name in names}})
    score_run(
        finished.folder,
        plan,
        data_dir=config.paths.data_dir,
        loader=config.loader,
        # Others would train first, and here is nothing to train.
        trainer=config.trainer | ALONE,
        listener=listener,
    )


def _store(config: TrainConfig, dataset: DataConfig) -> Path:
    preparation = make_preparation(config.prepare)
    return store_folder(make_dataset(dataset), preparation, config.paths.data_dir)


def _hashes_of_weights(node: Any) -> list[str]:  # noqa: ANN401 - any part of a configuration
    """Hash every file of weights that a model starts from: another file may take its name."""
    if isinstance(node, list):
        return [found for item in node for found in _hashes_of_weights(item)]
    if not isinstance(node, dict):
        return []
    own = node.get("weights")
    found = [sha256_of_file(Path(own))] if isinstance(own, str) and Path(own).is_file() else []
    return found + [found for value in node.values() for found in _hashes_of_weights(value)]

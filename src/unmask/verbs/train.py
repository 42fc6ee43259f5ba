"""`unmask train`, also `python train.py`: a detector, trained, scored, reported and released."""

from functools import partial
from pathlib import Path
from typing import Any

from unmask.config.schema import TrainConfig
from unmask.config.trust import refuse_unrebuildable
from unmask.core.errors import ConfigError
from unmask.report.write import report
from unmask.runs.card import source_state
from unmask.runs.files import CONFIG_FILE
from unmask.runs.identity import not_trained_again
from unmask.runs.run import Run
from unmask.training.fit import check, rehearse
from unmask.training.fit import train as fit
from unmask.training.model_card import release
from unmask.training.ranks import is_rank_zero, on_rank_zero
from unmask.training.tracking import Tracking
from unmask.verbs.listener import Listener, ignore
from unmask.verbs.objects import make_protocol, make_recipe
from unmask.verbs.reuse import complete_tests, find_trained
from unmask.verbs.scoring import score_run
from unmask.verbs.training_data import bind, open_training_data
from unmask.verbs.training_parts import make_data, make_detector, make_provenance, write_card

# One seed for all runs of a sweep, as of `unmask report`: their bootstraps are compared.
BOOTSTRAP_SEED = 0


def train(
    config: TrainConfig, folder: Path, *, in_sweep: bool = False, listener: Listener = ignore
) -> Run | None:
    """Train a detector, unless that was done before; score it, report on it and release it.

    Args:
        folder: The run's, which nothing else is written to.
        in_sweep: A report over all runs follows, so that this one needs none of its own.
        listener: Hears what was found, trained and scored.

    Returns:
        The run, which lies in ``folder``, or an equal one that was finished before; None where the
        trainer's settings made it a check that leaves no run.

    Raises:
        CheckpointError: If ``config.resume`` cannot be continued with these settings.
        ConfigError: If ``folder`` holds a run, or a part cannot be built, or is of a package that
            nothing would trust when its checkpoint is opened.
        DataError: If the data cannot be trained on, or share what makes every number untrue.
    """
    refuse_unrebuildable(config.model_dump())
    on_rank_zero(partial(_begin, config, folder))
    tracking = Tracking()
    try:
        # Where there are other processes, the first has looked before it called them.
        run = find_trained(config) if is_rank_zero() else None
        if run is not None:
            listener(not_trained_again(run))
            complete_tests(config, run, listener)
        elif (run := _train_anew(config, folder, tracking, listener)) is None:
            return None
        if is_rank_zero():
            pictures = _report(config, run, tracking, in_sweep=in_sweep, listener=listener)
            tracking.log_results(folder, pictures)
    finally:
        tracking.close()
    return run


def _begin(config: TrainConfig, folder: Path) -> None:
    """Write ``config.yaml``, unless another run has."""
    if (folder / CONFIG_FILE).exists():
        raise ConfigError(f"{folder} holds a run already. Give each training a folder of its own.")
    config.save(folder)


def _train_anew(
    config: TrainConfig, folder: Path, tracking: Tracking, listener: Listener
) -> Run | None:
    """Check everything, open the data, fit, write the card, and score; None of a mere check."""
    git = source_state()
    # Before the crops, which can take hours: what cannot be built is said at once.
    detector, recipe = make_detector(config), make_recipe(config)
    rehearse(recipe, folder)
    opened = open_training_data(config, listener)
    data = make_data(config, opened, detector)
    given: dict[str, Any] = {
        "provenance": make_provenance(config, opened.own), "run_dir": folder,
        "config": _for_loggers(config), "tracking": tracking,
    }  # fmt: skip
    if recipe.checking:
        check(detector, data, recipe, **given)
        listener(_of_a_check(recipe.checking, folder))
        return None
    # Before the fit, during which data can change.
    identity = bind(config, folder, opened.own)
    summary = fit(detector, data, recipe, resume=config.resume, **given)
    on_rank_zero(partial(write_card, config, folder, summary, opened, git=git, identity=identity))
    listener(
        f"Trained {config.choices.get('model', 'a model')} on {opened.name}: validation video AUC "
        f"{summary.val_video_auc:.4f} in epoch {summary.best_epoch + 1}."
    )
    if config.test:
        score_run(
            folder, config.eval, data_dir=config.paths.data_dir, loader=config.loader,
            trainer=config.trainer, leaks=opened.leaks, listener=listener,
        )  # fmt: skip
    return Run(folder)


def _for_loggers(config: TrainConfig) -> dict[str, Any]:
    """Return the settings for loggers, which take no names with a slash, as groups have them."""
    return {key: value for key, value in config.plain().items() if key != "choices"}


def _report(
    config: TrainConfig, run: Run, tracking: Tracking, *, in_sweep: bool, listener: Listener
) -> list[str]:
    """Report on a run and release it; in a sweep only for a tracker, which is closed at its end.

    Returns:
        The pictures of the report, as URIs.
    """
    if not config.test or (in_sweep and not tracking.wants_results):
        return []
    seed = BOOTSTRAP_SEED if in_sweep else config.seed
    summary = report(run.folder, make_protocol(config.eval, seed))
    listener(summary)
    if not in_sweep:
        listener(f"Model: {release(run.folder)}")
    return [picture.uri for picture in summary.pictures]


def _of_a_check(words: list[str], folder: Path) -> str:
    named = ", ".join(f"`{word}`" for word in words)
    return (
        f"The check ended well. With {named} no run is kept and nothing is scored; what was "
        f"logged lies in {folder}."
    )

"""`unmask evaluate`: score a trained run, also on data sets that it has never seen."""

from pathlib import Path

from unmask.config.schema import EvaluateConfig
from unmask.report.write import report
from unmask.runs.run import Run
from unmask.training.model_card import release
from unmask.training.ranks import is_rank_zero
from unmask.verbs.listener import Listener, ignore
from unmask.verbs.objects import make_protocol
from unmask.verbs.scoring import score_run


def evaluate(config: EvaluateConfig, folder: Path, *, listener: Listener = ignore) -> Run:
    """Score a run's own splits and those of further data sets, report on it, and release it anew.

    Args:
        folder: Where a marked copy of the run goes where ``allow_changed_data`` lets it be scored
            on data that are not those it was trained on.
        listener: Hears what became of each split, and the report.

    Returns:
        The run that was scored.

    Raises:
        CheckpointError: If the checkpoint is of another training.
        ConfigError: If two data sets have one name.
        DataError: If a set shares something with training, or is not as the run has recorded it.
    """
    run = score_run(
        config.run,
        config.eval,
        data_dir=config.paths.data_dir,
        loader=config.loader,
        trainer=config.trainer,
        checkpoint=config.checkpoint,
        allow_leak=config.allow_leak,
        changed_data_dir=folder if config.allow_changed_data else None,
        listener=listener,
    )
    if is_rank_zero():
        listener(report(run.folder, make_protocol(config.eval, config.seed)))
        release(run.folder, config.checkpoint)
    return run

"""`unmask ensemble`: several runs as one, measured and reported like a run."""

from pathlib import Path

from unmask.cli.hydra import Call, run_verb
from unmask.cli.report import scored_runs, write_report
from unmask.cli.show import show
from unmask.config.schema import EnsembleConfig
from unmask.verbs.ensemble import ensemble as combine


def ensemble(arguments: list[str]) -> None:
    """Combine runs."""
    run_verb("ensemble", _ensemble, arguments)


def _ensemble(call: Call) -> None:
    config: EnsembleConfig = call.config
    summary = combine(
        _runs_of(config),
        rule=config.rule,
        out_dir=call.run_dir,
        how=config.eval.video_score,
        top_k=config.eval.top_k,
        grid_max=config.grid_max,
    )
    call.save_config()
    show(summary)
    write_report(call.run_dir, config.eval, seed=config.seed)


def _runs_of(config: EnsembleConfig) -> list[Path]:
    patterns = [config.runs] if isinstance(config.runs, str) else config.runs
    # A run that two patterns match counts once.
    # Members are named: whatever lies deeper, such as a sweep's jobs, would join unasked.
    return list(dict.fromkeys(run for one in patterns for run in scored_runs(one, levels=0)))

"""`unmask ensemble`: several runs as one, measured and reported like a run."""

from pathlib import Path

import pandas as pd
from rich.table import Table

from unmask.cli.hydra import Call, console, run_verb
from unmask.cli.report import scored_runs, write_report
from unmask.config.schema import EnsembleConfig
from unmask.pages.numbers import number
from unmask.verbs.ensemble import EnsembleSummary
from unmask.verbs.ensemble import ensemble as combine

# Rows of a weight grid that are printed; ensemble.json holds all of them.
ROWS_SHOWN = 14


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
    _say(summary)
    write_report(call.run_dir, config.eval, seed=config.seed)


def _runs_of(config: EnsembleConfig) -> list[Path]:
    patterns = [config.runs] if isinstance(config.runs, str) else config.runs
    # A run that two patterns match counts once.
    # Members are named: whatever lies deeper, such as a sweep's jobs, would join unasked.
    return list(dict.fromkeys(run for one in patterns for run in scored_runs(one, levels=0)))


def _say(summary: EnsembleSummary) -> None:
    console.print(_member_table(summary))
    if summary.card.ties:
        console.print(f"Votes: {summary.card.ties}.", highlight=False, soft_wrap=True)
    grid = summary.combination.grid
    if grid:
        names = ", ".join(summary.card.members)
        console.print(f"Weights of {names} -> accuracy % on validation:", soft_wrap=True)
        for row in grid[:ROWS_SHOWN]:
            console.print(f"  {row}", highlight=False)
        if len(grid) > ROWS_SHOWN:
            console.print(f"  and {len(grid) - ROWS_SHOWN} more in ensemble.json")
    agreement = summary.agreement[summary.agreement["split"] == "test"]
    if len(agreement):
        console.print(_agreement_table(agreement))


def _member_table(summary: EnsembleSummary) -> Table:
    table = Table("member", title=f"Chosen on validation, rule={summary.card.rule}")
    for column in ("threshold", "accuracy", "AUC", "weight"):
        table.add_column(column, justify="right")
    for member, weight in zip(
        summary.combination.members, summary.combination.weights, strict=True
    ):
        table.add_row(
            member.name,
            *(number(value) for value in (member.threshold, member.accuracy, member.auc)),
            f"{weight:.3f}",
        )
    return table


def _agreement_table(agreement: pd.DataFrame) -> Table:
    table = Table("test set", "member", "member", title="How far members agree")
    for column in ("videos", "same decision", "Cohen's kappa"):
        table.add_column(column, justify="right")
    for row in agreement.to_dict("records"):
        kappa = row["kappa"]
        table.add_row(
            *(str(row[column]) for column in ("dataset", "first", "second", "count")),
            f"{row['agreement']:.3f}",
            "n/a" if pd.isna(kappa) else f"{kappa:.3f}",
        )
    return table

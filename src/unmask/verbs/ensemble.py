"""`unmask ensemble`: several runs as one, measured and reported like a run."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from unmask.config.schema import EnsembleConfig
from unmask.core.errors import DataError
from unmask.core.files import sha256_of_file, write_json
from unmask.core.voting import VotingRule
from unmask.evaluation.aggregate import TOP_K, Aggregation, in_words
from unmask.evaluation.ensemble import (
    TIES,
    Combination,
    JoinedScores,
    all_sources,
    ensemble_predictions,
    fit_combination,
    join_members,
    member_agreement,
)
from unmask.evaluation.metrics import roc_auc
from unmask.evaluation.predictions import VIDEO_KEY, write_predictions, write_unscored
from unmask.report.write import report
from unmask.runs.card import RunCard
from unmask.runs.files import ENSEMBLE_FILE, PREDICTIONS_FILE, UNSCORED_FILE
from unmask.runs.run import Run
from unmask.verbs.listener import Listener, ignore
from unmask.verbs.objects import make_protocol
from unmask.verbs.report import scored_runs


@dataclass(frozen=True)
class EnsembleSummary:
    """What was made.

    Attributes:
        combination: The rule with what was chosen for it.
        agreement: As :func:`unmask.evaluation.ensemble.member_agreement` gives it.
        card: The content of ``run.json``.
    """

    combination: Combination
    agreement: pd.DataFrame
    card: RunCard


def ensemble(
    config: EnsembleConfig, folder: Path, *, listener: Listener = ignore
) -> EnsembleSummary:
    """Combine runs, and measure and report the combination like a run.

    Args:
        listener: Hears which runs are left out, the summary, and the report.

    Raises:
        DataError: If a run cannot be read.
        PredictionsError: If the runs cannot be combined.
    """
    summary = combine(
        _runs_of(config, listener),
        rule=config.rule,
        out_dir=folder,
        how=config.eval.video_score,
        top_k=config.eval.top_k,
        grid_max=config.grid_max,
    )
    config.save(folder)
    listener(summary)
    listener(report(folder, make_protocol(config.eval, config.seed)))
    return summary


def _runs_of(config: EnsembleConfig, listener: Listener) -> list[Path]:
    patterns = [config.runs] if isinstance(config.runs, str) else config.runs
    # Members are named: what lies deeper, such as a sweep's jobs, would join unasked.
    found = [run for one in patterns for run in scored_runs(one, levels=0, listener=listener)]
    return list(dict.fromkeys(found))  # a run that two patterns match counts once


def combine(
    run_dirs: Sequence[Path],
    *,
    rule: VotingRule,
    out_dir: Path,
    how: Aggregation = "mean",
    top_k: int = TOP_K,
    grid_max: int = 3,
) -> EnsembleSummary:
    """Combine the predictions of runs and write them as a run of their own.

    Writes ``predictions.parquet``, ``unscored.parquet``, ``ensemble.json`` and ``run.json``, the
    last one last, so that a folder with it is whole.

    Args:
        run_dirs: Folders of runs with predictions, at least two.
        rule: How to combine them, see :func:`unmask.evaluation.ensemble.fit_combination`.
        out_dir: The ensemble's folder.
        how: How the clips of a member's video give its score.
        top_k: Clips behind it where ``how`` is ``"topk"``.
        grid_max: Largest weight that ``rule="grid"`` tries.

    Returns:
        What was chosen on validation and how far members agree.

    Raises:
        DataError: If a run cannot be read.
        PredictionsError: If the runs have scored different videos, there are fewer than two of
            them, or validation is missing or of one class.
    """
    runs = _named([Run.open(run_dir) for run_dir in run_dirs])
    for run in runs.values():
        _ = run.config  # refused here where it names what is not trusted
    sources_of = {name: run.source_datasets for name, run in runs.items()}
    predictions = {name: run.predictions for name, run in runs.items()}
    joined = join_members(predictions, how, top_k=top_k)
    combination = fit_combination(joined, rule, sources_of=sources_of, grid_max=grid_max)
    agreement = member_agreement(joined, [one.threshold for one in combination.members])
    card = _card_of(runs, joined, combination, name=out_dir.name, video_score=in_words(how, top_k))
    write_predictions(out_dir / PREDICTIONS_FILE, ensemble_predictions(joined, combination))
    unscored = pd.concat([run.unscored for run in runs.values()], ignore_index=True)
    write_unscored(out_dir / UNSCORED_FILE, unscored.drop_duplicates(VIDEO_KEY))
    write_json(out_dir / ENSEMBLE_FILE, _content(combination, agreement))
    Run.create(out_dir, card)
    return EnsembleSummary(combination=combination, agreement=agreement, card=card)


def _named(runs: list[Run]) -> dict[str, Run]:
    """Give every run a name of its own, and refuse one that stands here twice."""
    named: dict[str, Run] = {}
    for run in runs:
        if any(run.folder.resolve() == other.folder.resolve() for other in named.values()):
            raise DataError(f"The run {run.folder} is named twice; an ensemble counts it once.")
        name = run.name if run.name not in named else f"{run.name} ({run.folder.parent.name})"
        named[name if name not in named else f"{name} ({len(named) + 1})"] = run
    return named


def _card_of(
    runs: dict[str, Run],
    joined: JoinedScores,
    combination: Combination,
    *,
    name: str,
    video_score: str,
) -> RunCard:
    sources = all_sources({name: run.source_datasets for name, run in runs.items()})
    validation = joined.validation(sources)
    # Where runs cut a data set differently, the first run's crops are shown.
    stores = {d: str(folder) for run in reversed(runs.values()) for d, folder in run.stores.items()}
    cards = [run.card for run in runs.values()]
    kinds = sorted({kind for card in cards for kind in card.leaks})
    return RunCard.of_now(
        kind="ensemble",
        name=name,
        rule=combination.rule,
        ties=TIES if combination.rule == "hard" else "",
        members=_members_of(runs, combination),
        intercept=combination.intercept,
        model=f"ensemble_{combination.rule}",
        data="+".join(sources),
        source_dataset="+".join(sources),
        source_datasets=sources,
        num_parameters=sum(card.num_parameters or 0 for card in cards),
        val_video_auc=roc_auc(validation.labels, combination.apply(validation.scores)),
        video_score=video_score,
        manifest_hashes={d: h for card in reversed(cards) for d, h in card.manifest_hashes.items()},
        stores=stores,
        leak_allowed=any(card.leak_allowed for card in cards),
        members_not_chosen=[name for name, run in runs.items() if run.state == "other"],
        members_not_confirmed=[name for name, run in runs.items() if run.state == "unknown"],
        leaks={kind: max(card.leaks.get(kind, 0) for card in cards) for kind in kinds},
    )


def _members_of(runs: dict[str, Run], combination: Combination) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "run": str(run.folder.resolve()),
            "predictions": sha256_of_file(run.folder / PREDICTIONS_FILE),
            "source_datasets": run.source_datasets,
            **{key: getattr(run.card, key) for key in ("model", "seed", "num_parameters")},
            "threshold": member.threshold,
            "val_accuracy": member.accuracy,
            "val_video_auc": member.auc,
            "weight": weight,
        }
        for (name, run), member, weight in zip(
            runs.items(), combination.members, combination.weights, strict=True
        )
    }


def _content(combination: Combination, agreement: pd.DataFrame) -> dict[str, Any]:
    """Return ``ensemble.json``: no time, date or path, so that equal runs give equal bytes."""
    return {
        "rule": combination.rule,
        "ties": TIES if combination.rule == "hard" else "",
        "chosen_on": "validation",
        "members": [asdict(member) for member in combination.members],
        "weights": list(combination.weights),
        "intercept": combination.intercept,
        "grid": [asdict(row) for row in combination.grid],
        "agreement": [
            {**row, "kappa": None if pd.isna(row["kappa"]) else row["kappa"]}
            for row in agreement.to_dict("records")
        ],
    }

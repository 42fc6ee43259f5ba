"""From a finished run to its model card, which travels inside the model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from unmask.core.errors import DataError, PredictionsError, UnmaskError
from unmask.core.labels import CLASS_NAMES, FAKE
from unmask.data.manifest import read_table
from unmask.evaluation.aggregate import TOP_K, video_scores
from unmask.evaluation.calibration import fit_calibration
from unmask.evaluation.metrics import balanced_accuracy_threshold, decisions_at, roc_auc
from unmask.evaluation.verdicts import fix_band
from unmask.runs.run import Run
from unmask.training.card_file import CARD_FORMAT
from unmask.training.checkpoint import read_checkpoint
from unmask.training.release import weights_hash, write_release

_TEST_ROLES: Final = ("in_domain", "cross_dataset")
SYNTHETIC: Final = "synthetic"
SYNTHETIC_ONLY: Final = (
    "It has only ever seen synthetic people, drawn by this program. Its scores of photographs "
    "and films of real people mean nothing."
)


def release(run_dir: Path, checkpoint: Path | None = None) -> Path | None:
    """Write ``model.ckpt`` into a run's folder: the scored weights with their card.

    Args:
        run_dir: A run with predictions and ``metrics.json``.
        checkpoint: The weights behind the predictions; None finds them in the run's folder.

    Returns:
        The file, or None for an ensemble, which has no weights of its own.

    Raises:
        DataError: If the run has no predictions or metrics, or its scored checkpoint has gone.
        PredictionsError: If the predictions break their schema.
    """
    run = Run.open(run_dir)
    if run.is_ensemble:
        return None
    checkpoint = checkpoint or _scored_checkpoint(run)
    write_release(checkpoint, run.model, make_card(run, checkpoint))
    return run.model


def make_card(run: Run, checkpoint: Path) -> dict[str, Any]:
    """Return the model card: what a user of the run's weights must know.

    Args:
        run: With predictions.
        checkpoint: The weights behind them.

    Returns:
        Plain values: what it was trained and tested on, metrics with intervals, limits, licence,
        thresholds, calibration, the scores of the validation videos, and how clips are cut.

    Raises:
        DataError: If the run has no ``metrics.json``.
    """
    metrics = run.metrics
    recipe = read_checkpoint(checkpoint)["unmask"].get("recipe") or {}
    protocol = metrics.get("protocol", {})
    how = {"how": protocol.get("how", "mean"), "top_k": protocol.get("top_k", TOP_K)}
    videos = video_scores(run.predictions, how["how"], top_k=how["top_k"])
    tested = _tested(metrics)
    is_synthetic = all(name.startswith(SYNTHETIC) for name in run.source_datasets)
    validation = _validation(run, videos)
    content = {
        "format": CARD_FORMAT,
        "name": run.name,
        "model": run.card.model,
        "num_parameters": run.card.num_parameters,
        "seed": run.card.seed,
        "source_datasets": run.source_datasets,
        "splits": _splits(run),
        "manifest_hashes": run.card.manifest_hashes,
        "metrics": tested,
        "video_score": how,
        **validation,
        "crops": recipe.get("crops"),
        "clips": recipe.get("clips"),
        "is_synthetic": is_synthetic,
        "leak_allowed": run.card.leak_allowed,
        "limits": _limits(run, tested, validation, is_synthetic=is_synthetic),
        "licence": _licence(run.source_datasets, is_synthetic=is_synthetic),
        "versions": run.card.versions,
        "git": run.card.git,
        "checkpoint_sha256": weights_hash(checkpoint),
    }
    # Exactly what JSON can hold, so that the card's hash is that of its printed form.
    plain: dict[str, Any] = json.loads(json.dumps(content))
    return plain


def _scored_checkpoint(run: Run) -> Path:
    """Find the weights behind the predictions: not always those that validation chose."""
    if run.card.scored_checkpoint is None or run.weights.path is None:
        raise DataError(
            f"{run.folder} no longer holds the checkpoint that was scored; "
            f"`unmask evaluate run={run.folder}` scores it anew."
        )
    return run.weights.path


def _tested(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Take from the metrics what a user of the weights should see, one row per set."""
    rows = []
    for dataset, splits in metrics["datasets"].items():
        for split, content in splits.items():
            video = content["video"]
            decided = video.get("at_threshold") or {}
            rows.append(
                {
                    "dataset": dataset,
                    "split": split,
                    "role": content["role"],
                    "num_real": video["num_real"],
                    "num_fake": video["num_fake"],
                    "num_unscored": content["unscored"]["count"],
                    "auc": video["auc"],
                    "accuracy": decided.get("accuracy"),
                    "methods": sorted(content["methods"][CLASS_NAMES[FAKE]]),
                }
            )
    return rows


def _validation(run: Run, videos: pd.DataFrame) -> dict[str, Any]:
    """Fix what validation fixes; None for each where the split lacks a class."""
    inside = videos["dataset"].isin(run.source_datasets) & (videos["split"] == run.threshold_split)
    part = videos[inside]
    labels, scores = part["label"].to_numpy(np.int64), part["score"].to_numpy(np.float64)
    source = f"{'+'.join(run.source_datasets)}, {run.threshold_split}"
    try:
        threshold = balanced_accuracy_threshold(labels, scores)
        fixed = {
            "threshold": threshold,
            "band": fix_band(labels, scores, source=source).settings(),
            "calibration": fit_calibration(
                videos, "temperature", datasets=run.source_datasets, split=run.threshold_split
            ).settings(),
            "val_auc": roc_auc(labels, scores),
            "val_accuracy": decisions_at(labels, scores, threshold).accuracy,
        }
    except PredictionsError:
        names = ("threshold", "band", "calibration", "val_auc", "val_accuracy")
        fixed = dict.fromkeys(names, None)
    columns = ["dataset", "video_id", "label", "method", "group", "score"]
    rows = [[*map(str, r[:2]), int(r[2]), *map(str, r[3:5]), float(r[5])]
            for r in part[columns].itertuples(index=False, name=None)]  # fmt: skip
    # The scores let an ensemble be fitted, and its thresholds fixed, without its members' runs.
    return {**fixed, "validation": {"columns": columns, "split": run.threshold_split, "rows": rows}}


def _splits(run: Run) -> dict[str, dict[str, dict[str, int]]]:
    """Count the videos of each data set trained on, by split and class, where they still lie."""
    counted: dict[str, dict[str, dict[str, int]]] = {}
    for dataset in run.source_datasets:
        folder = run.stores.get(dataset)
        try:
            videos = read_table(folder / "videos.parquet", "videos") if folder else None
        except UnmaskError:
            videos = None
        if videos is None:
            continue
        counted[dataset] = {
            str(split): {
                name: int((part["label"] == label).sum()) for label, name in enumerate(CLASS_NAMES)
            }
            for split, part in videos.groupby("split", sort=True)
        }
    return counted


def _limits(
    run: Run, tested: Sequence[dict[str, Any]], validation: dict[str, Any], *, is_synthetic: bool
) -> list[str]:
    limits = [SYNTHETIC_ONLY] if is_synthetic else []
    tests = sorted({row["dataset"] for row in tested if row["role"] in _TEST_ROLES})
    away = {row["dataset"] for row in tested if row["role"] == "cross_dataset"}
    if tests:
        limits.append(
            f"Tested on {', '.join(tests)} and on nothing else: on other people, cameras, "
            "compressions and manipulations its error is not known."
        )
    else:
        limits.append("It was never tested: how often it errs is not known.")
    if tests and not away:
        limits.append("It was never tested on a data set that it was not trained on.")
    methods = sorted({method for row in tested for method in row["methods"]})
    limits.append(f"Fakes that it was measured on: {', '.join(methods) or 'none'}.")
    if validation["band"] is None:
        limits.append("Validation lacks a class, so no threshold could be fixed.")
    if run.state != "chosen":
        limits.append(
            "Validation is not known to have chosen these weights, so its numbers may flatter."
        )
    if run.card.leak_allowed:
        limits.append(
            "Splits that share people or videos were let through, so its numbers flatter."
        )
    limits.append("A video without a detected face gets no verdict; a face is all it looks at.")
    return limits


def _licence(sources: Sequence[str], *, is_synthetic: bool) -> str:
    if is_synthetic:
        return "Apache-2.0; trained on footage that this program draws, which binds nobody."
    return (
        f"The program is Apache-2.0. The weights were trained on {', '.join(sources)}, whose terms "
        "(often research only) bind their use."
    )

"""What Weights & Biases holds of a run's results: metrics, figures and tables with their origin."""

import base64
import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import Logger

from unmask.runs.card import RunCard
from unmask.runs.files import (
    CARD_FILE,
    EMBEDDINGS_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    REPORT_FILE,
    UNSCORED_FILE,
)
from unmask.runs.run import Run
from unmask.training.loggers import TolerantWandbLogger, close_loggers

LOGGED_FILES = (
    PREDICTIONS_FILE, UNSCORED_FILE, EMBEDDINGS_FILE, CARD_FILE, METRICS_FILE,
)  # fmt: skip


class Tracking:
    """Keeps what a run logs to open until its results are there.

    Attributes:
        loggers: Loggers of the run; filled by :func:`unmask.training.fit.train`.
    """

    def __init__(self) -> None:
        self.loggers: list[Logger] = []

    @property
    def wants_results(self) -> bool:
        """Whether there is somebody to give results to; not where nothing was trained."""
        return any(
            isinstance(logger, TolerantWandbLogger) and not logger.has_failed
            for logger in self.loggers
        )

    def log_results(self, run_dir: Path, pictures: Sequence[str] = ()) -> None:
        """Log what a run's folder holds; what is not there is left out.

        Args:
            run_dir: With ``run.json``, tables, ``metrics.json`` and ``report.html``.
            pictures: The report's charts, each a ``data:`` address of an SVG.
        """
        for logger in self.loggers:
            if isinstance(logger, TolerantWandbLogger) and Run(run_dir).is_finished:
                logger.attempt(partial(_log_to, logger, run_dir, pictures))

    def close(self) -> None:
        """End what was logged to."""
        close_loggers(self.loggers)


def _log_to(logger: TolerantWandbLogger, run_dir: Path, pictures: Sequence[str]) -> None:
    log_results(logger.experiment, run_dir, pictures)


def log_results(run: Any, run_dir: Path, pictures: Sequence[str] = ()) -> None:  # noqa: ANN401 - wandb is untyped
    """Log a finished run's metrics, report, figures and tables.

    The manifest of each data set is an artifact that the run *uses*, and the prediction tables are
    one that it *makes*, so that two runs on one manifest hang on one artifact.

    Args:
        run: The run of ``wandb``.
        pictures: As in :meth:`Tracking.log_results`.
    """
    card = Run.open(run_dir).card
    for dataset, manifest_hash in sorted(card.manifest_hashes.items()):
        _use(run, _manifest(dataset, manifest_hash, card.split_hashes.get(dataset, {})))
    if (run_dir / PREDICTIONS_FILE).is_file():
        run.log_artifact(_predictions(run_dir, card))
    rows = list(_estimates(card.metrics))
    if rows:
        run.summary.update({f"{d}/{s}/{name}": value for d, s, name, value, _, _ in rows})
        columns: list[str | int] = ["data set", "split", "metric", "value", "low", "high"]
        run.log({"metrics": wandb.Table(columns=columns, data=[list(row) for row in rows])})
    report = run_dir / REPORT_FILE
    if report.is_file():
        run.log({"report": wandb.Html(report.read_text(), inject=False), **_figures(pictures)})


def _manifest(dataset: str, manifest_hash: str, splits: dict[str, str]) -> wandb.Artifact:
    """Describe a data set by its hashes alone: of equal content, it is one and the same."""
    facts = {"dataset": dataset, "manifest_hash": manifest_hash, "split_hashes": splits}
    artifact = wandb.Artifact(_name(f"manifest-{dataset}"), type="dataset", metadata=facts)
    with artifact.new_file("manifest.json") as file:
        json.dump(facts, file, indent=2, sort_keys=True)
    return artifact


def _predictions(run_dir: Path, card: RunCard) -> wandb.Artifact:
    names = ("manifest_hashes", "split_hashes", "scored_checkpoint", "config_hash", "seed")
    artifact = wandb.Artifact(
        _name(f"predictions-{card.name}"),
        type="predictions",
        metadata={name: getattr(card, name) for name in names},
    )
    for name in LOGGED_FILES:
        if (run_dir / name).is_file():
            artifact.add_file(str(run_dir / name))
    return artifact


def _use(run: Any, artifact: wandb.Artifact) -> None:  # noqa: ANN401 - wandb is untyped
    """Say that a run uses an artifact, also offline, where the public call refuses to."""
    try:
        # What `run.use_artifact` does with a new artifact, without waiting for its upload.
        run._log_artifact(artifact, is_user_created=True, use_after_commit=True)  # noqa: SLF001
    except (AttributeError, TypeError):  # of another version of wandb
        run.log_artifact(artifact)


def _name(text: str) -> str:
    """Leave in a name what an artifact's may hold."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:128]


def _estimates(
    metrics: dict[str, Any],
) -> Iterator[tuple[str, str, str, float, float | None, float | None]]:
    for dataset, splits in metrics.get("datasets", {}).items():
        for split, content in splits.items():
            for name, one in content.items():
                if isinstance(one, dict):
                    yield dataset, split, name, one["value"], one["low"], one["high"]


def _figures(pictures: Sequence[str]) -> dict[str, Any]:
    """Return each chart as a picture of its own that a page shows."""
    drawn = (base64.b64decode(uri.partition(",")[2]).decode() for uri in pictures)
    return {f"figures/{n:02d}": wandb.Html(one) for n, one in enumerate(drawn, 1)}

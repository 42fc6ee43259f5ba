"""What Weights & Biases holds of a run's results: metrics, figures and tables with their origin."""

import base64
import json
import re
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import Logger

from unmask.training.loggers import TolerantWandbLogger, close_loggers

TABLES = ("predictions.parquet", "unscored.parquet", "embeddings.parquet")
FACTS = ("run.json", "metrics.json")


class Tracking:
    """Keeps what a run logs to open until its results are there.

    Attributes:
        loggers: Of the run; filled by :func:`unmask.training.fit.train`.
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

    def log_results(self, run_dir: Path) -> None:
        """Log what a run's folder holds; what is not there is left out.

        Args:
            run_dir: With ``run.json``, tables, ``metrics.json`` and ``report.html``.
        """
        for logger in self.loggers:
            if isinstance(logger, TolerantWandbLogger) and (run_dir / "run.json").is_file():
                logger.attempt(partial(_log_to, logger, run_dir))

    def close(self) -> None:
        """End what was logged to."""
        close_loggers(self.loggers)


def _log_to(logger: TolerantWandbLogger, run_dir: Path) -> None:
    log_results(logger.experiment, run_dir)


def log_results(run: Any, run_dir: Path) -> None:  # noqa: ANN401 - wandb is untyped
    """Log a finished run's metrics, report, figures and tables.

    The manifest of each data set is an artifact that the run *uses*, and the prediction tables are
    one that it *makes*, so that two runs on one manifest hang on one artifact.

    Args:
        run: The run of ``wandb``.
        run_dir: The run's folder.
    """
    card = json.loads((run_dir / "run.json").read_text())
    for dataset, manifest_hash in sorted(card.get("manifest_hashes", {}).items()):
        _use(run, _manifest(dataset, manifest_hash, card.get("split_hashes", {}).get(dataset, {})))
    if (run_dir / "predictions.parquet").is_file():
        run.log_artifact(_predictions(run_dir, card))
    rows = list(_estimates(card.get("metrics", {})))
    if rows:
        run.summary.update({f"{d}/{s}/{name}": value for d, s, name, value, _, _ in rows})
        columns: list[str | int] = ["data set", "split", "metric", "value", "low", "high"]
        run.log({"metrics": wandb.Table(columns=columns, data=[list(row) for row in rows])})
    report = run_dir / "report.html"
    if report.is_file():
        page = report.read_text()
        run.log({"report": wandb.Html(page, inject=False), **_figures(page)})


def _manifest(dataset: str, manifest_hash: str, splits: dict[str, str]) -> wandb.Artifact:
    """Describe a data set by its hashes alone: of equal content, it is one and the same."""
    facts = {"dataset": dataset, "manifest_hash": manifest_hash, "split_hashes": splits}
    artifact = wandb.Artifact(_name(f"manifest-{dataset}"), type="dataset", metadata=facts)
    with artifact.new_file("manifest.json") as file:
        json.dump(facts, file, indent=2, sort_keys=True)
    return artifact


def _predictions(run_dir: Path, card: dict[str, Any]) -> wandb.Artifact:
    names = ("manifest_hashes", "split_hashes", "scored_checkpoint", "config_hash", "seed")
    artifact = wandb.Artifact(
        _name(f"predictions-{card['name']}"),
        type="predictions",
        metadata={name: card.get(name) for name in names},
    )
    for name in (*TABLES, *FACTS):
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


def _figures(page: str) -> dict[str, Any]:
    """Return the figures of a report, each as a picture of its own that a page shows."""
    parser = _Figures()
    parser.feed(page)
    return {f"figures/{n:02d}": wandb.Html(one) for n, one in enumerate(parser.found, 1)}


class _Figures(HTMLParser):
    """Collects the pictures inside a page's ``<figure>``s."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a figure's picture."""
        self._is_inside = tag == "figure" or (self._is_inside and tag == "img")
        source = dict(attrs).get("src") or ""
        if tag == "img" and self._is_inside and source.startswith("data:image/svg+xml;base64,"):
            self.found.append(base64.b64decode(source.partition(",")[2]).decode())

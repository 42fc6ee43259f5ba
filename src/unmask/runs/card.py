"""What a training run's folder holds besides checkpoints and tables: ``run.json``."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from unmask.core.errors import DataError
from unmask.core.files import exclusive, write_json
from unmask.core.reproducibility import git_state, package_versions, thread_counts

# Of videos, as `metrics.json` calls them: what a run card repeats and `unmask verify` checks.
HEADLINE: Final = (
    "auc",
    "average_precision",
    "equal_error_rate",
    "log_loss",
    "brier_score",
    "at_half/accuracy",
    "at_half/balanced_accuracy",
    "at_threshold/accuracy",
    "at_threshold/balanced_accuracy",
)


def source_state() -> dict[str, Any]:
    """Return the commit that the program itself is at; read it before a long run, not after."""
    return git_state(Path(__file__).parent)


@dataclass(frozen=True)
class RunCard:
    """The facts of a run that a sceptic needs to repeat it.

    Attributes:
        name: The run's name.
        model: Name of the model's configuration.
        data: Name of the data set's configuration.
        source_dataset: The data set that was trained on.
        seed: Of everything random.
        num_parameters: Of the network.
        num_trainable: Of those, how many were trained.
        best_checkpoint: Path below the run's folder.
        best_epoch: The epoch that validation chose, from 0.
        val_video_auc: Its ROC AUC over the validation videos.
        manifest_hashes: SHA-256 of each data set's ``videos.parquet``.
        stores: Folder of each data set's face crops.
        scored_checkpoint: SHA-256 of the checkpoint behind the predictions.
        best_checkpoint_hash: SHA-256 of the checkpoint that validation chose.
        leak_allowed: Whether splits that share videos or people were let through.
        leaks: How many shared videos, groups and pairs of crops were let through.
        source_datasets: The data sets that were trained on, where there are several.
        versions: Of Python and the packages that can change a number.
        threads: How many threads computed it, as
            :func:`~unmask.core.reproducibility.thread_counts` gives them.
        git: Commit and whether tracked files differed from it.
        split_hashes: SHA-256 of the videos and labels of each split of each data set.
        config_hash: SHA-256 of ``config.yaml``, the resolved configuration.
        flops_per_clip: Floating-point operations of one forward pass over one clip, a
            multiplication and an addition counting as two.
        frames_per_clip: Frames of that clip.
        scoring: How fast clips were last scored, and on what.
        metrics: Headline metrics with their intervals, as :func:`headline_metrics` gives them.
        others: What ``run.json`` holds beside these.
    """

    name: str
    model: str
    data: str
    source_dataset: str
    seed: int
    num_parameters: int
    num_trainable: int
    best_checkpoint: str
    best_epoch: int
    val_video_auc: float
    manifest_hashes: dict[str, str] = field(default_factory=dict)
    stores: dict[str, str] = field(default_factory=dict)
    scored_checkpoint: str | None = None
    best_checkpoint_hash: str | None = None
    leak_allowed: bool = False
    leaks: dict[str, int] = field(default_factory=dict)
    source_datasets: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=package_versions)
    threads: dict[str, int | str | None] = field(default_factory=thread_counts)
    git: dict[str, Any] = field(default_factory=source_state)
    split_hashes: dict[str, dict[str, str]] = field(default_factory=dict)
    config_hash: str | None = None
    flops_per_clip: int | None = None
    frames_per_clip: int | None = None
    scoring: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)

    def save(self, run_dir: Path) -> None:
        """Write ``run.json``."""
        content = asdict(self)
        write_json(run_dir / "run.json", content.pop("others") | content)


@contextmanager
def writing(run_dir: Path) -> Iterator[None]:
    """Hold a run's folder against other calls that write its tables or its card."""
    with exclusive(run_dir / ".lock"):
        yield


def change_card(run_dir: Path, change: Callable[[RunCard], RunCard]) -> None:
    """Change ``run.json`` as it is now; for a caller that holds :func:`writing`.

    Raises:
        DataError: As :func:`read_run_card`.
    """
    change(read_run_card(run_dir)).save(run_dir)


def headline_metrics(metrics: dict[str, Any]) -> dict[str, Any]:
    """Choose from ``metrics.json`` what a run is judged by.

    Args:
        metrics: Its content.

    Returns:
        ``protocol``, ``threshold`` and, under ``datasets``, by data set and split, the number of
        videos and each metric of ``HEADLINE`` that is there: ``{"value", "low", "high"}``.
    """
    return {
        "protocol": metrics["protocol"],
        "threshold": metrics["threshold"]["value"],
        "datasets": {
            dataset: {split: _headline_of(part["video"]) for split, part in splits.items()}
            for dataset, splits in metrics["datasets"].items()
        },
    }


def _headline_of(video: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {"count": video["count"]}
    for name in HEADLINE:
        found: Any = video
        for part in name.split("/"):
            found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, dict):
            content[name] = {key: found.get(key) for key in ("value", "low", "high")}
    return content


def add_metrics(run_dir: Path, metrics: dict[str, Any]) -> None:
    """Put headline metrics with their intervals into a run's ``run.json``, also an ensemble's.

    Args:
        run_dir: The run's folder.
        metrics: The content of its ``metrics.json``.

    Raises:
        DataError: If ``run.json`` is missing or unreadable.
    """
    with writing(run_dir):
        content = read_json(run_dir / "run.json")
        write_json(run_dir / "run.json", content | {"metrics": headline_metrics(metrics)})


def read_json(path: Path) -> dict[str, Any]:
    """Read an object of names and values.

    Raises:
        DataError: If the file is missing or holds something else.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} cannot be read: it holds no object of names and values.")
    return content


def read_run_card(run_dir: Path) -> RunCard:
    """Read a run's ``run.json``, also one that an earlier version wrote.

    Raises:
        DataError: If the folder is not that of a finished training run.
    """
    path = run_dir / "run.json"
    if not run_dir.is_dir():
        raise DataError(
            f"There is no run at {run_dir}; give run=<folder that `unmask train` wrote>."
        )
    if not path.is_file():
        raise DataError(
            f"{run_dir} holds no run.json, so it is not a finished training run; "
            "`unmask train` writes it when training ends."
        )
    content = read_json(path)
    if content.get("kind") == "ensemble":
        raise DataError(
            f"{run_dir} is an ensemble and has no network of its own: evaluate its members, "
            "then make it again with `unmask ensemble`."
        )
    known = {one.name for one in fields(RunCard)} - {"others"}
    # What an old card does not know must not be filled in with the state of today.
    facts = {"versions": {}, "threads": {}, "git": {}} | {
        k: v for k, v in content.items() if k in known
    }
    try:
        card = RunCard(**facts, others={k: v for k, v in content.items() if k not in known})
    except TypeError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    require_below(run_dir, card.best_checkpoint)
    return card


def require_below(run_dir: Path, name: Any) -> Path:  # noqa: ANN401 - JSON holds anything
    """Return a path that a run's own file names, which must lie in the run's folder.

    Raises:
        DataError: If it is no relative path, or leads out of the folder.
    """
    if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
        raise DataError(
            f"{run_dir / 'run.json'} names the checkpoint {name!r}, which does not lie in the "
            "run's own folder; it was not opened."
        )
    return run_dir / name

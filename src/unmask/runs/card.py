"""The facts of a run or of an ensemble of runs: ``run.json``."""

import json
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unmask.core.errors import DataError
from unmask.core.files import write_json
from unmask.core.reproducibility import git_state, package_versions, thread_counts
from unmask.runs.files import CARD_FILE

# Metrics over videos, by their names in `metrics.json`, that a card repeats and `unmask verify`
# checks.
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


class RunCard(BaseModel):
    """The facts of a run that a sceptic needs to repeat it.

    What an old card does not know keeps its default and is not written when the card is changed;
    what a newer version wrote is kept.

    Attributes:
        kind: Whether a network was trained or several runs were combined.
        model: Name of the model's configuration.
        data: Name of the data set's configuration.
        source_dataset: The data set that was trained on; several are joined by "+".
        source_datasets: The data sets that were trained on, where there are several.
        threshold_from: The split that fixes the threshold.
        seed: Seed of everything random; an ensemble has none.
        num_parameters: Parameters of the network, or of all members together.
        num_trainable: The number of those that were trained.
        best_checkpoint: Path below the run's folder; empty for an ensemble.
        best_checkpoint_hash: SHA-256 of the checkpoint that validation chose.
        best_epoch: The epoch that validation chose, from 0.
        val_video_auc: Its ROC AUC over the validation videos.
        scored_checkpoint: SHA-256 of the checkpoint behind the predictions.
        manifest_hashes: SHA-256 of each data set's ``videos.parquet``.
        split_hashes: SHA-256 of the videos and labels of each split of each data set.
        stores: Folder of each data set's face crops.
        config_hash: SHA-256 of ``config.yaml``, the resolved configuration.
        leak_allowed: Whether splits that share videos or people were let through.
        leaks: How many shared videos, groups and pairs of crops were let through.
        flops_per_clip: Floating-point operations of one forward pass over one clip, a
            multiplication and an addition counting as two.
        frames_per_clip: Frames of that clip.
        scoring: How fast clips were last scored, and on what.
        metrics: Headline metrics with their intervals, as :func:`headline_metrics` gives them.
        versions: Versions of Python and the packages that can change a number.
        threads: How many threads computed it, as
            :func:`~unmask.core.reproducibility.thread_counts` gives them.
        git: Commit and whether tracked files differed from it.
        rule: How members are combined.
        ties: What becomes of a tie; empty where the rule knows none.
        members: Member -> its folder, the hash of its predictions, what it is and its part.
        intercept: Intercept of the stacking model, else 0.
        video_score: How the clips of a member's video give its score, in words.
        members_not_chosen: Members whose scored weights are not those that validation chose.
        members_not_confirmed: Members of whose weights nobody can tell.
    """

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    kind: Literal["training", "ensemble"] = "training"
    name: str
    model: str | None = None
    data: str | None = None
    source_dataset: str
    source_datasets: list[str] = Field(default_factory=list)
    threshold_from: str | None = None
    seed: int | None = None
    num_parameters: int | None = None
    num_trainable: int | None = None
    best_checkpoint: str = ""
    best_checkpoint_hash: str | None = None
    best_epoch: int | None = None
    val_video_auc: float | None = None
    scored_checkpoint: str | None = None
    manifest_hashes: dict[str, str] = Field(default_factory=dict)
    split_hashes: dict[str, dict[str, str]] = Field(default_factory=dict)
    stores: dict[str, str] = Field(default_factory=dict)
    config_hash: str | None = None
    leak_allowed: bool = False
    leaks: dict[str, int] = Field(default_factory=dict)
    flops_per_clip: int | None = None
    frames_per_clip: int | None = None
    scoring: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    threads: dict[str, int | str | None] = Field(default_factory=dict)
    git: dict[str, Any] = Field(default_factory=dict)
    rule: str = ""
    ties: str = ""
    members: dict[str, dict[str, Any]] = Field(default_factory=dict)
    intercept: float = 0.0
    video_score: str = ""
    members_not_chosen: list[str] = Field(default_factory=list)
    members_not_confirmed: list[str] = Field(default_factory=list)

    @classmethod
    def of_now(cls, **facts: Any) -> Self:  # noqa: ANN401 - any of the attributes
        """Return the card of a run that this very program makes, with what it runs on."""
        here = {"versions": package_versions(), "threads": thread_counts()}
        return cls(**{**here, "git": source_state(), **facts})

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a run's card, also one that an earlier version wrote.

        Raises:
            DataError: If the folder is not that of a finished run, or its card is damaged.
        """
        path = folder / CARD_FILE
        if not folder.is_dir():
            raise DataError(
                f"There is no run at {folder}; give run=<folder that `unmask train` wrote>."
            )
        if not path.is_file():
            raise DataError(
                f"{folder} holds no {CARD_FILE}, so it is not a finished training run; "
                "`unmask train` writes it when training ends."
            )
        try:
            card = cls(**read_json(path))
        except ValidationError as error:
            raise DataError(f"{path} cannot be read: {_problems(error)}.") from error
        require_below(folder, card.best_checkpoint)
        return card

    def save(self, folder: Path) -> None:
        """Write ``run.json`` with the facts that are known."""
        write_json(folder / CARD_FILE, self.facts())

    def facts(self) -> dict[str, Any]:
        """Return what is known as plain values."""
        return self.model_dump(exclude_unset=True)

    @property
    def sources(self) -> list[str]:
        """The data sets that were trained on."""
        return self.source_datasets or [self.source_dataset]


def _problems(error: ValidationError) -> str:
    """Name each key that is missing or holds something else."""
    found = [(".".join(map(str, one["loc"])), one) for one in error.errors()]
    missing = sorted(name for name, one in found if one["type"] == "missing")
    others = [f"{name}: {one['msg']}" for name, one in found if one["type"] != "missing"]
    return "; ".join(([f"it lacks {missing}"] if missing else []) + others)


def headline_metrics(metrics: dict[str, Any]) -> dict[str, Any]:
    """Choose from ``metrics.json`` what a run is judged by.

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


def require_below(folder: Path, name: str) -> None:
    """Refuse a path in a run's own file that leads out of the run's folder.

    Raises:
        DataError: If it is no relative path, or leads out of the folder.
    """
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise DataError(
            f"{folder / CARD_FILE} names the checkpoint {name!r}, which does not lie in the run's "
            "own folder; it was not opened."
        )

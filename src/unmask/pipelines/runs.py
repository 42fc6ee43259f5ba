"""What a training run's folder holds besides checkpoints and tables: ``run.json``."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unmask.core.errors import DataError
from unmask.core.files import write_json
from unmask.core.reproducibility import git_state, package_versions


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
        leak_allowed: Whether splits that share videos or people were let through.
        leaks: How many shared videos, groups and pairs of crops were let through.
        source_datasets: The data sets that were trained on, where there are several.
        versions: Of Python and the packages that can change a number.
        git: Commit and whether tracked files differed from it.
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
    leak_allowed: bool = False
    leaks: dict[str, int] = field(default_factory=dict)
    source_datasets: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=package_versions)
    git: dict[str, Any] = field(default_factory=source_state)

    def save(self, run_dir: Path) -> None:
        """Write ``run.json``."""
        write_json(run_dir / "run.json", asdict(self))


def read_run_card(run_dir: Path) -> RunCard:
    """Read a run's ``run.json``.

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
    try:
        content = json.loads(path.read_text())
        if isinstance(content, dict) and content.get("kind") == "ensemble":
            raise DataError(
                f"{run_dir} is an ensemble and has no network of its own: evaluate its members, "
                "then make it again with `unmask ensemble`."
            )
        return RunCard(**content)
    except (json.JSONDecodeError, TypeError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error

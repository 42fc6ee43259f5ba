"""The models that lie on this machine: released by runs here, or brought from elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from unmask.core.errors import CheckpointError, DataError, UnmaskError
from unmask.pages.numbers import interval, number
from unmask.runs.files import MODEL_FILE
from unmask.training.checkpoint import read_checkpoint
from unmask.training.release import card_of


@dataclass(frozen=True)
class LocalModel:
    """A model file.

    Args:
        path: Where it lies.
        card: Its card; None where it has none.
        problem: Why it cannot be used; empty where it can.
    """

    path: Path
    card: dict[str, Any] | None
    problem: str = ""

    @property
    def is_synthetic(self) -> bool:
        """Whether it has only seen synthetic people, as far as its card says."""
        return bool(self.card and self.card["is_synthetic"])


def list_models(outputs_dir: Path, models_dir: Path) -> list[LocalModel]:
    """List the models that runs have released and those in the zoo folder, newest first.

    Args:
        outputs_dir: Runs leave ``model.ckpt`` somewhere below.
        models_dir: Any ``*.ckpt`` below counts.
    """
    paths = {*outputs_dir.glob(f"**/{MODEL_FILE}"), *models_dir.glob("**/*.ckpt")}
    return [_opened(path) for path in _newest_first(paths)]


def open_models(checkpoints: Iterable[Path]) -> list[LocalModel]:
    """Read the cards of files and of runs' folders, in the order given."""
    files = [path / MODEL_FILE if path.is_dir() else path for path in checkpoints]
    return [_opened(path) for path in files]


def newest_demo(outputs_dir: Path, models_dir: Path) -> Path:
    """Return the newest model that has only seen synthetic people.

    Raises:
        CheckpointError: If there is none, saying how to get one.
    """
    for path in _newest_first(
        {*outputs_dir.glob(f"**/{MODEL_FILE}"), *models_dir.glob("**/*.ckpt")}
    ):
        if _opened(path).is_synthetic:
            return path
    raise CheckpointError(
        f"No checkpoint was named, and there is no demo model below {outputs_dir} or {models_dir}. "
        "Name one with checkpoint=<file or run folder>, or make one with `make demo` or "
        "`unmask train experiment=demo`."
    )


def find_checkpoints(patterns: str | Sequence[str]) -> list[Path]:
    """Turn names and patterns into files and folders, each once, in the order given.

    Raises:
        DataError: If a pattern matches nothing.
    """
    found: list[Path] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        path = Path(pattern)
        # A folder's name may itself look like a pattern, e.g. "run[1]".
        matches = [path] if path.exists() else sorted(_glob(pattern))
        if not matches:
            raise DataError(f"Nothing matches checkpoint='{pattern}'.")
        found += matches
    return list(dict.fromkeys(found))


def models_table(models: Iterable[LocalModel]) -> Table:
    """Show models with what their cards say; the number is that of :func:`model_lines`."""
    table = Table("", "model", "trained on", "test AUC \\[95 %]", "validation AUC")
    for place, model in enumerate(models, start=1):
        card = model.card
        if card is None:
            table.add_row(str(place), escape(model.problem or "no card: nothing is known of it"))
            continue
        tests = [
            f"{row['dataset']} {number(row['auc']['value'])} {interval(row['auc'])}"
            for row in card["metrics"]
            if row["role"] in ("in_domain", "cross_dataset")
        ]
        table.add_row(
            str(place),
            escape(str(card["model"])),
            escape("\n".join(card["source_datasets"])),
            escape("\n".join(tests)) or "never tested",
            number(card["val_auc"]),
        )
    return table


def model_lines(models: Iterable[LocalModel]) -> list[str]:
    """Write where each model lies, which may be longer than a table is wide."""
    return [
        f"{place}: {model.path} ({model.path.stat().st_size / 1e6:.1f} MB)"
        for place, model in enumerate(models, start=1)
    ]


def _opened(path: Path) -> LocalModel:
    try:
        return LocalModel(path, card_of(read_checkpoint(path), path))
    except UnmaskError as error:
        return LocalModel(path, None, str(error))


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (-path.stat().st_mtime, str(path)))


def _glob(pattern: str) -> list[Path]:
    path = Path(pattern)
    root = Path(path.anchor) if path.is_absolute() else Path()
    try:
        return list(root.glob(str(path.relative_to(path.anchor))))
    except ValueError as error:  # "**" beside other letters
        raise DataError(f"checkpoint='{pattern}' is not a pattern: {error}.") from error

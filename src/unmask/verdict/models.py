"""The models that lie on this machine: released by runs here, or brought from elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.core.errors import CheckpointError, DataError, UnmaskError
from unmask.runs.files import MODEL_FILE
from unmask.training.card_file import card_of, read_facts


@dataclass(frozen=True)
class LocalModel:
    """A model file.

    Args:
        card: Its card; None where it has none.
        problem: Why it cannot be used; empty where it can.
    """

    path: Path
    card: dict[str, Any] | None
    problem: str = ""

    @property
    def is_synthetic(self) -> bool:
        """Whether the model has only seen synthetic people, according to its card."""
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


def _opened(path: Path) -> LocalModel:
    try:
        return LocalModel(path, card_of(read_facts(path), path))
    except UnmaskError as error:
        return LocalModel(path, None, str(error))


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (-path.stat().st_mtime, str(path)))


def _glob(pattern: str) -> list[Path]:
    path = Path(pattern)
    root = Path(path.anchor) if path.is_absolute() else Path()
    # Python 3.13 takes it for "*".
    if any("**" in part and part != "**" for part in path.parts):
        raise DataError(f"checkpoint='{pattern}' is not a pattern: '**' must stand alone.")
    try:
        return list(root.glob(str(path.relative_to(path.anchor))))
    except ValueError as error:
        raise DataError(f"checkpoint='{pattern}' is not a pattern: {error}.") from error

"""The curves of a run, whole also where it was interrupted."""

from pathlib import Path

import pandas as pd

from unmask.core.files import write_text
from unmask.runs.files import CURVES_FILE


def carry_curves(from_dir: Path, to_dir: Path) -> None:
    """Put the epochs before an interruption in front of a resumed run's ``metrics.csv``.

    Args:
        from_dir: Folder of the interrupted run; without curves there, nothing happens.
        to_dir: Folder of the run that continued it.
    """
    earlier, later = from_dir / CURVES_FILE, to_dir / CURVES_FILE
    if from_dir.resolve() == to_dir.resolve() or not (earlier.is_file() and later.is_file()):
        return
    new = pd.read_csv(later)
    old = pd.read_csv(earlier)
    # Not every row names its epoch, but each names its step.
    kept = old[old["step"] < new["step"].min()]
    write_text(later, pd.concat([kept, new], ignore_index=True).to_csv(index=False))

"""The records of a sweep's jobs, and the summary at its end."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from unmask.core.errors import DataError
from unmask.core.files import sha256_of_file, sha256_of_json, write_json
from unmask.core.reproducibility import package_versions
from unmask.runs.card import RunCard, source_state
from unmask.runs.files import JOB_FILE, PREDICTIONS_FILE, SWEEP_FILE, UNSCORED_FILE

# A job says so when it begins, so that one whose process is killed still says it.
UNFINISHED = "It did not finish: its process ended before it did."

Outcome = Literal["done", "bad input", "error", "unfinished"]


@dataclass(frozen=True)
class JobResult:
    """What a job gives to its sweep.

    Attributes:
        value: What a search makes as large as it can: of a training, the ROC AUC over the source's
            validation videos, never a test's.
        run_dir: The run that holds the result, which is another one's where nothing was trained.
        says: In a few words, what was done.
    """

    value: float
    run_dir: Path
    says: str


@dataclass(frozen=True)
class JobRecord:
    """How one job of a sweep ended, as its ``job.json`` holds it.

    Attributes:
        number: Number of the job in its sweep, from 0.
        overrides: The words that it was called with.
        outcome: ``"bad input"`` is what the user can put right, ``"error"`` anything else.
        says: What was done, or the error in a sentence.
        value: As in :class:`JobResult`; None where there is none.
        run_dir: As in :class:`JobResult`; None where there is none.
    """

    number: int
    overrides: list[str]
    outcome: Outcome
    says: str
    value: float | None = None
    run_dir: str | None = None

    def save(self, job_dir: Path) -> None:
        """Write ``job.json``."""
        write_json(job_dir / JOB_FILE, asdict(self))

    @property
    def failed(self) -> bool:
        """Whether there is no result."""
        return self.outcome != "done"


def read_jobs(sweep_dir: Path) -> list[JobRecord]:
    """Read the records of every job that began, by number.

    Raises:
        DataError: If a record cannot be read.
    """
    records = []
    for path in sweep_dir.glob(f"*/{JOB_FILE}"):
        try:
            records.append(JobRecord(**json.loads(path.read_text())))
        except (json.JSONDecodeError, TypeError) as error:
            raise DataError(f"{path} cannot be read: {error}.") from error
    return sorted(records, key=lambda record: record.number)


def verdict(records: Sequence[JobRecord]) -> str:
    """Return how many jobs there were, how many failed, and which is best on validation.

    Example:
        >>> verdict([JobRecord(0, ["seed=1"], "done", "trained", 0.9),
        ...          JobRecord(1, ["seed=2"], "error", "ValueError: no.")])
        '1 of 2 jobs failed. Best on validation: job 0 with 0.9000.'
    """
    failed = sum(record.failed for record in records)
    said = (
        f"{failed} of {len(records)} jobs failed." if failed else f"{len(records)} jobs, all done."
    )
    valued = [(record.value, record) for record in records if record.value is not None]
    if valued:
        value, best = max(valued, key=lambda pair: pair[0])
        said += f" Best on validation: job {best.number} with {value:.4f}."
    return said


def exit_code(records: Sequence[JobRecord]) -> int:
    """Return 0 where every job is done, 2 where all are at fault for bad input, else 1.

    Example:
        >>> exit_code([JobRecord(0, [], "bad input", "There is no run."),
        ...            JobRecord(1, [], "done", "")])
        1
    """
    outcomes = {record.outcome for record in records}
    if outcomes <= {"done"}:
        return 0
    return 2 if outcomes == {"bad input"} else 1


def finite(value: float) -> float | None:
    """Return a value that a search can compare, or None: what is not a number is a failed trial."""
    return value if math.isfinite(value) else None


def report_key(runs: Iterable[Path], protocol: dict[str, Any]) -> str:
    """Return what changes whenever the report over some runs would: their tables, or the program.

    Args:
        runs: Folders of runs with predictions.
        protocol: How they are measured.
    """
    return sha256_of_json(
        {
            "runs": {str(run.resolve()): _facts_of(run) for run in runs},
            "protocol": protocol,
            "versions": package_versions(),
            "git": source_state(),
        }
    )


def _facts_of(run: Path) -> dict[str, Any]:
    # What a report measured is a result of it and not a reason for another one.
    card = {name: fact for name, fact in RunCard.read(run).facts().items() if name != "metrics"}
    tables = (PREDICTIONS_FILE, UNSCORED_FILE)
    return {"card": card} | {name: sha256_of_file(run / name) for name in tables}


def save_sweep(
    sweep_dir: Path, records: Sequence[JobRecord], *, key: str | None, report: Path | None
) -> None:
    """Write ``sweep.json``: how each job ended and, where there is one, whose report this is."""
    content = {
        "jobs": [asdict(record) for record in records],
        "report_key": key,
        "report": None if report is None else str(report.resolve()),
    }
    write_json(sweep_dir / SWEEP_FILE, content)


def find_report(outputs_dir: Path, key: str) -> Path | None:
    """Return the report that an earlier sweep wrote with the same key, or None."""
    for path in sorted(outputs_dir.glob(f"*/*/{SWEEP_FILE}"), reverse=True):
        try:
            content = json.loads(path.read_text())
        except json.JSONDecodeError:
            continue
        if content.get("report_key") == key and Path(content["report"]).is_file():
            return Path(content["report"])
    return None

"""Cases: an upload and its evidence, kept until the case ends, or for good where it is flagged."""

import secrets
import shutil
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from unmask.core.errors import DataError
from unmask.core.files import write_json, write_text
from unmask.verdict.evidence import Evidence
from unmask.verdict.page import render_html

# The bytes of uploads that wait, and those of open cases, over the largest single upload.
UPLOADS_KEPT: Final = 8
MAX_OPEN: Final = 64
MAX_NOTE: Final = 2_000


@dataclass(frozen=True)
class Case:
    """An upload under a name that tells nothing.

    Args:
        key: Names it to whoever uploaded it; it cannot be guessed.
        file: Where the upload lies.
        opened: Seconds of the monotonic clock.
        evidence: None before the verdict.
    """

    key: str
    file: Path
    num_bytes: int
    opened: float = field(compare=False)
    evidence: Evidence | None = None


class CaseStore:
    """The open cases, and those that somebody flagged.

    Args:
        folder: Holds the uploads of open cases; a temporary one.
        uploads_dir: Holds uploads that nobody has asked about yet.
        flagged_dir: Flagged cases go there, one folder each.
        keep_seconds: A case that nobody ends is closed after so long.
        max_open_bytes: Limit of the uploads of all open cases; beyond it the oldest cases end.
        max_flagged_bytes: Limit of all flagged cases; beyond it nothing more is kept.
    """

    def __init__(
        self,
        folder: Path,
        uploads_dir: Path,
        flagged_dir: Path,
        *,
        keep_seconds: float,
        max_open_bytes: int,
        max_flagged_bytes: int,
    ) -> None:
        self._folder = folder
        self._uploads = uploads_dir
        self._flagged = flagged_dir
        self._keep_seconds = keep_seconds
        self._max_open_bytes = max_open_bytes
        self._max_flagged_bytes = max_flagged_bytes
        self._cases: OrderedDict[str, Case] = OrderedDict()
        self._lock = threading.RLock()

    def open(self, upload: Path, *, copy: bool = False) -> Case:
        """Take an upload over: it moves into a folder of the case's own.

        Where there are too many cases now, the oldest ones end, but never this one.

        Args:
            copy: Leave the file where it is.
        """
        key = secrets.token_hex(8)
        place = self._folder / key
        place.mkdir(parents=True, mode=0o700)
        file = place / upload.name
        if copy:
            shutil.copyfile(upload, file)
        else:
            shutil.move(upload, file)
        case = Case(key, file, file.stat().st_size, time.monotonic())
        with self._lock:
            self._cases[key] = case
            while self._are_too_many():
                self.close(next(iter(self._cases)))
        self.sweep()
        return case

    def _are_too_many(self) -> bool:
        num_bytes = sum(case.num_bytes for case in self._cases.values())
        is_above = len(self._cases) > MAX_OPEN or num_bytes > self._max_open_bytes
        return is_above and len(self._cases) > 1

    def answer(self, key: str, evidence: Evidence) -> None:
        """Keep the evidence of a case; no harm where it has been closed in between."""
        with self._lock:
            if key in self._cases:
                self._cases[key] = replace(self._cases[key], evidence=evidence)

    def get(self, key: str | None) -> Case | None:
        """Return an open case; None where there is none of that name."""
        with self._lock:
            return self._cases.get(key or "")

    def close(self, key: str | None) -> None:
        """End a case: its upload is removed."""
        with self._lock:
            case = self._cases.pop(key or "", None)
        if case is not None:
            shutil.rmtree(case.file.parent, ignore_errors=True)

    def sweep(self) -> None:
        """End the cases that nobody has ended, and remove uploads that nobody asks about."""
        oldest = time.monotonic() - self._keep_seconds
        with self._lock:
            late = [case.key for case in self._cases.values() if case.opened < oldest]
        for key in late:
            self.close(key)
        oldest = time.time() - self._keep_seconds
        for place in self._uploads.iterdir():
            with suppress(FileNotFoundError):  # somebody asked about it just now
                if place.lstat().st_mtime < oldest:
                    shutil.rmtree(place) if place.is_dir() else place.unlink()

    def flag(self, key: str | None, note: str) -> str:
        """Keep a case for good: the upload, its evidence, its page and a note.

        Args:
            key: Key of an open case with a verdict.
            note: Why; the first 2,000 characters are kept.

        Returns:
            The case's name, which is also that of its folder.

        Raises:
            DataError: If there is no such case, or no room for it.
        """
        case = self.get(key)
        if case is None or case.evidence is None:
            raise DataError("There is no verdict to flag: ask for one first, or ask again.")
        used = sum(path.stat().st_size for path in self._flagged.rglob("*") if path.is_file())
        if used + case.file.stat().st_size > self._max_flagged_bytes:
            raise DataError(
                "The folder of flagged cases is full "
                f"({self._max_flagged_bytes / 2**20:.0f} MiB); nothing was kept."
            )
        folder = self._flagged / case.key
        write_json(folder / "evidence.json", case.evidence.to_json())
        write_text(folder / "verdict.html", render_html(case.evidence))
        # Under a name of ours, so that nothing in the folder is called as a stranger wished.
        shutil.copyfile(case.file, folder / "upload.bin")
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        facts = {"note": note[:MAX_NOTE], "name": case.file.name, "time": now}
        write_json(folder / "flag.json", facts)
        return case.key

"""What happens when somebody presses a button: uploads in, sentences and evidence out."""

import logging
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from unmask.app.inputs import pick_input
from unmask.app.models import ModelPool, Question
from unmask.app.uploads import Case, CaseStore
from unmask.core.errors import ConfigError, DataError, UnmaskError, VideoError
from unmask.verdict.evidence import Evidence
from unmask.verdict.progress import CancelledError, OnStage

_log = logging.getLogger(__name__)
# Their sentences name files by what they were called where they came from, and models by names.
_SAFE = (VideoError, ConfigError, CancelledError, DataError)
_UNEXPECTED = "Something went wrong on the server, which its log describes; there is no verdict."


@dataclass(frozen=True)
class Answer:
    """What comes of a question.

    Args:
        sentence: About the inputs, or why there is no verdict.
        case: Names the case; None without a verdict.
        evidence: None without a verdict.
    """

    sentence: str
    case: str | None
    evidence: Evidence | None


class Sessions:
    """The visitors' sessions: takes uploads, asks the models, keeps and ends cases, stops.

    Args:
        examples: Name -> film.
        uploads_dir: Every upload lies in a folder of its own in here.
    """

    def __init__(
        self, pool: ModelPool, cases: CaseStore, examples: Mapping[str, Path], *, uploads_dir: Path
    ) -> None:
        self.pool, self.cases, self.examples = pool, cases, dict(examples)
        self._uploads_dir = uploads_dir
        self._stops: dict[str, threading.Event] = {}
        self._case_of: dict[str, str] = {}

    def ask(
        self,
        uploads: tuple[str | None, str | None, str | None],
        question: Callable[[], Question],
        *,
        session: str,
        previous: str | None = None,
        example: str | None = None,
        on_stage: OnStage | None = None,
    ) -> Answer:
        """Judge an upload, an example, or the previous case again.

        Args:
            uploads: Zip of a folder, image and video, as Gradio received them.
            question: Makes the question; what it raises becomes the answer.
            example: Name of an example to judge in the place of uploads.
        """
        stop = self._stops.setdefault(session, threading.Event())
        case: Case | None = None
        try:
            asked = question()
            case, sentence = self._case(uploads, previous, example)
            evidence = self.pool.predict(
                case.file, asked, on_stage=on_stage, should_stop=stop.is_set
            )
            self.cases.answer(case.key, evidence)
            self._case_of[session] = case.key
        except _SAFE as error:
            return self._without(case, previous, str(error))
        except UnmaskError:
            _log.exception("A model cannot be used.")
            return self._without(
                case, previous, "A model that was chosen cannot be used; the log says why."
            )
        except Exception:  # noqa: BLE001 - the border of the server
            _log.exception("A case failed.")
            return self._without(case, previous, _UNEXPECTED)
        else:
            return Answer(sentence, case.key, evidence)
        finally:
            self._stops.pop(session, None)
            for upload in uploads:
                self._remove(upload)

    def arrive(self, session: str) -> None:
        """Note a question that is about to wait, so that it can be stopped before its turn."""
        self._stops[session] = threading.Event()

    def stop(self, session: str) -> None:
        """Ask a session's waiting or running question to stop."""
        event = self._stops.get(session)
        if event is not None:
            event.set()

    def leave(self, session: str) -> None:
        """End all that a session has begun: its page was closed."""
        self.stop(session)
        self.cases.close(self._case_of.pop(session, None))

    def flag(self, case: str | None, note: str) -> str:
        """Keep a case and say so."""
        try:
            key = self.cases.flag(case, note)
        except DataError as error:
            return str(error)
        except OSError:
            _log.exception("A flagged case cannot be kept.")
            return "The case could not be kept, which the server's log describes."
        return f"Kept on the server as case {key}: the upload, its evidence, its page, your note."

    def _case(
        self,
        uploads: tuple[str | None, str | None, str | None],
        previous: str | None,
        example: str | None,
    ) -> tuple[Case, str]:
        if example is not None:
            self.cases.close(previous)
            file = self.examples[example]
            return self.cases.open(file, copy=True), f"{example}, of a person who does not exist."
        known = self.cases.get(previous)
        if known is not None and not any(uploads):
            return known, f"{known.file.name} is judged again."
        file, sentence = pick_input(*uploads)
        self.cases.close(previous)
        if not self._is_upload(file):
            raise VideoError(
                f"The upload {file.name} is no longer here; upload it again.", reason="missing"
            )
        return self.cases.open(file), sentence

    def _without(self, case: Case | None, previous: str | None, sentence: str) -> Answer:
        """Return a sentence in the place of a verdict; what was judged before stays open."""
        if case is not None and case.evidence is None:
            self.cases.close(case.key)
        known = self.cases.get(previous)
        return Answer(sentence, known.key if known else None, None)

    def _is_upload(self, file: Path) -> bool:
        return file.is_file() and file.parent.parent == self._uploads_dir

    def _remove(self, upload: str | None) -> None:
        """Remove what was uploaded, judged or not, with its folder."""
        if upload is not None and Path(upload).parent.parent == self._uploads_dir:
            shutil.rmtree(Path(upload).parent, ignore_errors=True)

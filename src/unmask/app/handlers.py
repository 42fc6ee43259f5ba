"""Gradio's view of :class:`unmask.app.session.Sessions`: values of components in, updates out."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import gradio as gr

from unmask.app.html import STAGES, details_html, download_html, label_of, sentence_html
from unmask.app.models import Question
from unmask.app.session import Answer, Sessions
from unmask.verdict.page import render_fragment

# A run without a page, such as a plain POST, has no session of its own.
_NO_SESSION: Final = "none"
_PROGRESS: Final = gr.Progress()


class Handlers:
    """What each button does.

    Gradio calls with the values of a button's inputs, in the order in which the page names them.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def ask(
        self,
        request: gr.Request,
        progress: gr.Progress = _PROGRESS,
        *values: Any,  # noqa: ANN401 - the case, the three uploads, and the settings
    ) -> list[Any]:
        """Judge what was uploaded, or the case again, and fill the page."""
        case, folder, image, video, *settings = values
        uploads = (folder, image, video)
        return filled(self._ask(uploads, settings, request, progress, previous=case))

    def ask_example(self, name: str) -> Callable[..., list[Any]]:
        """Return what the button of an example does."""

        def ask(
            request: gr.Request,
            progress: gr.Progress = _PROGRESS,
            *values: Any,  # noqa: ANN401 - the case and the settings
        ) -> list[Any]:
            case, *settings = values
            none = (None, None, None)
            asked = self._ask(none, settings, request, progress, previous=case, example=name)
            return filled(asked)

        return ask

    def arrive(self, request: gr.Request) -> None:
        """Note the question before it waits for its turn."""
        self._sessions.arrive(_session(request))

    def stop(self, request: gr.Request) -> None:
        """Stop this visitor's question."""
        self._sessions.stop(_session(request))

    def leave(self, request: gr.Request) -> None:
        """Remove what a closed page has left."""
        self._sessions.leave(_session(request))

    def flag(self, case: str | None, note: str) -> str:
        """Keep the case that is shown."""
        return sentence_html(self._sessions.flag(case, str(note or "")))

    def verdict(
        self,
        folder: str | None,
        image: str | None,
        video: str | None,
        models: object,
        voting: object,
        num_frames: object,
        min_face_prob: object,
        heat_maps: object,
        request: gr.Request,
        progress: gr.Progress = _PROGRESS,
    ) -> dict[str, Any]:
        """Judge a file: its `case`, a `note` on the inputs, and the `evidence` of evidence.json."""
        settings = (models, voting, num_frames, min_face_prob, heat_maps)
        answer = self._ask((folder, image, video), settings, request, progress)
        if answer.evidence is None:
            raise gr.Error(answer.sentence, print_exception=False)
        return {
            "case": answer.case,
            "note": answer.sentence,
            "evidence": answer.evidence.to_json(),
        }

    def keep(self, case: str, note: str) -> str:
        """Flag a case: keep its upload, evidence and page on the server."""
        return self._sessions.flag(str(case), str(note or ""))

    def _ask(
        self,
        uploads: tuple[str | None, str | None, str | None],
        settings: Sequence[object],
        request: gr.Request,
        progress: gr.Progress,
        *,
        previous: str | None = None,
        example: str | None = None,
    ) -> Answer:
        return self._sessions.ask(
            uploads,
            lambda: Question.of(*settings),
            session=_session(request),
            previous=previous,
            example=example,
            on_stage=_reporter(progress),
        )


def filled(answer: Answer) -> list[Any]:
    """Return what an answer puts on the page, in the order of the page's outputs.

    These are: sentence, box, label, details, download, what flagging said, evidence, case, and the
    three uploads, which are spent.
    """
    evidence = answer.evidence
    spent = [None, None, None]
    if evidence is None:
        problem = sentence_html(answer.sentence, is_problem=True)
        return [problem, gr.update(visible=False), None, "", "", "", "", answer.case, *spent]
    return [
        sentence_html(answer.sentence),
        gr.update(visible=True),
        label_of(evidence),
        details_html(evidence),
        download_html(evidence, str(answer.case)),
        "",
        render_fragment(evidence),
        answer.case,
        *spent,
    ]


def _reporter(progress: gr.Progress) -> Callable[[str, float], None]:
    def report(stage: str, fraction: float) -> None:
        progress(fraction, desc=STAGES.get(stage, stage))

    return report


def _session(request: gr.Request) -> str:
    return str(getattr(request, "session_hash", None) or _NO_SESSION)

"""The page: what is asked for, what is shown, and which button does what."""

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr
from gradio.components.base import Component
from gradio.components.label import LabelData

from unmask.app.handlers import Handlers
from unmask.app.html import cards_html, warning_html
from unmask.app.models import MAX_NUM_FRAMES, RULES, Question
from unmask.app.session import Sessions

TITLE: Final = "unmask: is this face real?"
STYLE: Final = """
.gradio-container { max-width: 72rem !important; margin: 0 auto !important; }
.warning, .problem, .note { padding: .6rem 1rem !important; border-left: 4px solid #b37400;
  background: #fff8e8; color: #1b2330 !important; margin: .2rem 0; overflow-wrap: anywhere; }
.problem { border-color: #d55e00; background: #fff0e6; }
.note { border-color: #0072b2; background: #eef6fc; }
.unmask { max-width: min(60rem, calc(100vw - 6rem)) !important; }
.details { font-variant-numeric: tabular-nums; padding-left: 1.2rem; }
.details li { overflow-wrap: anywhere; }
.download { display: inline-block; padding: .4rem 0; text-decoration: underline; }
.cards table { border-collapse: collapse; }
.cards td, .cards th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; }
"""
# One at a time, on the page and by programs: they share the processor and its memory.
_ONE_BY_ONE: Final[dict[str, Any]] = {"concurrency_id": "verdict", "concurrency_limit": 1}
_JUDGING: Final[dict[str, Any]] = {**_ONE_BY_ONE, "api_visibility": "private"}
_AT_ONCE: Final[dict[str, Any]] = {"queue": False, "api_visibility": "private"}


@dataclass(frozen=True)
class _Shown:
    """The parts of an answer."""

    filled: list[Component]
    flagged: gr.HTML
    reason: gr.Textbox
    flag: gr.Button


def make_page(sessions: Sessions, *, defaults: Question, limits_text: str) -> gr.Blocks:
    """Lay the page out.

    Args:
        defaults: What the settings say at first.
        limits_text: What is accepted, in words.
    """
    handlers, models = Handlers(sessions), sessions.pool.models
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(60, 600)) as page:
        gr.Markdown(f"# {TITLE}")
        gr.HTML(warning_html(models))
        case = gr.State(None)
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                uploads = _uploads(limits_text)
                settings = _settings(sessions, defaults)
                with gr.Row():
                    go = gr.Button("Give a verdict", variant="primary", elem_id="go")
                    cancel = gr.Button("Cancel", elem_id="cancel")
                examples = _example_buttons(sessions)
            with gr.Column(scale=3, min_width=300):
                shown = _answer_parts()
        evidence = gr.HTML(elem_id="evidence")
        with gr.Accordion("The models and their cards", open=False, elem_id="cards"):
            gr.HTML(cards_html(models), elem_classes="cards")
        outputs = [*shown.filled, evidence, case, *uploads]
        arrived = go.click(handlers.arrive, None, None, **_AT_ONCE)
        arrived.then(handlers.ask, [case, *uploads, *settings], outputs, **_JUDGING)
        for name, button in examples.items():
            arrived = button.click(handlers.arrive, None, None, **_AT_ONCE)
            arrived.then(handlers.ask_example(name), [case, *settings], outputs, **_JUDGING)
        cancel.click(handlers.stop, None, None, **_AT_ONCE)
        page.unload(handlers.leave)  # closed, or reloaded
        inputs = [case, shown.reason]
        # Named, or it would take the name of the programs' call.
        shown.flag.click(
            handlers.flag, inputs, shown.flagged, api_name="flag_shown", api_visibility="private"
        )
        _add_api(handlers, [*uploads, *settings])
    assert isinstance(page, gr.Blocks)
    return page


def _uploads(limits_text: str) -> list[Component]:
    gr.Markdown(
        "Give a video, a zip of a folder of frames, or an image. Of several, the folder is judged "
        f"before the image, and the image before the video. {limits_text}"
    )
    with gr.Tabs():
        with gr.Tab("Video"):
            video = _upload("Video", "video")
        with gr.Tab("Folder of frames (zip)"):
            folder = _upload("Zip of a folder of frames", "folder")
        with gr.Tab("Image"):
            image = _upload("Image", "image")
    return [folder, image, video]


def _upload(name: str, elem_id: str) -> gr.File:
    """Make a component for a file as it came: never opened here, never fetched from an address."""
    upload = gr.File(label=name, height=120, elem_id=elem_id)
    move = upload.async_move_resource_to_block_cache

    async def refuse_addresses(path: Any) -> str | None:  # noqa: ANN401 - as Gradio's
        if "://" in str(path):
            sentence = "Upload the file itself; addresses are not fetched."
            raise gr.Error(sentence, print_exception=False)
        return await move(path)

    # No subclass, because Gradio writes a stub file beside a module that holds one.
    vars(upload).update(
        preprocess=lambda payload: None if payload is None else payload.path,
        async_move_resource_to_block_cache=refuse_addresses,
    )
    return upload


def _label() -> gr.Label:
    """Make a label whose title is the verdict, which may be neither of the two classes."""
    label = gr.Label(label="Verdict", elem_id="label")
    vars(label).update(postprocess=lambda value: LabelData(**value) if value else {})
    return label


def _settings(sessions: Sessions, defaults: Question) -> list[Component]:
    models = gr.Dropdown(
        list(sessions.pool.models), value=list(defaults.models), multiselect=True, label="Models",
        info="Several vote.", elem_id="models",
    )  # fmt: skip
    with gr.Accordion("How to look", open=False, elem_id="settings"):
        voting = gr.Radio(list(RULES), value=defaults.voting, label="Voting rule of several models")
        num_frames = gr.Slider(
            0, MAX_NUM_FRAMES, value=defaults.num_frames, step=1, label="Number of frames",
            info="Spread over the whole file; 0 looks at those of the training.",
        )  # fmt: skip
        min_face_prob = gr.Slider(
            0, 1, value=defaults.min_face_prob, step=0.01, label="Least probability of a face",
            info="In the frame and in its crop; 0 takes that of the training, usually 0.9.",
        )  # fmt: skip
        heat_maps = gr.Checkbox(defaults.heat_maps, label="Draw where the first model looks")
    return [models, voting, num_frames, min_face_prob, heat_maps]


def _example_buttons(sessions: Sessions) -> dict[str, gr.Button]:
    if not sessions.examples:
        return {}
    gr.Markdown("Or an example, of people who do not exist:")
    with gr.Row():
        return {name: gr.Button(name, size="sm", min_width=90) for name in sessions.examples}


def _answer_parts() -> _Shown:
    sentence = gr.HTML(elem_id="sentence")
    with gr.Column(visible=False, elem_id="answer") as box:
        label = _label()
        details = gr.HTML(elem_id="details")
        download = gr.HTML(elem_id="download")
        reason = gr.Textbox(
            label="Is it wrong, or worth a second look? Say why, and flag it",
            info="Flagging keeps the upload, its evidence and your words on the server.",
            max_length=2_000, elem_id="reason",
        )  # fmt: skip
        flag = gr.Button("Flag", size="sm", elem_id="flag")
        flagged = gr.HTML(elem_id="flagged")
    return _Shown([sentence, box, label, details, download, flagged], flagged, reason, flag)


def _add_api(handlers: Handlers, inputs: list[Component]) -> None:
    """Add what programs call; docs/app.md describes it."""
    verdict, keep = gr.Button(visible=False), gr.Button(visible=False)
    content = gr.JSON(visible=False, label="answer")
    verdict.click(handlers.verdict, inputs, content, api_name="verdict", **_ONE_BY_ONE)
    case, note = gr.Textbox(visible=False, label="case"), gr.Textbox(visible=False, label="note")
    said = gr.Textbox(visible=False, label="sentence")
    keep.click(handlers.keep, [case, note], said, api_name="flag")

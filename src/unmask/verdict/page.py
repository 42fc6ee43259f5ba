"""The evidence as a page that needs no other file."""

from dataclasses import dataclass
from typing import Final

from unmask.evaluation.verdicts import Verdict
from unmask.pages.data_uri import data_uri
from unmask.pages.numbers import number
from unmask.pages.templating import templates_of
from unmask.verdict.evidence import Evidence, EvidencePicture, Track

WORDS: Final[dict[Verdict, str]] = {
    "real": "Real",
    "fake": "Fake",
    "uncertain": "Uncertain",
    "no_face": "No face",
}
# Sizes of the timeline, in units of its own.
WIDTH: Final = 720
HEIGHT: Final = 150
LEFT: Final = 34
PLOT: Final = 120


@dataclass(frozen=True)
class Timeline:
    """The score of one person over the file, in the coordinates of a drawing.

    Args:
        dots: The models' scores of each frame alone: x, y and the text of the tip.
        lines: A model's score of a clip: from x, to x, y and the text of the tip.
        band: From y to y: where verdicts are uncertain.
        ticks: x and text.
    """

    track: Track
    dots: list[tuple[float, float, str]]
    lines: list[tuple[float, float, float, str]]
    band: tuple[float, float]
    ticks: list[tuple[float, str]]


def render_html(evidence: Evidence) -> str:
    """Write the evidence as one HTML page."""
    return _render("verdict.html.jinja", evidence)


def render_fragment(evidence: Evidence) -> str:
    """Write the evidence as a part of a page, for notebooks."""
    return _render("fragment.html.jinja", evidence)


Evidence.fragment_renderer = render_fragment


def _render(template: str, evidence: Evidence) -> str:
    templates = templates_of("unmask.verdict")
    templates.filters |= {"uri": picture_uri, "mib": _mib}
    return templates.get_template(template).render(
        evidence=evidence,
        word=WORDS[evidence.verdict],
        words=WORDS,
        timelines=timelines(evidence),
        heat_words=_heat_words(evidence),
        of_kind=lambda kind: [one for one in evidence.pictures if one.kind == kind],
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        y_of=_y,
    )


def _heat_words(evidence: Evidence) -> str:
    heat = evidence.heat_maps
    if heat is None:
        return ""
    return f"The most suspicious clip of person {heat.track_id + 1}, for {heat.model}. {heat.words}"


def picture_uri(picture: EvidencePicture) -> str:
    """Return a picture as a ``data:`` address."""
    return data_uri(picture.content, picture.mime)


def timelines(evidence: Evidence) -> list[Timeline]:
    """Lay out a timeline for each person; none for a file of one frame."""
    if len(evidence.frames) < 2:
        return []
    times = [frame.seconds for frame in evidence.frames]
    start, end = min(times), max(times)
    unit = "frame" if evidence.input.kind in ("frames", "zip") else "s"
    return [_timeline(track, evidence, start, end, unit) for track in evidence.tracks]


def _timeline(track: Track, evidence: Evidence, start: float, end: float, unit: str) -> Timeline:
    def x_of(seconds: float) -> float:
        return round(LEFT + 6 + (WIDTH - LEFT - 16) * (seconds - start) / max(end - start, 1e-9), 1)

    dots = [
        (x_of(face.seconds), _y(face.score), f"{_time(face.seconds, unit)}: {face.score:.3f}")
        for face in track.faces
        if face.score is not None
    ]
    lines = []
    for clip in track.clips:
        # A clip of one frame is a short line, not an invisible one.
        x1, x2 = x_of(clip.start_seconds), x_of(clip.end_seconds)
        tip = (
            f"{clip.model}, {_time(clip.start_seconds, unit)} to "
            f"{_time(clip.end_seconds, unit)}: {clip.score:.3f}"
        )
        lines.append((x1 - 2, x2 + 2, _y(clip.score), tip))
    values = [start + (end - start) * part / 4 for part in range(5)]
    ticks = [(x_of(value), _time(value, unit)) for value in values]
    return Timeline(track, dots, lines, (_y(evidence.band.upper), _y(evidence.band.lower)), ticks)


def _y(score: float) -> float:
    return round(8 + PLOT * (1.0 - score), 1)


def _time(seconds: float, unit: str) -> str:
    if unit == "frame":
        return f"frame {seconds:.0f}"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _mib(num_bytes: int) -> str:
    return f"{num_bytes / 2**20:.2f} MiB"


def vote_table(evidence: Evidence) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of a table of people and votes, as text.

    With several models, the row of a person is followed by one for each, so that the table is no
    wider for more of them.
    """
    several = len(evidence.models) > 1
    head = ["person, model" if several else "person", "verdict", "score", "probability", "frames"]
    rows = []
    for track in evidence.tracks:
        rows.append(_person_row(track))
        if several:
            rows += [_vote_row(track, model.name) for model in evidence.models]
    return head, rows


def _person_row(track: Track) -> list[str]:
    return [
        str(track.track_id + 1),
        track.verdict + ("" if track.decides else " (seen briefly)"),
        number(track.score),
        number(track.probability),
        str(len({face.frame for face in track.faces})),
    ]


def _vote_row(track: Track, model: str) -> list[str]:
    for vote in track.votes:
        if vote.model == model:
            return [f"  {model}", vote.says, number(vote.score), number(vote.probability), ""]
    return [f"  {model}", "no face", "", "", ""]

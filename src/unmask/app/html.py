"""A verdict in the words of the page: plain text and HTML, every name of a stranger escaped."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from unmask.pages.data_uri import data_uri
from unmask.pages.numbers import interval, number
from unmask.training.model_card import SYNTHETIC_ONLY
from unmask.verdict.evidence import Evidence, Track, Vote
from unmask.verdict.models import LocalModel
from unmask.verdict.page import WORDS

_RULES: Final = {
    "hard": "Majority vote",
    "soft": "Mean of the scores",
    "accuracy": "Mean weighted by validation accuracy",
    "auc": "Mean weighted by validation AUC",
    "grid": "Mean with weights of a grid",
    "stacking": "Stacked vote",
}


def label_of(evidence: Evidence) -> dict[str, Any]:
    """Return the verdict with the confidences of both classes, as a label component shows it.

    The confidences are the score and its complement, so that they agree with the thresholds.
    """
    label: dict[str, Any] = {"label": WORDS[evidence.verdict], "confidences": []}
    if evidence.score is not None:
        both = [("Real", 1.0 - evidence.score), ("Fake", evidence.score)]
        label["confidences"] = [
            {"label": name, "confidence": value}
            for name, value in sorted(both, key=lambda pair: -pair[1])
        ]
    return label


def vote_line(vote: Vote) -> str:
    """Return a line with one model's answer on one person.

    Example:
        >>> vote_line(Vote("effb0_lstm", 0.997, None, 0.5, "fake"))
        'effb0_lstm: Real 0.3 % | Fake 99.7 % | Prediction: Fake'
    """
    fake = 100 * vote.score
    return (
        f"{vote.model}: Real {100 - fake:.1f} % | Fake {fake:.1f} % | "
        f"Prediction: {vote.says.capitalize()}"
    )


def detail_lines(evidence: Evidence) -> list[str]:
    """Return lines with each model's answer on each person, and the verdict that follows."""
    lines: list[str] = []
    several_people = len(evidence.tracks) > 1
    for track in evidence.tracks:
        if several_people:
            lines.append(f"{track.name.capitalize()}:")
        lines += map(vote_line, track.votes)
        if len(evidence.models) > 1:
            lines.append(_joint_line(evidence, track))
    return lines


def _joint_line(evidence: Evidence, track: Track) -> str:
    says = [vote.says for vote in track.votes]
    counted = f"{says.count('fake')} of {len(says)} say fake"
    rule = _RULES.get(evidence.voting, evidence.voting)
    return f"{rule} of {len(says)} models: {WORDS[track.verdict]} ({counted})"


def details_html(evidence: Evidence) -> str:
    """Lay the details out as a list."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in detail_lines(evidence))
    thresholds = {f"{vote.threshold:.3g}" for track in evidence.tracks for vote in track.votes}
    note = ""
    if thresholds:
        note = (
            f"<p>A model predicts fake from its own threshold on ({', '.join(sorted(thresholds))}, "
            "fixed on validation), not from 50 %.</p>"
        )
    return f"<ul class='details'>{lines}</ul>{note}" if lines else ""


def sentence_html(sentence: str, *, is_problem: bool = False) -> str:
    """Write a sentence for the place above the answer."""
    if not sentence:
        return ""
    kind, role = ("problem", "alert") if is_problem else ("note", "status")
    return f"<p class='{kind}' role='{role}'>{escape(sentence)}</p>"


def download_html(evidence: Evidence, case: str) -> str:
    """Write a link that holds ``evidence.json`` itself, so that no file is left to be fetched."""
    content = json.dumps(evidence.to_json(), indent=2, sort_keys=True).encode()
    uri = data_uri(content, "application/json")
    return (
        f"<a class='download' download='evidence-{escape(case)}.json' "
        f"href='{uri}'>Download the evidence "
        f"({len(content) / 1024:.0f} KiB, JSON)</a>"
    )


def warning_html(models: Mapping[str, LocalModel]) -> str:
    """Name plainly which models have only seen synthetic people."""
    names = [f"'{escape(name)}'" for name, model in models.items() if model.is_synthetic]
    if not names:
        return ""
    return (
        f"<p class='warning' role='note'><strong>{', '.join(names)}:</strong> "
        f"{escape(SYNTHETIC_ONLY)}</p>"
    )


def cards_html(models: Mapping[str, LocalModel]) -> str:
    """Lay out what the models' cards say."""
    return "".join(_card(name, model) for name, model in models.items())


def _card(name: str, model: LocalModel) -> str:
    card, title = model.card, f"<h3>{escape(name)}</h3>"
    if card is None:
        return f"{title}<p>It has no model card: on what it was trained is not known.</p>"
    trained = ", ".join(card["source_datasets"])
    limits = "".join(f"<li>{escape(limit)}</li>" for limit in card["limits"])
    rows = "".join(
        f"<tr><td>{escape(row['dataset'])}, {escape(row['split'])}</td>"
        f"<td>{row['num_real']} real, {row['num_fake']} fake</td>"
        f"<td>{number(row['auc']['value'])} {interval(row['auc'])}</td></tr>"
        for row in card["metrics"]
    )
    table = (
        f"<table><thead><tr><th>Set</th><th>Videos</th><th>AUC [95 %]</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
        if rows
        else "<p>It was never tested.</p>"
    )
    return (
        f"{title}<p>{escape(str(card['model']))}, trained on {escape(trained)}.</p>"
        f"<ul>{limits}</ul>{table}<p>{escape(card['licence'])}</p>"
    )


def name_of(model: LocalModel) -> str:
    """Return what a page calls a model: never where it lies."""
    return str(model.card["name"]) if model.card else model.path.stem


STAGES: Final = {
    "faces": "Reading frames and looking for faces",
    "scores": "Asking the models",
    "pictures": "Drawing pictures",
    "done": "Done",
}

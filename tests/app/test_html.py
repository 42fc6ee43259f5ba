"""A verdict in the words of the page."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

from unmask.app.html import (
    cards_html,
    detail_lines,
    details_html,
    download_html,
    label_of,
    sentence_html,
    warning_html,
)
from unmask.verdict.evidence import Evidence
from unmask.verdict.models import LocalModel


def test_each_model_says_its_shares_and_its_prediction(evidence: Evidence) -> None:
    assert detail_lines(evidence) == [
        "effb0_lstm: Real 0.3 % | Fake 99.7 % | Prediction: Fake",
        "<b>swin</b>: Real 79.7 % | Fake 20.3 % | Prediction: Real",
        "Mean of the scores of 2 models: Fake (1 of 2 say fake)",
    ]


def test_several_people_are_told_apart(evidence: Evidence) -> None:
    [track] = evidence.tracks
    lines = detail_lines(replace(evidence, tracks=(track, replace(track, track_id=1))))
    assert [line for line in lines if line.startswith("Person")] == ["Person 1:", "Person 2:"]


def test_the_majority_is_called_so(evidence: Evidence) -> None:
    assert detail_lines(replace(evidence, voting="hard"))[-1].startswith("Majority vote of 2")


def test_the_label_holds_both_confidences_the_larger_first(evidence: Evidence) -> None:
    assert label_of(evidence) == {
        "label": "Fake",
        "confidences": [{"label": "Fake", "confidence": 0.6}, {"label": "Real", "confidence": 0.4}],
    }
    unsure = label_of(replace(evidence, verdict="uncertain", score=0.45))
    assert (unsure["label"], unsure["confidences"][0]["label"]) == ("Uncertain", "Real")
    nobody = replace(evidence, verdict="no_face", score=None, tracks=())
    assert label_of(nobody) == {"label": "No face", "confidences": []}
    assert details_html(nobody) == ""


def test_what_strangers_wrote_is_text(evidence: Evidence) -> None:
    assert "<b>swin" not in details_html(evidence)
    assert "&lt;b&gt;swin&lt;/b&gt;: Real 79.7 %" in details_html(evidence)
    assert "<img" not in sentence_html("<img src=x> is empty", is_problem=True)


def test_the_download_is_the_evidence(evidence: Evidence) -> None:
    link = download_html(evidence, "0f")
    assert "download='evidence-0f.json'" in link
    [data] = re.findall(r"base64,([\w+/=]+)'", link)
    assert json.loads(base64.b64decode(data)) == json.loads(json.dumps(evidence.to_json()))


def _model(*, is_synthetic: bool) -> LocalModel:
    auc = {"value": 0.5, "low": None, "high": None, "groups": 1}
    row = {"dataset": "toy<", "split": "test", "num_real": 3, "num_fake": 4, "auc": auc}
    card = {
        "name": "run", "model": "plain", "source_datasets": ["toy"], "limits": ["<i>None</i>."],
        "licence": "Apache-2.0.", "metrics": [row], "is_synthetic": is_synthetic,
    }  # fmt: skip
    return LocalModel(Path("/secret/run/model.ckpt"), card)


def test_a_model_of_synthetic_people_is_called_so() -> None:
    said = warning_html({"mine": _model(is_synthetic=False), "demo<": _model(is_synthetic=True)})
    assert "demo&lt;" in said
    assert "only ever seen synthetic people" in said
    assert "mine" not in said
    assert warning_html({"mine": _model(is_synthetic=False)}) == ""


def test_a_card_says_on_what_it_was_measured_and_not_where_it_lies() -> None:
    cards = {"demo": _model(is_synthetic=True), "bare": LocalModel(Path("/secret/b.ckpt"), None)}
    said = cards_html(cards)
    assert "3 real, 4 fake" in said
    assert "toy&lt;, test" in said
    assert "&lt;i&gt;None&lt;/i&gt;." in said
    assert "no model card: on what it was trained is not known" in said
    assert "secret" not in said

"""Uploads in, sentences and evidence out; nothing left behind."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unmask.app.models import ModelPool, Question
from unmask.app.session import Sessions
from unmask.app.uploads import CaseStore
from unmask.core.errors import CheckpointError, ConfigError, DataError, VideoError
from unmask.verdict.evidence import Evidence
from unmask.verdict.models import LocalModel
from unmask.verdict.progress import CancelledError
from unmask.verdict.source import InputLimits

MakeSessions = Callable[..., Sessions]
Upload = Callable[[str], str]


class StandIn:
    """Answers in the place of models."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.models: dict[str, LocalModel] = {}
        self.asked: list[Path] = []

    def predict(self, file: Path, _: Question, *, should_stop: Any, **__: Any) -> Evidence:
        assert file.is_file()
        self.asked.append(file)
        if should_stop():
            raise CancelledError("Stopped before a verdict, as asked.")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


@pytest.fixture
def upload(uploads: Path) -> Upload:
    def make(name: str) -> str:
        folder = uploads / f"token{len(list(uploads.iterdir()))}"
        folder.mkdir()
        (folder / name).write_bytes(b"content of " + name.encode())
        return str(folder / name)

    return make


@pytest.fixture
def make_sessions(tmp_path: Path, uploads: Path, evidence: Evidence) -> MakeSessions:
    def make(
        answer: Any = evidence,
        *,
        keep_seconds: float = 60,
        max_open: int = 10**6,
        max_flagged: int = 10**6,
    ) -> Sessions:
        cases = CaseStore(
            tmp_path / "cases", uploads, tmp_path / "flagged",
            keep_seconds=keep_seconds, max_open_bytes=max_open, max_flagged_bytes=max_flagged,
        )  # fmt: skip
        example = tmp_path / "example.mp4"
        example.write_bytes(b"example")
        return Sessions(StandIn(answer), cases, {"Example": example}, uploads_dir=uploads)  # type: ignore[arg-type]

    return make


def question() -> Question:
    return Question(("a",))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_case_takes_its_upload_and_removes_the_others(
    make_sessions: MakeSessions, upload: Upload, uploads: Path, tmp_path: Path
) -> None:
    sessions = make_sessions()
    answer = sessions.ask((upload("f.zip"), None, upload("v.mp4")), question, session="s")
    assert answer.evidence is not None
    assert answer.sentence.startswith("A folder and a video were given")
    assert files(uploads) == []
    assert list(uploads.iterdir()) == []
    assert files(tmp_path / "cases") == ["f.zip"]
    sessions.leave("s")
    assert list((tmp_path / "cases").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (VideoError("v.mp4 is empty.", reason="empty"), "v.mp4 is empty."),
        (ConfigError("Take soft."), "Take soft."),
        (CheckpointError("/secret/model.ckpt is damaged."), "A model that was chosen cannot be"),
        (RuntimeError("/secret/module.py"), "Something went wrong on the server"),
        (MemoryError(), "Something went wrong on the server"),
    ],
)
def test_what_goes_wrong_is_a_sentence_without_a_path_and_leaves_nothing(
    error: Exception, sentence: str, make_sessions: MakeSessions, upload: Upload, tmp_path: Path
) -> None:
    answer = make_sessions(error).ask((None, None, upload("v.mp4")), question, session="s")
    assert (answer.evidence, answer.case) == (None, None)
    assert answer.sentence.startswith(sentence)
    assert "secret" not in answer.sentence
    assert files(tmp_path / "uploads") == files(tmp_path / "cases") == []


def test_a_case_is_asked_again_without_an_upload(
    make_sessions: MakeSessions, upload: Upload
) -> None:
    sessions = make_sessions()
    first = sessions.ask((None, upload("i.png"), None), question, session="s")
    again = sessions.ask((None, None, None), question, session="s", previous=first.case)
    assert again.case == first.case
    assert again.sentence == "i.png is judged again."


def test_a_problem_with_the_settings_keeps_the_case(
    make_sessions: MakeSessions, upload: Upload
) -> None:
    sessions = make_sessions()
    first = sessions.ask((None, upload("i.png"), None), question, session="s")

    def unusable() -> Question:
        raise ConfigError("Choose at least one model.")

    second = sessions.ask((None, None, None), unusable, session="s", previous=first.case)
    assert second.sentence == "Choose at least one model."
    assert second.case == first.case
    assert sessions.cases.get(first.case) is not None


def test_a_new_upload_ends_the_case_before(
    make_sessions: MakeSessions, upload: Upload, tmp_path: Path
) -> None:
    sessions = make_sessions()
    first = sessions.ask((None, upload("i.png"), None), question, session="s")
    sessions.ask((None, None, upload("v.mp4")), question, session="s", previous=first.case)
    assert files(tmp_path / "cases") == ["v.mp4"]


def test_only_uploads_are_judged_and_removed(
    make_sessions: MakeSessions, uploads: Path, tmp_path: Path
) -> None:
    other = tmp_path / "private" / "diary.txt"
    other.parent.mkdir()
    other.write_text("mine")
    sessions = make_sessions()
    for path in (str(other), str(uploads / "x"), str(uploads)):
        answer = sessions.ask((None, None, path), question, session="s")
        assert "is no longer here; upload it again" in answer.sentence
    assert other.read_text() == "mine"
    assert uploads.is_dir()


def test_an_example_stays_for_the_next(make_sessions: MakeSessions, tmp_path: Path) -> None:
    answer = make_sessions().ask((None,) * 3, question, session="s", example="Example")
    assert answer.sentence == "Example, of a person who does not exist."
    assert (tmp_path / "example.mp4").is_file()


def test_a_question_that_waits_can_be_stopped(make_sessions: MakeSessions, upload: Upload) -> None:
    sessions = make_sessions()
    sessions.arrive("s")
    sessions.stop("s")
    sessions.stop("nobody")
    stopped = sessions.ask((None, None, upload("v.mp4")), question, session="s")
    assert stopped.sentence == "Stopped before a verdict, as asked."
    assert sessions.ask((None, None, upload("v.mp4")), question, session="s").evidence is not None


def test_nobody_else_is_stopped(make_sessions: MakeSessions, upload: Upload) -> None:
    sessions = make_sessions()
    sessions.arrive("mine")
    sessions.arrive("theirs")
    sessions.stop("theirs")
    assert (
        sessions.ask((None, None, upload("v.mp4")), question, session="mine").evidence is not None
    )


def test_flagging_keeps_upload_evidence_page_and_words(
    make_sessions: MakeSessions, upload: Upload, tmp_path: Path, evidence: Evidence
) -> None:
    sessions = make_sessions()
    answer = sessions.ask((None, None, upload("v.mp4")), question, session="s")
    said = sessions.flag(answer.case, "wrong" + "!" * 3_000)
    assert said.startswith(f"Kept on the server as case {answer.case}")
    assert str(tmp_path) not in said
    folder = tmp_path / "flagged" / str(answer.case)
    assert files(folder) == ["evidence.json", "flag.json", "upload.bin", "verdict.html"]
    assert (folder / "upload.bin").read_bytes() == b"content of v.mp4"
    assert json.loads((folder / "evidence.json").read_text())["verdict"] == evidence.verdict
    flag = json.loads((folder / "flag.json").read_text())
    assert flag["name"] == "v.mp4"
    assert len(flag["note"]) == 2_000


def test_what_cannot_be_flagged_is_said(
    make_sessions: MakeSessions, upload: Upload, tmp_path: Path
) -> None:
    sessions = make_sessions(max_flagged=3)
    for case in (None, "../../etc", "0" * 16):
        assert "There is no verdict to flag" in sessions.flag(case, "")
    answer = sessions.ask((None, None, upload("v.mp4")), question, session="s")
    assert "is full (0 MiB); nothing was kept" in sessions.flag(answer.case, "")
    assert not (tmp_path / "flagged").exists()


def test_what_nobody_ends_is_swept(
    make_sessions: MakeSessions, upload: Upload, uploads: Path
) -> None:
    sessions = make_sessions(keep_seconds=0.02)
    answer = sessions.ask((None, None, upload("v.mp4")), question, session="s")
    upload("forgotten.mp4")
    (uploads / "tmp123").write_bytes(b"broken off")
    time.sleep(0.05)
    sessions.cases.sweep()
    assert sessions.cases.get(answer.case) is None
    assert list(uploads.iterdir()) == []


def test_open_cases_are_bounded_by_their_bytes_and_the_oldest_ends(
    make_sessions: MakeSessions, upload: Upload, tmp_path: Path
) -> None:
    sessions = make_sessions(max_open=40)  # a file has 16 bytes
    first, second, third = (
        sessions.ask((None, None, upload(f"{name}.mp4")), question, session=name).case
        for name in "abc"
    )
    assert [sessions.cases.get(case) is not None for case in (first, second, third)] == [
        False, True, True,
    ]  # fmt: skip
    assert files(tmp_path / "cases") == ["b.mp4", "c.mp4"]
    # One that is larger than all may be together is judged all the same, alone.
    large = upload("d" * 60)
    assert sessions.ask((None, None, large), question, session="d").case is not None
    assert files(tmp_path / "cases") == ["d" * 60]


def test_a_model_is_offered_once_by_each_name_and_unusable_ones_are_not(tmp_path: Path) -> None:
    models = [LocalModel(tmp_path / f"{n}/m.ckpt", None) for n in "ab"]
    broken = LocalModel(tmp_path / "c.ckpt", None, problem="damaged")
    pool = ModelPool([*models, broken], limits=InputLimits())
    assert list(pool.models) == ["m", "m (2)"]
    with pytest.raises(ConfigError, match="There is no model 'mm' here; did you mean 'm'"):
        pool.predict(tmp_path, Question(("mm",)))


def test_one_file_under_two_names_is_refused_without_its_place(
    make_sessions: MakeSessions, upload: Upload, tmp_path: Path
) -> None:
    model = LocalModel(tmp_path / "secret" / "m.ckpt", None)
    sessions = make_sessions()
    sessions.pool = ModelPool([model, model], limits=InputLimits(), device="cpu")
    for names in (("m", "m (2)"), ("m", "m")):
        asked = (None, None, upload("v.mp4"))
        answer = sessions.ask(asked, lambda names=names: Question(names), session="s")  # type: ignore[misc]
        assert answer.evidence is None
        assert "twice" in answer.sentence
        assert str(tmp_path) not in answer.sentence
        assert "secret" not in answer.sentence


def test_cases_are_safe_under_many_hands(make_sessions: MakeSessions, uploads: Path) -> None:
    sessions, problems = make_sessions(), []

    def work(name: int) -> None:
        for turn in range(10):
            folder = uploads / f"{name}-{turn}"
            folder.mkdir()
            (folder / "v.mp4").write_bytes(b"x")
            answer = sessions.ask((None, None, str(folder / "v.mp4")), question, session=str(name))
            if answer.evidence is None:
                problems.append(answer.sentence)
            sessions.leave(str(name))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert files(uploads) == []


def test_a_full_disk_is_said(make_sessions: MakeSessions, upload: Upload, monkeypatch: Any) -> None:
    sessions = make_sessions()
    answer = sessions.ask((None, None, upload("v.mp4")), question, session="s")

    def full(*_: object) -> None:
        raise OSError(28, "No space left", "/secret")

    monkeypatch.setattr("unmask.app.uploads.write_json", full)
    assert sessions.flag(answer.case, "") == (
        "The case could not be kept, which the server's log describes."
    )
    with pytest.raises(DataError):
        sessions.cases.flag("none", "")

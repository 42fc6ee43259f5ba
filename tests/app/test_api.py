"""The page as programs use it: the Python client, plain requests, and people who mean harm."""

import io
import json
import random
import struct
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio_client
import httpx
import pytest

pytestmark = pytest.mark.slow
SETTINGS: dict[str, Any] = {
    "models": ["tiny"], "voting": "soft", "num_frames": 0, "min_face_prob": 0, "heat_maps": False,
}  # fmt: skip
NUM_HOSTILE, AT_ONCE = 100, 8


@pytest.fixture(scope="module")
def client(server: Any) -> Any:
    return gradio_client.Client(server.url, verbose=False, httpx_kwargs={"timeout": None})


def ask(client: Any, file: Path, place: str = "video", **settings: Any) -> Any:
    uploads = {"folder": None, "image": None, "video": None}
    uploads[place] = gradio_client.handle_file(file)
    return client.predict(*uploads.values(), *(SETTINGS | settings).values(), api_name="/verdict")


def post(url: str, name: str, content: bytes) -> str:
    """Upload and ask with plain requests; return the words of the stream."""
    with httpx.Client(base_url=url, timeout=3600) as web:
        given = web.post("/gradio_api/upload", files={"files": (name, content)})
        if given.status_code != 200:
            return given.text
        [path] = given.json()
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        data = {"data": [None, None, file, *SETTINGS.values()]}
        event = web.post("/gradio_api/call/verdict", json=data)
        if event.status_code != 200:
            return event.text
        return web.get(f"/gradio_api/call/verdict/{event.json()['event_id']}").text


def test_the_client_gets_the_evidence_and_can_flag(client: Any, film: Path, server: Any) -> None:
    answer = ask(client, film)
    evidence = answer["evidence"]
    assert evidence["verdict"] in ("real", "fake", "uncertain")
    assert evidence["input"]["name"] == film.name
    assert str(server.temporary) not in json.dumps(answer)
    said = client.predict(answer["case"], "why", api_name="/flag")
    assert f"case {answer['case']}" in said
    assert (server.flagged / answer["case"] / "verdict.html").is_file()


def test_the_settings_of_the_client_count(client: Any, film: Path) -> None:
    evidence = ask(client, film, num_frames=3, min_face_prob=0.5)["evidence"]
    assert [frame["index"] for frame in evidence["frames"]] == [0, 1, 2]
    assert evidence["settings"]["min_face_prob"] == 0.5
    # 0 stands for that of the training.
    assert ask(client, film, num_frames=3)["evidence"]["settings"]["min_face_prob"] == 0.9


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"num_frames": 10**6}, "number of frames must lie between 1 and 100|greater than maximum"),
        ({"models": ["tiny", "nobody"]}, "There is no model 'nobody' here|not in the list"),
        ({"voting": "loudest"}, "no voting rule|not in the list"),
    ],
)
def test_the_client_gets_problems_as_sentences(
    settings: dict[str, Any], sentence: str, client: Any, film: Path
) -> None:
    with pytest.raises(Exception, match=sentence):
        ask(client, film, **settings)


def test_plain_requests_are_answered(server: Any, film: Path) -> None:
    said = post(server.url, "clip.mp4", film.read_bytes())
    assert "event: complete" in said
    assert json.loads(said.split("data: ", 1)[1])[0]["evidence"]["input"]["name"] == "clip.mp4"
    assert str(server.temporary) not in said


@pytest.mark.parametrize("path", ["/etc/passwd", "http://127.0.0.1:9/x", "unmask-upload/../../x"])
def test_files_that_were_not_uploaded_are_refused(path: str, server: Any) -> None:
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    with httpx.Client(base_url=server.url, timeout=3600) as web:
        data = {"data": [None, None, file, *SETTINGS.values()]}
        event = web.post("/gradio_api/call/verdict", json=data).json()["event_id"]
        said = web.get(f"/gradio_api/call/verdict/{event}").text
    assert "event: error" in said
    assert str(server.temporary) not in said
    assert "root:" not in said


def _png(width: int, height: int) -> bytes:
    """Return a picture that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _zip(*entries: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return packed.getvalue()


def _link(target: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("0.png")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, target)
    return packed.getvalue()


def hostile(number: int, film: bytes, frame: bytes) -> tuple[str, bytes]:
    """Return name and content of something that nobody should send."""
    dice = random.Random(number)
    damaged = bytearray(film)
    for _ in range(200):
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
    deep = _zip(("0.png", frame))
    for _ in range(20):
        deep = _zip(("again.zip", deep))
    kinds = [
        ("damaged.mp4", bytes(damaged)),
        ("cut.mp4", film[: dice.randrange(1, len(film))]),
        ("noise.mp4", dice.randbytes(50_000)),
        ("film.png", film),
        ("picture.mp4", frame[: dice.randrange(20, len(frame))]),
        ("huge.png", _png(60_000, 60_000)),
        ("wide.png", _png(2**31 - 1, 1)),
        ("deep.zip", deep),
        ("far.zip", _zip(("a/" * 200 + "0.png", frame), ("../" * 9 + "etc/x.png", frame))),
        ("bomb.zip", _zip(*((f"{place}.png", bytes(2**22)) for place in range(8)))),
        ("huge.zip", _zip(("0.png", _png(50_000, 50_000)))),
        ("many.zip", _zip(*((f"{place}.png", b"") for place in range(1_000)))),
        ("link.zip", _link("/etc/passwd")),
        ("broken.zip", _zip(("0.png", frame))[:-30]),
        ("<img src=x onerror=alert(1)>.mp4", b"text"),
        ("../../../evil.mp4", dice.randbytes(100)),
        ("x" * 300 + ".mp4", b"\0" * 5_000),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("large.mp4", bytes(6 * 2**20)),
    ]
    return kinds[number % len(kinds)]


def test_a_hundred_hostile_uploads_leave_no_trace(
    server: Any, film: Path, frames: list[Path], client: Any
) -> None:
    content, frame = film.read_bytes(), frames[0].read_bytes()
    cases = [hostile(number, content, frame) for number in range(NUM_HOSTILE)]
    # Buffers and pools that are kept on purpose fill before the measured part.
    with ThreadPoolExecutor(AT_ONCE) as people:
        list(people.map(lambda case: post(server.url, *case), cases[:20]))
    files, before = server.files(), server.resident_mib()
    with ThreadPoolExecutor(AT_ONCE) as people:
        answers = list(people.map(lambda case: post(server.url, *case), cases))
    assert len(answers) == NUM_HOSTILE
    for (name, _), said in zip(cases, answers, strict=True):
        assert said.strip(), name
        assert str(server.temporary) not in said, name
        assert "Something went wrong" not in said, (name, said)
        assert "root:" not in said, name
    assert server.process.poll() is None
    grown = server.resident_mib() - before
    assert grown < 150, f"{before:.0f} MiB before, {grown:+.0f} MiB after {NUM_HOSTILE} uploads"
    # Damaged films that still show a face are answered; their cases stay open for a while.
    answered = sum("event: complete" in said for said in answers)
    while len(server.files() - files) > answered:  # for as long as the server needs to clear up
        time.sleep(0.5)
    assert ask(client, film)["evidence"]["verdict"] in ("real", "fake", "uncertain")

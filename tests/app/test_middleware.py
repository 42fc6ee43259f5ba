"""What the guard lets through, and what it changes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from unmask.app.middleware import SEAL, GuardMiddleware


class Behind:
    """Stands where Gradio does: remembers what comes, answers what it is told to."""

    def __init__(self, body: bytes = b"{}", kind: bytes = b"application/json") -> None:
        self.body, self.kind = body, kind
        self.received = b""
        self.was_asked = False

    async def __call__(self, _: Any, receive: Any, send: Any) -> None:
        self.was_asked = True
        while True:
            message = await receive()
            self.received += message.get("body", b"")
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                break
        headers = [(b"content-type", self.kind), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        middle = len(self.body) // 2
        for part, more in ((self.body[:middle], True), (self.body[middle:], False)):
            await send({"type": "http.response.body", "body": part, "more_body": more})


def ask(
    guard: GuardMiddleware,
    path: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    claims: int | None = None,
) -> tuple[int, bytes, dict[bytes, bytes]]:
    """Return status, body and headers."""
    parts = [body[start : start + 1000] for start in range(0, len(body), 1000)] or [b""]
    incoming = [
        {"type": "http.request", "body": part, "more_body": index < len(parts) - 1}
        for index, part in enumerate(parts)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [] if claims is None else [(b"content-length", str(claims).encode())]
    scope = {"type": "http", "path": path, "method": method, "headers": headers}
    asyncio.run(guard(scope, receive, send))
    text = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], text, dict(sent[0]["headers"])


def make_guard(folder: Path, behind: Behind | None = None, **limits: int) -> GuardMiddleware:
    bounds = {"max_bytes": 10_000, "max_waiting_bytes": 20_000} | limits
    return GuardMiddleware(behind or Behind(), folder=folder, **bounds)


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd", "/gradio_api/file/etc/passwd", "/file=/etc/passwd",
        "/gradio_api/proxy=http://10.0.0.1/", "/gradio_api/stream/x", "/gradio_api/deep_link",
        "/gradio_api/component_server", "/monitoring", "/monitoring/summary", "/login", "/svelte",
        "/gradio_api/process_recording", "/gradio_api/vibe-edit/", "/gradio_api/dev/reload",
        "/gradio_api/custom_component/1/x/y/z", "/gradio_api/uploadx", "/gradio_api/mcp/",
    ],
)  # fmt: skip
def test_what_the_page_does_not_need_is_not_there(path: str, tmp_path: Path) -> None:
    behind = Behind()
    status, _, _ = ask(make_guard(tmp_path, behind), path)
    assert status == 404
    assert not behind.was_asked


@pytest.mark.parametrize(
    "path", ["/", "/config", "/assets/a.js", "/gradio_api/queue/data", "/gradio_api/info"]
)
def test_what_the_page_needs_is_there_and_may_fetch_nothing_elsewhere(
    path: str, tmp_path: Path
) -> None:
    status, _, headers = ask(make_guard(tmp_path), path)
    assert status == 200
    assert b"default-src 'self'" in headers[b"content-security-policy"]


def test_an_upload_is_named_by_the_seal_and_lies_in_a_folder_of_its_own(tmp_path: Path) -> None:
    said = []
    for _ in range(2):
        (tmp_path / "same").mkdir()
        (tmp_path / "same/v.mp4").write_bytes(b"film")
        behind = Behind(json.dumps([str(tmp_path / "same/v.mp4")]).encode())
        status, text, headers = ask(
            make_guard(tmp_path, behind), "/gradio_api/upload", method="POST", body=b"x"
        )
        assert (status, int(headers[b"content-length"])) == (200, len(text))
        said += json.loads(text)
    assert len(set(said)) == 2
    for name in said:
        assert name.startswith(f"{SEAL}/")
        assert (tmp_path / name.removeprefix(f"{SEAL}/")).read_bytes() == b"film"
    assert not (tmp_path / "same").exists()


def test_a_request_reaches_the_upload_by_its_seal_alone(tmp_path: Path) -> None:
    behind = Behind()
    guard = make_guard(tmp_path, behind)
    body = json.dumps({"data": [{"path": f"{SEAL}/token/v.mp4"}]}).encode()
    ask(guard, "/gradio_api/queue/join", method="POST", body=body)
    assert json.loads(behind.received) == {"data": [{"path": f"{tmp_path}/token/v.mp4"}]}
    status, _, _ = ask(
        guard, "/gradio_api/queue/join", method="POST", body=f'"{tmp_path}/x"'.encode()
    )
    assert status == 400


@pytest.mark.parametrize("kind", [b"application/json", b"text/event-stream", b"text/html"])
def test_no_answer_names_the_folder(kind: bytes, tmp_path: Path) -> None:
    # Events come whole; other text may be cut anywhere.
    padding = b"" if kind == b"text/event-stream" else b"x" * 3
    body = padding + str(tmp_path).encode() + b'/token/v.mp4"' + b" " * (len(str(tmp_path)) + 13)
    _, text, _ = ask(make_guard(tmp_path, Behind(body, kind)), "/config")
    assert str(tmp_path).encode() not in text
    assert f"{SEAL}/token".encode() in text


def test_too_much_is_refused_before_or_while_it_comes(tmp_path: Path) -> None:
    guard = make_guard(tmp_path)
    status, text, _ = ask(guard, "/gradio_api/upload", method="POST", claims=10**9)
    assert (status, b"The file has more than 0 MiB" in text) == (413, True)
    behind = Behind()
    liar = make_guard(tmp_path, behind)
    ask(liar, "/gradio_api/upload", method="POST", body=b"x" * 200_000, claims=10)
    assert len(behind.received) <= 10_000 + 2**16
    status, _, _ = ask(guard, "/gradio_api/queue/join", method="POST", body=b"x" * 300_000)
    assert status == 413


def test_uploads_that_wait_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "waiting").write_bytes(bytes(19_000))
    status, text, _ = ask(make_guard(tmp_path), "/gradio_api/upload", method="POST", claims=5_000)
    assert (status, b"try again later" in text) == (503, True)


class Slow:
    """Stands where Gradio does: takes uploads into the folder, and answers when all have come."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.num_taken = folder, 0
        self.may_answer = asyncio.Event()

    async def __call__(self, _: Any, receive: Any, send: Any) -> None:
        self.num_taken += 1
        with (self.folder / f"{self.num_taken}").open("wb", buffering=0) as file:
            while (message := await receive())["type"] == "http.request":
                file.write(message["body"])
                if not message["more_body"]:
                    break
        await self.may_answer.wait()
        await Behind(b"no upload")({}, receive, send)


@pytest.mark.parametrize("claims", [True, False])
def test_uploads_that_come_together_are_bounded_together(claims: bool, tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    guard = GuardMiddleware(slow, folder=tmp_path, max_bytes=10_000, max_waiting_bytes=80_000)
    statuses: list[int] = []

    async def upload() -> None:
        part = {"type": "http.request", "body": b"x" * 5_000}
        parts = [{**part, "more_body": True}, {**part, "more_body": False}]

        async def receive() -> Any:
            await asyncio.sleep(0)
            return parts.pop(0) if parts else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if "status" in message:
                statuses.append(message["status"])

        headers = [(b"content-length", b"10000")] if claims else []
        scope = {"type": "http", "path": "/gradio_api/upload", "method": "POST", "headers": headers}
        await guard(scope, receive, send)

    async def all_at_once() -> None:
        # What has come counts once, and not a second time as what is on its way.
        tasks = [asyncio.create_task(upload()) for _ in range(4)]
        while sum(file.stat().st_size for file in tmp_path.iterdir()) < 40_000:
            await asyncio.sleep(0)
        tasks += [asyncio.create_task(upload()) for _ in range(96)]
        while len(statuses) < 92:
            await asyncio.sleep(0)
        assert statuses == 92 * [503]
        slow.may_answer.set()
        await asyncio.gather(*tasks)

    asyncio.run(all_at_once())
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 80_000
    assert statuses.count(200) == slow.num_taken == 8


def test_room_that_an_upload_took_is_given_back(tmp_path: Path) -> None:
    guard = make_guard(tmp_path, Behind(b"no upload"))
    for _ in range(5):
        status, _, _ = ask(
            guard, "/gradio_api/upload", method="POST", body=b"x" * 9_000, claims=9_000
        )
        assert status == 200
    broken = GuardMiddleware(_fail, folder=tmp_path, max_bytes=10_000, max_waiting_bytes=20_000)
    for _ in range(5):
        with pytest.raises(OSError, match="full"):
            ask(broken, "/gradio_api/upload", method="POST", body=b"x" * 9_000, claims=9_000)


def test_an_upload_that_stands_still_is_ended_and_gives_its_room_back(tmp_path: Path) -> None:
    ended: list[str] = []

    async def reading(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            assert message["body"] == b"x"
        ended.append(message["type"])

    guard = GuardMiddleware(
        reading, folder=tmp_path, max_bytes=10_000, max_waiting_bytes=10_000, idle_seconds=0.05
    )
    headers = [(b"content-length", b"10000")]
    scope = {"type": "http", "path": "/gradio_api/upload", "method": "POST", "headers": headers}

    async def upload() -> None:
        parts = [{"type": "http.request", "body": b"x", "more_body": True}]

        async def receive() -> Any:
            return parts.pop() if parts else await asyncio.Event().wait()

        await guard(scope, receive, _fail)

    async def one_after_the_other() -> None:
        await upload()
        await upload()

    asyncio.run(one_after_the_other())
    assert ended == 2 * ["http.disconnect"]


async def _fail(*_: Any) -> None:
    raise OSError("full")


def test_a_websocket_is_not_answered(tmp_path: Path) -> None:
    behind = Behind()
    asyncio.run(make_guard(tmp_path, behind)({"type": "websocket", "path": "/"}, None, None))  # type: ignore[arg-type]
    assert not behind.was_asked

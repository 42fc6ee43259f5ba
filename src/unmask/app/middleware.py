"""What stands between the network and Gradio: few routes, small bodies, no paths of the server.

Gradio names an upload by its absolute path, in its answers and in the requests that follow. Here
every upload moves into a folder of its own, with a name that tells nothing, and all that leaves or
enters carries that name instead.
"""

import json
import re
import secrets
from asyncio import wait_for
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Stands for the folder of uploads wherever an answer or request names a file in it.
SEAL: Final = "unmask-upload"
MAX_JSON_BYTES: Final = 2**18
IDLE_SECONDS: Final = 30.0
# Of the multipart wrapping around a file.
MAX_WRAPPING_BYTES: Final = 2**16
UPLOAD: Final = "/gradio_api/upload"
# What the page and the client libraries need; others fetch addresses of a stranger's choosing,
# write files, or serve what Gradio offers to developers.
ROUTES: Final = re.compile(
    r"/(|config/?|assets/.*|static/.*|svelte/.*|favicon\.ico|manifest\.json|robots\.txt|theme\.css"
    r"|gradio_api/(upload|upload_progress|queue/(join|data)|call/.*|run/.*|info/?|openapi\.json"
    r"|startup-events|heartbeat/[\w-]+|reset/?|cancel|app_id/?|theme\.css|login_check/?|token/?"
    r"|user/?))"
)
# Nothing is fetched from elsewhere, even if a script asks for it.
POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS: Final = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


class GuardMiddleware:
    """ASGI middleware.

    Args:
        folder: Where Gradio puts uploads.
        max_waiting_bytes: Limit of all uploads that wait to be judged or are on their way; beyond,
            new ones are refused.
        idle_seconds: An upload of which nothing comes for so long is ended.
    """

    def __init__(
        self,
        app: App,
        *,
        folder: Path,
        max_bytes: int,
        max_waiting_bytes: int,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._app = app
        self._idle_seconds = idle_seconds
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_waiting_bytes = max_waiting_bytes
        # Uploads on their way: their largest size, and the part that is here. One event loop
        # runs all of them, so that no lock is needed.
        self._reserved = 0
        self._received = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let Gradio answer."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        path = str(scope["path"])
        if not ROUTES.fullmatch(path):
            await _refuse(send, 404, "There is nothing here.")
        elif path == UPLOAD:
            await self._upload(scope, receive, send)
        elif scope["method"] == "POST":
            await self._post(scope, receive, send)
        else:
            await self._app(scope, receive, self._sealing(send))

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        claimed = _content_length(scope)
        most = self._max_bytes + MAX_WRAPPING_BYTES
        if claimed is not None and claimed > most:
            await _refuse(send, 413, f"The file has more than {_mib(self._max_bytes)}.")
            return
        # An upload keeps its room from its first byte to its last: those that come together would
        # each find the folder empty.
        room = self._max_bytes if claimed is None else claimed
        if self._waiting_bytes() + room > self._max_waiting_bytes:
            await _refuse(send, 503, "Too many uploads wait to be judged; try again later.")
            return
        limit, num_bytes, is_whole = most if claimed is None else claimed, 0, False

        async def counted() -> Message:
            nonlocal num_bytes, is_whole
            try:
                message = await wait_for(receive(), None if is_whole else self._idle_seconds)
            except TimeoutError:
                return {"type": "http.disconnect"}  # its room goes to those who use it
            is_whole = not message.get("more_body", False)
            num_bytes += len(message.get("body", b""))
            self._received += len(message.get("body", b""))
            # Gradio takes an upload that breaks off for one that is cancelled, and removes it.
            return {"type": "http.disconnect"} if num_bytes > limit else message

        self._reserved += room
        try:
            await self._app(scope, counted, self._sealing(send, rename=self._rename))
        finally:
            self._reserved -= room
            self._received -= num_bytes

    def _waiting_bytes(self) -> int:
        """Return the bytes of uploads that are here, and of those on their way once they are.

        What has come of the latter already lies in the folder; it counts once.
        """
        return max(_num_bytes(self._folder) - self._received, 0) + self._reserved

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a small body whole, and put the folder in the seal's place."""
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_JSON_BYTES:
                await _refuse(send, 413, f"The request has more than {MAX_JSON_BYTES} bytes.")
                return
        if str(self._folder).encode() in body:
            await _refuse(send, 400, "A file is named by what its upload was answered with.")
            return
        body = body.replace(f'"{SEAL}/'.encode(), f'"{self._folder}/'.encode())
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def replayed() -> Message:
            return messages.pop() if messages else await receive()

        headers = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await self._app({**scope, "headers": headers}, replayed, self._sealing(send))

    def _rename(self, body: bytes) -> bytes:
        """Move uploads into folders of their own: equal files of two people share Gradio's."""
        try:
            paths = [Path(path) for path in json.loads(body)]
        except (ValueError, TypeError):
            return body  # a refusal in words
        renamed = []
        for path in paths:
            folder = self._folder / secrets.token_hex(16)
            folder.mkdir(mode=0o700)
            path.replace(folder / path.name)
            path.parent.rmdir()
            renamed.append(str(folder / path.name))
        return json.dumps(renamed).encode()

    def _sealing(self, send: Send, *, rename: Callable[[bytes], bytes] | None = None) -> Send:
        """Return a ``send`` that puts the seal in the folder's place in all text."""
        start: Message = {}
        whole = bytearray()
        is_text = is_stream = False

        def sealed(body: bytes) -> bytes:
            return body.replace(str(self._folder).encode(), SEAL.encode())

        async def send_sealed(message: Message) -> None:
            nonlocal start, is_text, is_stream
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"")
                is_stream = kind.startswith(b"text/event-stream")
                is_text = kind.startswith((b"application/json", b"text/plain", b"text/html"))
                start = {**message, "headers": [*message["headers"], *HEADERS]}
                if not is_text:
                    await send(start)
                return
            body = message.get("body", b"")
            if not is_text:
                # Each event of a stream comes as one message.
                await send({**message, "body": sealed(body) if is_stream else body})
                return
            whole.extend(body)
            if message.get("more_body", False):
                return
            content = bytes(whole)
            if rename is not None and start["status"] == 200:
                content = rename(content)
            content = sealed(content)
            headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
            headers.append((b"content-length", str(len(content)).encode()))
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": content, "more_body": False})

        return send_sealed


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


def _num_bytes(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):  # judged just now
            total += file.lstat().st_size
    return total


def _mib(num_bytes: int) -> str:
    return f"{num_bytes / 2**20:.0f} MiB"


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *HEADERS,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})

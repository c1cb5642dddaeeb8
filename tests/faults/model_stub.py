"""A model server of our making: OpenAI's API, known answers, every way to fail. Also a trace collector."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from leaks import Leaks
from notes import answer

__all__ = ["MODEL", "ModelStub"]

MODEL = "medical-ie"
_MODELS = {"data": [{"id": MODEL, "root": "stub-base", "owned_by": "stub"}]}
_PAGE = b"<html><body>The gateway is being serviced</body></html>"
_NOTE = "Text: "


class ModelStub:
    """Serves on 127.0.0.1 until closed. ``mode``: normal, down, hang, page, 500, 429.

    ``answered``: when (monotonic) it gave a model's answer.
    """

    def __init__(self, leaks: Leaks) -> None:
        self.answered: list[float] = []
        self.traces = 0
        self._leaks = leaks
        self._mode = "normal"
        self._changed = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self)
        self._port = self._server.server_address[1]
        self.root = f"http://127.0.0.1:{self._port}"

    def set(self, mode: str) -> None:
        """Behave so from now on. What hangs is let go without an answer."""
        before, self._mode = self._mode, mode
        self._changed.set()
        self._changed = threading.Event()
        if mode == "down":
            self._server.end()
        elif before == "down":
            self._server = _Server(("127.0.0.1", self._port), self)

    def close(self) -> None:
        """End."""
        self._changed.set()
        if self._mode != "down":
            self._server.end()

    def reply(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, dict[str, str], bytes] | None:
        """Status, headers and body; None to break the connection."""
        if path == "/v1/traces":
            self.traces += 1
            self._leaks.look("a span", body.decode("latin-1"))
            return 200, {}, b""
        for name, value in headers:
            self._leaks.look("a header to the model server", f"{name}: {value}")
        self._leaks.look("a URL of the model server", path)
        mode = self._mode
        if mode == "hang":
            self._changed.wait(120)
            return None
        if mode == "page":
            return 200, {"Content-Type": "text/html"}, _PAGE
        if mode in {"500", "429"}:
            more = {"Retry-After": "1"} if mode == "429" else {}
            return int(mode), more, json.dumps({"error": {"type": "stub", "message": _quote(body)}}).encode()
        if method == "GET":
            return (200, {}, json.dumps(_MODELS).encode()) if path == "/v1/models" else (404, {}, b"{}")
        given = _completion(body)
        self.answered.append(time.monotonic())
        return 200, {}, given


def _completion(body: bytes) -> bytes:
    text = json.loads(body)["messages"][-1]["content"].split(_NOTE, 1)[1]
    said, why = answer(text)
    choice = {"index": 0, "finish_reason": why, "message": {"role": "assistant", "content": said}}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 50}}).encode()


def _quote(body: bytes) -> str:
    """A server's error that repeats the request, as some do: none of it may be passed on."""
    return body.decode("utf-8", "replace")[-300:]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], stub: ModelStub) -> None:
        self.stub = stub
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True, name="model-stub")
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is nothing to print about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        replied = self.server.stub.reply(self.command, self.path, self.headers.items(), body)
        if replied is None:
            self.close_connection = True
            return
        status, headers, data = replied
        self.send_response_only(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _serve  # noqa: N815 - the base class's names

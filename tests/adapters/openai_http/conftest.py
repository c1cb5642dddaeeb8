"""A server that answers each path as it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Reply = tuple[int, bytes] | None  # status and body; None: never answer


class Server(ThreadingHTTPServer):
    """Answers each path from its list of replies, the last one for ever, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: dict[str, list[Reply]] = {}
        self.seen: list[tuple[str, dict[str, str], Any]] = []
        self.released = threading.Event()
        self.gate: threading.Barrier | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def says(self, path: str, *replies: Reply | dict[str, Any]) -> None:
        self.replies[path] = [(200, json.dumps(r).encode()) if isinstance(r, dict) else r for r in replies]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.seen.append((self.path, dict(self.headers), body))
        if self.server.gate is not None:
            self.server.gate.wait(timeout=10)
        replies = self.server.replies.get(self.path, [(404, b"{}")])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if reply is None:
            self.server.released.wait(timeout=30)
            return
        self.send_response(reply[0])
        self.send_header("Content-Length", str(len(reply[1])))
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(reply[1])

    do_POST = do_GET  # noqa: N815 - the name that the base class asks for

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()

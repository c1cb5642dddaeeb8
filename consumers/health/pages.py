"""A small HTTP server of a few pages that hostile or broken clients can't hold up.

A request's head is read first, to a limit in bytes and in time; each connection serves one request; of too many
connections the oldest is closed for the newest.
"""

from __future__ import annotations

import json
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, Final

from medie_fhir import __version__

__all__ = ["JSON", "MOST_CONNECTIONS", "PATIENCE_S", "Answer", "Page", "PageServer"]

log = logging.getLogger(__name__)

JSON: Final = "application/json"
_LONGEST_HEAD: Final = 16 * 1024  # bytes of a request's line and headers
PATIENCE_S: Final = 5.0  # for a whole request, and then for a whole answer
MOST_CONNECTIONS: Final = 32


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: HTTPStatus
    content_type: str
    body: bytes


Page = Callable[[str], Answer]
"""What a path answers, given the request's Accept header."""


class PageServer(ThreadingHTTPServer):
    """A thread a connection. When there are too many, the oldest is closed for the newest: a probe always gets in."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, pages: Mapping[str, Page]) -> None:
        self.pages = pages
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Without asking the DNS for our name, as HTTPServer does: it may not answer."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve it, in a thread of its own."""
        with self._lock:
            self._open.append(request)
            crowded = self._open[:-MOST_CONNECTIONS]
            for oldest in crowded:
                self._open.remove(oldest)
                _hang_up(oldest, socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """It has ended."""
        with self._lock:
            if request in self._open:
                self._open.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nobody's fault."""


def _hang_up(connection: socket.socket, way: int) -> None:
    try:
        connection.shutdown(way)
    except OSError:
        return  # it is gone already


class _Handler(BaseHTTPRequestHandler):
    """One request, one answer. The whole head is read first, to its limit in bytes and time."""

    server: PageServer

    def handle(self) -> None:
        head = self._head()
        self.rfile.close()
        self.rfile = BytesIO(head)
        self.raw_requestline = self.rfile.readline()
        self.requestline, self.request_version, self.command = "", "HTTP/1.0", ""
        if not head:
            return
        self.connection.settimeout(PATIENCE_S)
        if len(head) > _LONGEST_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self.parse_request():
            self._answer()
        self._drain()

    def _head(self) -> bytes:
        """What was sent up to the empty line; nothing where that doesn't come in time."""
        head, deadline = b"", time.monotonic() + PATIENCE_S
        while b"\r\n\r\n" not in head and b"\n\n" not in head and len(head) <= _LONGEST_HEAD:
            self.connection.settimeout(max(0.001, deadline - time.monotonic()))
            more = self.connection.recv(4096)
            if not more:
                return b""
            head += more
        return head

    def _answer(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif self.command not in ("GET", "HEAD"):
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED)
        else:
            try:
                answer = page(self.headers.get("Accept", ""))
            except Exception as error:  # noqa: BLE001 - a fault here must not end the server, nor show its text
                log.error("%s failed with %s", self.path.partition("?")[0], type(error).__name__)  # noqa: TRY400
                self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR)
            else:
                self._send(answer)

    def _refuse(self, status: HTTPStatus) -> None:
        pages = sorted(self.server.pages)
        self._send(Answer(status, JSON, json.dumps({"error": status.phrase, "pages": pages}).encode()))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _drain(self) -> None:
        """Take what is still being sent, a little: to close on it would take the answer back."""
        _hang_up(self.connection, socket.SHUT_WR)
        self.connection.settimeout(0.5)
        for _ in range(16):
            if not self.connection.recv(4096):
                return

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The standard library's own refusals, without its page, which repeats what was asked."""
        del message, explain
        self._refuse(HTTPStatus(code))

    def version_string(self) -> str:
        """Who answers."""
        return f"medie-fhir/{__version__}"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """No line a request."""

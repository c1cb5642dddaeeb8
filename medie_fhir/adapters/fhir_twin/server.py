"""The twin, served over HTTP/1.1 on this machine alone, with a place to put faults for tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from medie_fhir.adapters.fhir_twin.exchange import Answer, Request
from medie_fhir.adapters.fhir_twin.twin import FhirTwin

__all__ = ["Fault", "FhirTwinServer"]

Fault = Callable[[Request], Answer | None]
"""Asked before the twin: an answer is sent in its place, None lets the request through. To break the connection without
an answer it raises ConnectionError; to hang, it waits."""

_BASE_PATH = "/fhir"
_IDLE_SECONDS = 30  # as Jetty, in front of HAPI


class FhirTwinServer:
    """Serves a twin on 127.0.0.1; ``port`` 0 takes a free one. A context manager; ``base_url`` says where it is."""

    def __init__(self, twin: FhirTwin, port: int = 0, fault: Fault | None = None) -> None:
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.twin = twin
        self._server.fault = fault
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}{_BASE_PATH}"
        twin.serve_at(self.base_url)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="fhir-twin")

    def start(self) -> Self:
        """Starts to answer."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stops, and breaks what connections there are."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def drop_connections(self) -> None:
        """Breaks all connections, as a restarted server or a firewall does; new ones are welcome."""
        self._server.drop_connections()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # With the default of 5, the system resets a connection when more come at once than are taken in.
    request_queue_size = 128
    twin: FhirTwin
    fault: Fault | None

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is nothing to print about."""

    def drop_connections(self) -> None:
        with self._guard:
            for connection in self._open:
                # Its own thread sees the end, and closes it. A client may have been faster, and be gone.
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def server_close(self) -> None:
        super().server_close()
        self.drop_connections()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "medie-fhir-twin"
    timeout = _IDLE_SECONDS
    # Headers and body leave in two writes: without this, the second waits for the first one's acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Nothing: a URL may hold a patient's identifier."""

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(int(length)) if length.isdigit() else b""
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(self.command, path.removeprefix(_BASE_PATH).strip("/"), query, headers, body)
        try:
            answer = self.server.fault(request) if self.server.fault else None
        except ConnectionError:
            self.close_connection = True
            return
        self._send(answer or self.server.twin.answer(request))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _serve  # noqa: N815 - the base class's names

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        defaults = {"server": self.server_version, "date": self.date_time_string()}
        if "transfer-encoding" not in answer.headers:
            defaults["content-length"] = str(len(answer.body))
        for name, value in {**defaults, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

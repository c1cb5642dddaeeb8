"""A server that answers each path as it is told to; and the real ones, embedded llama.cpp and vLLM."""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from medie_fhir.adapters.openai_http import OpenAiHttp
from medie_fhir.ports import ModelDescription

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


@dataclass(frozen=True)
class Real:
    """A real model server, and how it is asked."""

    kind: str
    url: str
    name: str
    key: str | None = None
    known: ModelDescription | None = None

    def client(self, **options: Any) -> OpenAiHttp:
        """A client of it; for another ``name``, where one is given."""
        given = {"api_key": self.key, "known": self.known, "timeout": 300.0, **options}
        return OpenAiHttp(self.url, given.pop("name", self.name), **given)

    def raw(self) -> httpx.AsyncClient:
        """What asks it without our adapter."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=300.0, trust_env=False)


@pytest.fixture(scope="session")
def vllm() -> Iterator[Real]:
    """A real vLLM with the adapter under the name ``medical-ie``, and leave to load others while it runs.

    That of MEDIE_TEST_VLLM (its URL; ``start``: it is installed where it is not, started, and ended with the tests),
    else the one that ``make vllm`` has started.
    """
    given = os.environ.get("MEDIE_TEST_VLLM")
    if given and given != "start":
        yield Real("vLLM", given, "medical-ie")
        return
    sys.path.append(str(Path(__file__).parents[3] / "deploy" / "local" / "vllm"))  # a program, and no package
    program = importlib.import_module("local_vllm")
    server = program.LocalVllm()
    ours = server.pid is None
    if given:
        server.up()
    elif ours or not server.answers():
        pytest.skip("no vLLM: run make vllm, name one in MEDIE_TEST_VLLM, or set it to start (5.3 GB, once)")
    yield Real("vLLM", server.address, program.NAME)
    if ours:
        server.stop()


@pytest.fixture(
    params=[pytest.param("llama.cpp", marks=pytest.mark.model), pytest.param("vLLM", marks=pytest.mark.vllm)]
)
def real(request: pytest.FixtureRequest) -> Real:
    """Each real server in its turn."""
    if request.param == "vLLM":
        return request.getfixturevalue("vllm")
    embedded = request.getfixturevalue("embedded_model")
    return Real("llama.cpp", embedded.url, embedded.name, embedded.api_key, embedded.description)

"""Answers that are cut off, too long, odd, or no HTTP at all."""

from __future__ import annotations

import gzip
import json
import socket
import socketserver
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from medie_fhir.adapters.fhir_http import FhirHttp, Patience
from medie_fhir.adapters.fhir_twin import Answer
from medie_fhir.errors import (
    FhirAnswerInvalid,
    FhirError,
    FhirUnavailable,
    Policy,
)

SAID = "Sophonisba Vogelsang"  # stands for what no message may repeat


def outcome(diagnostics: str = SAID, **more: object) -> bytes:
    issue = {"severity": "error", "code": "processing", "diagnostics": diagnostics, **more}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


def fhir(status: int, body: bytes | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/fhir+json", **named}, outcome() if body is None else body)


@asynccontextmanager
async def speaking(*said: bytes, hangs_up: bool = True, seconds: float = 10) -> AsyncIterator[FhirHttp]:
    """Against a server that says these bytes, one after the other, then hangs up or says no more."""
    left = list(said)

    class Speaker(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.connection.settimeout(10)
            with suppress(OSError):
                while self.rfile.readline().strip():
                    pass
                self.connection.sendall(left.pop(0) if left else b"")
                if hangs_up:
                    self.connection.shutdown(socket.SHUT_WR)
                self.rfile.read()  # until the client has had enough

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Speaker) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            base, patience = f"http://127.0.0.1:{server.server_address[1]}/fhir", Patience(timeout=seconds, attempts=1)
            async with FhirHttp(base, patience=patience) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()


JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\n"


METADATA = b'{"resourceType":"CapabilityStatement"}'


SIZED = b"content-length: %d\r\n\r\n%s"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (JSON_HEAD + SIZED % (999, METADATA), FhirUnavailable),
        (JSON_HEAD + SIZED % (5, METADATA), FhirAnswerInvalid),
        (JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\n{", FhirUnavailable),
        (JSON_HEAD + b"content-encoding: gzip\r\n" + SIZED % (len(METADATA), METADATA), FhirAnswerInvalid),
        (JSON_HEAD + b"content-length: 99999999999\r\n\r\n{", FhirAnswerInvalid),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", FhirUnavailable),
        (b"HTTP/1.1 204 No Content\r\n\r\n", FhirAnswerInvalid),
        (b"SSH-2.0-OpenSSH_9.2\r\n", FhirUnavailable),
        (b"", FhirUnavailable),
    ],
    ids=["cut off", "too short a length", "chunks cut off", "no gzip", "endless", "101", "204", "not HTTP", "nothing"],
)
async def test_a_broken_answer_is_never_taken_for_one(said: bytes, error: type[FhirError]) -> None:
    async with speaking(said, said) as client:
        with pytest.raises(error) as caught:
            await client.capabilities()

    assert type(caught.value) is error
    assert caught.value.policy is Policy.RETRY


@pytest.mark.parametrize(
    "said",
    [
        JSON_HEAD + b"content-encoding: gzip\r\n" + SIZED % (len(gzip.compress(METADATA)), gzip.compress(METADATA)),
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + JSON_HEAD + SIZED % (len(METADATA), METADATA),
        JSON_HEAD + b"\r\n" + METADATA,
    ],
    ids=["gzip", "a hint before", "no length"],
)
async def test_what_is_odd_but_whole_is_an_answer(said: bytes) -> None:
    async with speaking(said) as client:
        assert (await client.capabilities())["resourceType"] == "CapabilityStatement"


async def test_an_answer_that_does_not_end_has_an_end() -> None:
    async with speaking(JSON_HEAD + b"\r\n{", hangs_up=False, seconds=0.2) as client:
        with pytest.raises(FhirUnavailable, match=r"no answer within 0\.2 s"):
            await client.capabilities()

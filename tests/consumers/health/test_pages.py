"""The small HTTP server, met by clients that are broken or mean it ill."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.health import HealthServer, pages
from consumers.monitor import LoopView

Serve = Callable[..., HealthServer]


@contextmanager
def connected(server: HealthServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port or 0), timeout=10) as connection:
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        parts.append(b"")
    return b"".join(parts)


def is_alive(server: HealthServer) -> bool:
    return httpx.get(f"{server.url}/livez", trust_env=False, timeout=10).status_code == 200


@pytest.mark.parametrize("path", ["/", "/livez/", "/nothing", "/../../etc/passwd", "/Zyxomunda"])
def test_another_path_is_not_found_and_not_repeated(serve: Serve, view: LoopView, path: str) -> None:
    answer = httpx.get(f"{serve(view).url}{path}", trust_env=False)
    assert answer.status_code == 404
    assert answer.json()["pages"] == ["/livez", "/metrics", "/readyz", "/status"]
    assert "Zyxomunda" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_another_method_is_not_allowed(serve: Serve, view: LoopView, method: str) -> None:
    answer = httpx.request(method, f"{serve(view).url}/livez", content=b"x" * 10_000, trust_env=False)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_head_is_get_without_the_body(serve: Serve, view: LoopView) -> None:
    answer = httpx.head(f"{serve(view).url}/livez?x=1", trust_env=False)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 20


def test_headers_without_end_are_refused_at_a_limit(serve: Serve, view: LoopView) -> None:
    server = serve(view)
    with connected(server) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n" + b"X-A: " + b"a" * 17_000)
        assert all_of(connection).startswith(b"HTTP/1.0 431 ")
    assert is_alive(server)


def test_a_request_that_does_not_come_to_its_end_is_ended(
    serve: Serve, view: LoopView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PATIENCE_S", 0.2)
    server = serve(view)
    with connected(server) as silent, connected(server) as slow:
        slow.sendall(b"GET /livez HTTP/1.1\r\nX-A: ")
        assert (all_of(silent), all_of(slow)) == (b"", b"")
    assert is_alive(server)


def test_a_probe_gets_in_though_others_hold_every_place(serve: Serve, view: LoopView) -> None:
    server = serve(view)
    with ExitStack() as stack:
        held = [stack.enter_context(connected(server)) for _ in range(3 * pages.MOST_CONNECTIONS)]
        for connection in held:
            connection.sendall(b"GET /livez HTTP/1.1\r\n")
        assert is_alive(server)
        assert all_of(held[0]) == b""  # the oldest made room


def test_a_client_that_goes_away_leaves_no_line(
    serve: Serve, view: LoopView, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, logger="consumers")
    server = serve(view)
    with connected(server) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, at once
    assert is_alive(server)
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")
    assert [record for record in caplog.records if record.name.startswith("consumers")] == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.binary(max_size=200), st.from_regex(rb"(GET|POST) /[a-z]* HTTP/[0-9.]{1,4}\r\n.*", fullmatch=True)))
def test_any_bytes_get_an_answer_or_a_closed_connection(hostile: HealthServer, sent: bytes) -> None:
    with connected(hostile) as connection:
        connection.sendall(sent + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        answer = all_of(connection)
    assert answer == b"" or answer.startswith((b"HTTP/1.0 ", b"{"))  # HTTP/0.9 has no status line
    assert b"Traceback" not in answer


@pytest.fixture
def hostile(serve: Serve, view: LoopView) -> HealthServer:
    """One server for all examples."""
    return serve(view)

"""Tokens by a client-credentials grant."""

from __future__ import annotations

import logging

import httpx
import pytest
from pydantic import SecretStr

from consumers.kafka_broker.oauth import ClientCredentials
from medie_fhir.errors import BrokerUnavailable, LoginRefused

SECRET = "a+b %"


class Server:
    """A token server, a clock beside it."""

    def __init__(self, **answer: object) -> None:
        self.answer = {"access_token": "t0k3n", "expires_in": 300} | answer
        self.status = 200
        self.time = 0.0
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.status, json=self.answer | {"access_token": f"t{len(self.requests)}"})

    def tokens(self) -> ClientCredentials:
        return ClientCredentials(
            "https://id.example/token",
            "medie",
            SecretStr(SECRET),
            scope="kafka",
            transport=httpx.MockTransport(self),
            monotonic=lambda: self.time,
        )


def test_it_asks_as_the_rfc_says():
    server = Server()
    assert server.tokens().token() == "t1"
    request = server.requests[0]
    assert request.content == b"grant_type=client_credentials&scope=kafka"
    assert request.headers["Authorization"] == httpx.BasicAuth("medie", "a%2Bb+%25")._auth_header
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_token_is_kept_until_shortly_before_it_expires():
    server = Server(expires_in=300)
    tokens = server.tokens()
    server.time = 239.0
    assert {tokens.token(), tokens.token()} == {"t1"}
    server.time = 480.0
    assert {tokens.token(), tokens.token()} == {"t2"}


@pytest.mark.parametrize("life", [None, 1, "10"])
def test_a_server_that_is_vague_about_the_life_of_a_token_is_understood(life):
    server = Server(expires_in=life)
    assert server.tokens().token() == "t1"


@pytest.mark.parametrize(("status", "error"), [(400, LoginRefused), (401, LoginRefused), (404, LoginRefused)])
def test_a_refusal_is_a_refused_login(status, error, caplog):
    server = Server()
    server.status = status
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(error, match=f"id.example refuses us a token .status {status}") as told,
    ):
        server.tokens().token()
    assert SECRET not in caplog.text + str(told.value)
    assert "t1" not in str(told.value)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_fails_is_an_outage(status):
    server = Server()
    server.status = status
    with pytest.raises(BrokerUnavailable, match="no token at present"):
        server.tokens().token()


def test_a_server_that_is_not_there_is_an_outage():
    with pytest.raises(BrokerUnavailable, match=r"token server 127\.0\.0\.1 does not answer"):
        ClientCredentials("http://127.0.0.1:1/token", "medie", SecretStr(SECRET)).token()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"access_token": "x", "expires_in": "soon"}'])
def test_an_answer_without_a_token_is_a_refused_login(body):
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    tokens = ClientCredentials("https://id.example/token", "medie", SecretStr(SECRET), transport=transport)
    with pytest.raises(LoginRefused, match="no token"):
        tokens.token()


def test_neither_secret_nor_token_is_in_a_repr():
    server = Server()
    tokens = server.tokens()
    tokens.token()
    assert SECRET not in repr(vars(tokens))
    assert "t1" not in repr(vars(tokens))

"""A token server that verifies what it is told, a FHIR server behind it, certificates: all real, on this machine."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from medie_fhir.adapters.fhir_auth import auth_of
from medie_fhir.adapters.fhir_http import FhirHttp
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.adapters.fhir_twin.exchange import Answer, Request
from medie_fhir.adapters.fhir_wire import Patience
from medie_fhir.settings import FhirAuth

SENTINEL = "s3ntinel"
SCOPE = "system/*.cruds"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            if isinstance(request, ssl.SSLSocket):
                request.do_handshake()
        except OSError:
            # Closed at once, with bytes unread, the connection would be reset, and the reason lost on its way.
            with socket.socket(fileno=os.dup(request.fileno())) as bare, suppress(OSError):
                bare.shutdown(socket.SHUT_WR)
                while bare.recv(4096):
                    pass
            return
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is nothing to print about."""


class Refused(Exception):
    """What a client sends is not what it must be."""


def _need(held: bool, what: str) -> None:
    if not held:
        raise Refused(what)


class TokenServer:
    """Gives tokens of ``life_s`` to registered clients, and knows which it gave. What it refuses, it says why.

    ``status`` and ``answer``: said in place of all else. ``gate``: closed, it lets requests wait. ``refusal``: what the
    FHIR server says to a token that isn't good.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.secrets: dict[str, str] = {}
        self.keys: dict[tuple[str, str], Any] = {}
        self.life_s: object = 300
        self.status: int | None = None
        self.answer: bytes | None = None
        self.refusal = Answer(401)
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[dict[str, str]] = []
        self.refusals: list[str] = []
        self.good: set[str] = set()
        self.arrived = threading.Semaphore(0)
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> TokenServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def respond(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, object]]:
        with self._lock:
            self.asked.append(form)
            self.arrived.release()
        assert self.gate.wait(20)
        if self.status is not None:
            return self.status, {"error": "invalid_client", "error_description": f"{SENTINEL} {form}"}
        with self._lock:
            try:
                self._verify(form, authorization)
            except (Refused, jwt.PyJWTError, LookupError, ValueError) as error:
                self.refusals.append(f"{type(error).__name__}: {error}")
                return 401, {"error": "invalid_client", "error_description": f"{SENTINEL} {authorization} {form}"}
            token = f"{SENTINEL}-token-{len(self.asked)}"
            self.good.add(token)
        granted = {"scope": form["scope"]} if "scope" in form else {}
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.life_s, **granted}

    def _verify(self, form: dict[str, str], authorization: str) -> None:
        _need(form["grant_type"] == "client_credentials", "grant_type")
        if "client_assertion" not in form:
            told = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
            client_id, secret = map(unquote_plus, told)
            _need(self.secrets[client_id] == secret, "secret")
            return
        _need(form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "type")
        _need(form["scope"], "scope")
        assertion = form["client_assertion"]
        header = jwt.get_unverified_header(assertion)
        client_id = jwt.decode(assertion, options={"verify_signature": False})["iss"]
        _need(header["typ"] == "JWT", "typ")
        claims = jwt.decode(
            assertion,
            self.keys[client_id, header["kid"]],
            algorithms=["RS384", "ES384"],
            audience=self.url,
            issuer=client_id,
            subject=client_id,
            options={"require": ["iss", "sub", "aud", "exp", "jti"]},
        )
        _need(claims["exp"] <= time.time() + 300, "more than five minutes")
        _need(claims["jti"] not in self._seen, "replayed")
        self._seen.add(claims["jti"])

    def guard(self, request: Request) -> Answer | None:
        """As a FHIR twin's ``fault``: lets through what carries one of our tokens, and tells where we are."""
        if request.path == ".well-known/smart-configuration":
            found = {"token_endpoint": self.url, "grant_types_supported": ["client_credentials"]}
            return Answer(200, {"content-type": "application/json"}, json.dumps(found).encode())
        carried = request.headers.get("authorization", "").removeprefix("Bearer ")
        return None if carried in self.good else self.refusal


def _handler(server: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 20

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, said = server.respond(dict(parse_qsl(body)), self.headers.get("Authorization", ""))
            data = json.dumps(said).encode() if server.answer is None else server.answer
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status in (301, 302, 307):
                self.send_header("Location", "https://elsewhere.example/token")
            if status == 429:
                self.send_header("Retry-After", "7")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

    return Handler


@dataclass
class Keys:
    """Private keys in a folder, and their public halves."""

    folder: Path
    made: dict[str, Any] = field(default_factory=dict)

    def pem(self, kind: str, name: str | None = None) -> Path:
        file = self.folder / f"{name or kind}.pem"
        file.write_bytes(self._key(kind, name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return file

    def jwk(self, kind: str, key_id: str, name: str | None = None) -> dict[str, Any]:
        algorithm = jwt.algorithms.RSAAlgorithm if kind == "RS384" else jwt.algorithms.ECAlgorithm
        return {**algorithm.to_jwk(self._key(kind, name), as_dict=True), "kid": key_id, "alg": kind}

    def public(self, kind: str, name: str | None = None) -> Any:
        return self._key(kind, name).public_key()

    def _key(self, kind: str, name: str | None) -> Any:
        make: dict[str, Callable[[], Any]] = {
            "RS384": lambda: rsa.generate_private_key(65537, 2048),
            "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "RSA-1024": lambda: rsa.generate_private_key(65537, 1024),
        }
        if (name or kind) not in self.made:
            self.made[name or kind] = make[kind]()
        return self.made[name or kind]


@dataclass
class Room:
    """A FHIR twin that a token server guards."""

    tokens: TokenServer
    twin: FhirTwin
    base_url: str

    @asynccontextmanager
    async def client(self, settings: FhirAuth, **more: Any) -> AsyncIterator[FhirHttp]:
        auth = more.pop("auth", None) or auth_of(settings, self.base_url)
        patience = Patience(attempts=more.pop("attempts", 1))
        async with FhirHttp(self.base_url, auth=auth, patience=patience, **more) as client:
            yield client


@pytest.fixture
def fhir_client() -> Callable[..., FhirHttp]:
    """A client of a FHIR server, with a login, that tries once."""
    return lambda base_url, auth: FhirHttp(base_url, auth=auth, patience=Patience(attempts=1))


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as server:
        yield server


@pytest.fixture
def room(tokens: TokenServer) -> Iterator[Room]:
    with FhirTwin() as twin, FhirTwinServer(twin, fault=tokens.guard) as server:
        yield Room(tokens, twin, server.base_url)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def registered(tokens: TokenServer, keys: Keys) -> Callable[..., FhirAuth]:
    """Settings of a client that the token server knows; ``changed`` by what a test says."""

    def make(kind: str = "client-credentials", algorithm: Any = "RS384", **changed: Any) -> FhirAuth:
        if kind == "client-credentials":
            tokens.secrets["medie"] = f"{SENTINEL} +&%"
            values = {"client_secret": f"{SENTINEL} +&%"}
        else:
            tokens.keys["medie", "k1"] = keys.public(algorithm)
            values = {"key_file": keys.pem(algorithm), "key_id": "k1", "algorithm": algorithm}
        return FhirAuth.model_validate({"kind": kind, "client_id": "medie", **values, **changed})

    return make


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[..., str]:
    """All that was logged at any level, and what is given, as one text."""
    caplog.set_level(logging.DEBUG)

    def text(*more: object) -> str:
        formatter = logging.Formatter("%(name)s %(message)s")
        return "\n".join([*map(formatter.format, caplog.records), *map(repr, more), *map(str, more)])

    return text


@pytest.fixture
def tls_tokens() -> Iterator[Callable[[ssl.SSLContext], TokenServer]]:
    """Starts token servers that speak TLS."""
    with ExitStack() as stack:
        yield lambda context: stack.enter_context(TokenServer(context))


@pytest.fixture
def nobody() -> Iterator[str]:
    """The URL of a server that is not there: its port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"

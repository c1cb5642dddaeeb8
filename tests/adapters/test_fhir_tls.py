"""What a failed handshake means, learned from real ones."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trustme

from medie_fhir.adapters.fhir_http import FhirHttp, Patience
from medie_fhir.adapters.fhir_tls import tls_trouble
from medie_fhir.errors import FhirNotTrusted, FhirUnavailable, Policy

METADATA = b'{"resourceType":"CapabilityStatement"}'


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


class Metadata(BaseHTTPRequestHandler):
    """Answers everything with a CapabilityStatement."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/fhir+json")
        self.send_header("content-length", str(len(METADATA)))
        self.end_headers()
        self.wfile.write(METADATA)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Server(ThreadingHTTPServer):
    """On any free port. After a failed handshake it hears the client out, lest its alert be lost in a reset."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            if isinstance(request, ssl.SSLSocket):
                request.do_handshake()
        except ssl.SSLError:
            with socket.socket(fileno=request.detach()) as plain:
                plain.settimeout(10)
                while plain.recv(4096):
                    pass
        else:
            super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: a connection that broke is the client's to tell."""


def server_side(certificate: trustme.LeafCert, clients: trustme.CA | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        clients.configure_trust(context)
    return context


def client_side(ca: trustme.CA | None = None, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca is not None:
        ca.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    return context


@contextmanager
def serving(context: ssl.SSLContext | None, handler: type[socketserver.BaseRequestHandler] = Metadata) -> Iterator[int]:
    with Server(("127.0.0.1", 0), handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


async def metadata(port: int, context: ssl.SSLContext, host: str = "localhost") -> None:
    patience = Patience(timeout=10, attempts=1)
    async with FhirHttp(f"https://{host}:{port}/fhir", verify=context, patience=patience) as client:
        assert (await client.capabilities())["resourceType"] == "CapabilityStatement"


async def test_a_server_of_the_named_ca_is_trusted(ca: trustme.CA) -> None:
    with serving(server_side(ca.issue_cert("localhost"))) as port:
        await metadata(port, client_side(ca))


@pytest.mark.parametrize(
    ("ours", "host", "told"),
    [
        (False, "localhost", r"a CA that is not known here: .*fhir\.tls\.ca_file"),
        (True, "127.0.0.1", "is for another host"),
    ],
)
async def test_a_server_that_is_not_trusted_stops_us_and_says_what_to_set(
    ca: trustme.CA, ours: bool, host: str, told: str
) -> None:
    with serving(server_side(ca.issue_cert("localhost"))) as port, pytest.raises(FhirNotTrusted, match=told) as caught:
        await metadata(port, client_side(ca if ours else None), host)

    assert caught.value.policy is Policy.STOP


async def test_the_settings_that_errors_name_are_the_callers(ca: trustme.CA) -> None:
    with serving(server_side(ca.issue_cert("localhost"))) as port:
        async with FhirHttp(f"https://localhost:{port}/fhir", tls="fhir.source_tls") as client:
            with pytest.raises(FhirNotTrusted, match=r"name that CA in fhir\.source_tls\.ca_file$"):
                await client.capabilities()


async def test_an_expired_certificate_is_the_servers_to_mend(ca: trustme.CA) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    expired = server_side(ca.issue_cert("localhost", not_after=yesterday))
    with serving(expired) as port, pytest.raises(FhirNotTrusted, match="the server's certificate has expired"):
        await metadata(port, client_side(ca))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("has", ["none", "another CA's"])
async def test_our_certificate_refused_names_its_setting(ca: trustme.CA, has: str, version: ssl.TLSVersion) -> None:
    context = server_side(ca.issue_cert("localhost"), clients=ca)
    context.maximum_version = version
    ours = None if has == "none" else trustme.CA().issue_cert("us")
    with serving(context) as port, pytest.raises(FhirNotTrusted, match=r"fhir\.tls\.certificate_file"):
        await metadata(port, client_side(ca, ours))


async def test_our_certificate_of_the_right_ca_is_taken(ca: trustme.CA) -> None:
    with serving(server_side(ca.issue_cert("localhost"), clients=ca)) as port:
        await metadata(port, client_side(ca, ca.issue_cert("us")))


async def test_no_tls_there_is_told_apart() -> None:
    with (
        serving(None) as port,
        pytest.raises(FhirNotTrusted, match="no TLS at this address"),
    ):
        await metadata(port, client_side())


async def test_a_server_that_hangs_up_in_the_handshake_is_only_away() -> None:
    class HangingUp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)

    with serving(None, HangingUp) as port, pytest.raises(FhirUnavailable):
        await metadata(port, client_side())


def test_an_error_in_a_circle_has_an_end() -> None:
    error, other = ValueError(), ValueError()
    error.__cause__, other.__cause__ = other, error
    assert tls_trouble(error, "fhir.tls") is None


def refusal(reason: str) -> ssl.SSLError:
    made = ssl.SSLError(1, f"[SSL: {reason}] s3ntinel (_ssl.c:1)")
    made.reason = reason
    return made


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "the server asks for a certificate of ours"),
        ("TLSV1_ALERT_UNKNOWN_CA", "the server doesn't know the CA of our certificate: see fhir.source_tls."),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "our certificate has expired"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "no version of TLS"),
        ("TLSV1_UNRECOGNIZED_NAME", "the server knows no host of the name"),
        ("UNSAFE_LEGACY_RENEGOTIATION_DISABLED", "the server's TLS is too old"),
        ("WRONG_VERSION_NUMBER", "there is no TLS at this address"),
    ],
)
def test_a_reason_is_told_in_words_and_nothing_else_of_it(reason: str, words: str) -> None:
    told = tls_trouble(refusal(reason), "fhir.source_tls")
    assert (told or "").startswith(words)
    assert "s3ntinel" not in str(told)


def test_it_is_found_among_the_causes() -> None:
    outer = OSError("no connection")
    outer.__cause__ = ValueError("in between")
    outer.__cause__.__context__ = refusal("SSLV3_ALERT_CERTIFICATE_REVOKED")
    assert tls_trouble(outer, "fhir.tls") == "our certificate was revoked: see fhir.tls.certificate_file and key_file"


@pytest.mark.parametrize(
    "passing",
    [
        OSError("refused"),
        ssl.SSLEOFError(8, "EOF"),
        ssl.SSLZeroReturnError(6, "closed"),
        refusal("TLSV1_ALERT_INTERNAL_ERROR"),
    ],
)
def test_what_may_pass_by_itself_is_no_matter_of_trust(passing: OSError) -> None:
    assert tls_trouble(passing, "fhir.tls") is None

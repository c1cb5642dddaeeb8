"""One broker with everything that a hospital's has: TLS, mutual TLS, logins, ACLs."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from medie_fhir.settings import KafkaSettings

USER, MUTUAL, PASSWORD = "medie", "medie-mutual", "only-in-tests"
SASL = "listener.name.sasl_ssl"
MODULES = "org.apache.kafka.common.security"


def pkcs8(pem: bytes, encryption: KeySerializationEncryption | None = None) -> bytes:
    """The one form of a private key that Kafka reads."""
    key = load_pem_private_key(pem, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@dataclass
class Secured:
    """A broker that asks who comes: ports, files, and an administrator to whom everything is allowed."""

    plain: str
    sasl_port: int
    mutual_port: int
    files: dict[str, str]
    admin: Any
    users: tuple[str, ...] = (USER, MUTUAL)
    password: str = PASSWORD

    def settings(self, *, port: int | None = None, host: str = "127.0.0.1", **changes: Any) -> KafkaSettings:
        """Settings that are right for SCRAM, but for ``changes`` to kafka.security. None takes one away."""
        security = {
            "protocol": "sasl_ssl",
            "mechanism": "SCRAM-SHA-512",
            "username": USER,
            "password": PASSWORD,
            "ca_file": self.files["ca"],
        } | changes
        return KafkaSettings.model_validate(
            {
                "bootstrap_servers": f"{host}:{port or self.sasl_port}",
                "security": {name: value for name, value in security.items() if value is not None},
            }
        )

    def mutual(self, **changes: Any) -> KafkaSettings:
        """Settings that are right for mutual TLS, but for ``changes``."""
        right = {"certificate_file": self.files["client"], "key_file": self.files["key"], "key_password": PASSWORD}
        return self.anonymous(self.mutual_port, "ssl", **(right | changes))

    def anonymous(self, port: int, protocol: str, **changes: Any) -> KafkaSettings:
        """Settings without a login."""
        return self.settings(port=port, protocol=protocol, mechanism=None, username=None, password=None, **changes)

    def allow(self, kind: str, name: str, *operations: str) -> None:
        """Grant, to all our users."""
        self.admin.create_acls(self._acls(kind, name, operations))

    def take(self, kind: str, name: str, *operations: str) -> None:
        """Revoke."""
        self.admin.delete_acls(self._acls(kind, name, operations))

    def _acls(self, kind: str, name: str, operations: tuple[str, ...]) -> list[ACL]:
        pattern = ResourcePattern(ResourceType[kind], name)
        return [
            ACL(f"User:{user}", "*", ACLOperation[operation], ACLPermissionType.ALLOW, pattern)
            for operation in operations
            for user in self.users
        ]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in bound:
            each.bind(("0.0.0.0", 0))
        return [int(each.getsockname()[1]) for each in bound]


def _certificates(directory: Path) -> dict[str, str]:
    """PEM files of a CA, a broker, a client with an encrypted key, and of a CA that no one trusts."""
    ca, other = trustme.CA(), trustme.CA()
    server = ca.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.RSA)
    client = ca.issue_cert(MUTUAL, common_name=MUTUAL, key_type=trustme.KeyType.RSA)
    stranger = other.issue_cert(MUTUAL, common_name=MUTUAL, key_type=trustme.KeyType.RSA)
    chain = b"".join(blob.bytes() for blob in server.cert_chain_pems)
    locked = pkcs8(client.private_key_pem.bytes(), BestAvailableEncryption(PASSWORD.encode()))
    texts = {
        "server": pkcs8(server.private_key_pem.bytes()) + chain,
        "ca": ca.cert_pem.bytes(),
        "other-ca": other.cert_pem.bytes(),
        "client": client.cert_chain_pems[0].bytes(),
        "key": locked,
        "stranger": stranger.private_key_and_cert_chain_pem.bytes(),
    }
    for name, text in texts.items():
        (directory / f"{name}.pem").write_bytes(text)
    return {name: str(directory / f"{name}.pem") for name in texts}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """PEM files by name; the client's key is encrypted with :data:`PASSWORD`."""
    return _certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def secured(
    start_kafka_in: Callable[..., Any], certificates: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Secured]:
    """The broker, with the user of :data:`USER`, to whom nothing is allowed yet."""
    directory, files = tmp_path_factory.mktemp("secured"), certificates
    sasl, mutual = _free_ports(2)
    listeners = {"PLAINTEXT": "{port}", "SASL_SSL": sasl, "SSL": mutual, "CONTROLLER": "{controller_port}"}
    tls = {"ssl.keystore.type": "PEM", "ssl.keystore.location": files["server"]}
    extra = {
        # the logins' ports answer at every address of the loopback, and the certificate is for one
        "listeners": ",".join(
            f"{name}://{'0.0.0.0' if 'SSL' in name else '127.0.0.1'}:{port}" for name, port in listeners.items()
        ),
        "advertised.listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items()),
        "listener.security.protocol.map": ",".join(
            f"{name}:{'PLAINTEXT' if name == 'CONTROLLER' else name}" for name in listeners
        ),
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN,OAUTHBEARER",
        f"{SASL}.scram-sha-512.sasl.jaas.config": f"{MODULES}.scram.ScramLoginModule required;",
        f"{SASL}.plain.sasl.jaas.config": f'{MODULES}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
        # takes unsigned tokens: only for tests
        f"{SASL}.oauthbearer.sasl.jaas.config": f"{MODULES}.oauthbearer.OAuthBearerLoginModule required"
        ' unsecuredLoginStringClaim_sub="broker";',
        **{f"{SASL}.{name}": value for name, value in tls.items()},
        **{f"listener.name.ssl.{name}": value for name, value in tls.items()},
        "listener.name.ssl.ssl.client.auth": "required",
        "listener.name.ssl.ssl.principal.mapping.rules": "RULE:^.*CN=([^,]*).*$/$1/",
        "listener.name.ssl.ssl.truststore.type": "PEM",
        "listener.name.ssl.ssl.truststore.location": files["ca"],
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # the plain port's, where the broker itself and our administrator come from
    }
    scram = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
    kafka = start_kafka_in(directory / "kafka", extra=extra, format_args=["--add-scram", scram])
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    yield Secured(kafka.address, sasl, mutual, files, admin)
    admin.close()
    kafka.wipe()


@pytest.fixture
def token_server() -> Iterator[Any]:
    """OAuth 2.0 over HTTP: gives :data:`USER` an unsigned token for the right secret, and counts how often."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.server.asked += 1
            right = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            body: dict[str, Any] = {"error": "invalid_client"}
            good = self.headers["Authorization"] == f"Basic {right}"
            if good:
                now = int(time.time())
                claims = {"sub": USER, "iat": now, "exp": now + 300}
                parts = [
                    base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in ({"alg": "none"}, claims)
                ]
                body = {"access_token": b".".join([*parts, b""]).decode(), "expires_in": 300, "token_type": "Bearer"}
            self.rfile.read(int(self.headers["Content-Length"]))
            text = json.dumps(body).encode()
            self.send_response(200 if good else 401)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            return

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.asked = 0
    server.url = f"http://127.0.0.1:{server.server_address[1]}/token"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()

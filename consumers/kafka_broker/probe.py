"""Why a broker doesn't let us in. The client says "unable to bootstrap" after half a minute, whatever it is.

Each step is done by itself, in seconds and in the client's own words: a name, a port, TLS, a login, and where the
cluster says that its brokers are. Nothing secret is in any text.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, NamedTuple

from kafka import errors as client_errors
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.metadata import ApiVersionsRequest, MetadataRequest
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from consumers.kafka_broker.security import tls_context
from medie_fhir.errors import BrokerError, BrokerRefused, BrokerUnavailable, LoginRefused, NotTrusted

__all__ = ["Address", "advertised_faults", "knock"]

_DEFAULT_PORT: Final = 9092
_HOST_MISMATCH: Final = {62, 64}  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH
_OUT_OF_DATE: Final = {9: "is not valid yet", 10: "has expired"}


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """From ``host``, ``host:port`` or ``[host]:port``."""
        host, colon, port = text.strip().rpartition(":")
        if not colon or not port.isdecimal():
            host, port = text.strip(), str(_DEFAULT_PORT)
        return cls(host.strip("[]"), int(port))


def knock(servers: Sequence[str], options: Mapping[str, Any], timeout_s: float) -> list[Address]:
    """Where the cluster says that its brokers are, as the first of ``servers`` that lets us in tells.

    Raises LoginRefused or NotTrusted where any of them says so and none lets us in, and else BrokerUnavailable.
    ``timeout_s`` is for one answer. With a proxy nothing is asked, and the answer is empty.
    """
    if options.get("proxy_url"):
        return []
    refusals: list[BrokerError] = []
    for server in servers:
        try:
            return _Probe(Address.parse(server), options, timeout_s).run()
        except BrokerError as error:
            refusals.append(error)
    if refused := next((refusal for refusal in refusals if isinstance(refusal, BrokerRefused)), None):
        raise refused
    raise BrokerUnavailable("; ".join(map(str, refusals)))


def advertised_faults(brokers: Sequence[Address], options: Mapping[str, Any], timeout_s: float) -> list[BrokerError]:
    """What keeps us from each broker of the cluster: clients work with these addresses, and not with those we name."""
    faults: list[BrokerError] = []
    for address in brokers:
        try:
            _Probe(address, options, timeout_s).reach()
        except BrokerError as error:
            text = f"{error}. The cluster names this address for its clients (advertised.listeners)"
            faults.append(type(error)(text))
    return faults


class _Line:
    """Kafka's protocol on one socket: a request, its answer."""

    def __init__(self, connection: socket.socket, client_id: str) -> None:
        self._connection = connection
        self._protocol = KafkaProtocol(client_id=client_id)

    def ask(self, request: Any) -> Any:
        self._protocol.send_request(request)
        self._connection.sendall(self._protocol.send_bytes())
        while data := self._connection.recv(65536):
            if answers := self._protocol.receive_bytes(data):
                return answers[0][1]
        raise EOFError


class _Probe:
    """One address."""

    def __init__(self, address: Address, options: Mapping[str, Any], timeout_s: float) -> None:
        self._address = address
        self._options = options
        self._timeout_s = timeout_s
        self._tls = str(options.get("security_protocol", "PLAINTEXT")).endswith("SSL")

    def run(self) -> list[Address]:
        """Everything, up to what the cluster says of its brokers."""
        with self._open() as connection:
            line = _Line(connection, self._options.get("client_id", "medie-fhir"))
            with self._unanswered():
                line.ask(ApiVersionsRequest(version=0))
            if self._options.get("sasl_mechanism"):
                self._login(line)
            try:
                answer = line.ask(MetadataRequest(version=4, topics=[], allow_auto_topic_creation=False))
            except TimeoutError:
                raise self._silent() from None
            except (EOFError, ConnectionError) as error:
                if not self._still_there():
                    raise self._broken_off(error) from None
                raise LoginRefused(
                    f"{self._address} lets nobody in without a login. Set kafka.security.protocol to"
                    f" {'sasl_ssl' if self._tls else 'sasl_plaintext'}, with a mechanism"
                ) from None
        return [Address(broker.host, broker.port) for broker in answer.brokers]

    def reach(self) -> None:
        """TCP and TLS, and no further."""
        with self._open():
            pass

    @contextmanager
    def _open(self) -> Iterator[socket.socket]:
        with closing(self._connected()) as connection:
            if not self._tls:
                yield connection
                return
            with closing(self._secured(connection)) as secured:
                yield secured

    def _connected(self) -> socket.socket:
        address = self._address
        try:
            return socket.create_connection(address, self._timeout_s)
        except (socket.gaierror, UnicodeError):
            raise BrokerUnavailable(
                f"the host name of {address} does not resolve. Check kafka.bootstrap_servers, and DNS"
            ) from None
        except ConnectionRefusedError:
            raise BrokerUnavailable(f"nothing listens at {address}. Is the broker up, and is this its port?") from None
        except TimeoutError:
            raise BrokerUnavailable(f"no answer from {address}. Is a firewall in between?") from None
        except OSError as error:
            raise BrokerUnavailable(f"{address} can't be reached ({error.strerror})") from None

    def _secured(self, connection: socket.socket) -> socket.socket:
        try:
            context = tls_context(self._options)
        except OSError:
            raise NotTrusted("kafka.security: ca_file, certificate_file or key_file can't be read any more") from None
        try:
            return context.wrap_socket(connection, server_hostname=self._address.host.rstrip("."))
        except ssl.SSLCertVerificationError as error:
            raise self._untrusted(error) from None
        except (OSError, EOFError) as error:
            if self._speaks_plainly():
                raise NotTrusted(
                    f"{self._address} speaks no TLS. Use the broker's TLS port, or set kafka.security.protocol to"
                    " plaintext or sasl_plaintext"
                ) from None
            raise self._broken_off(error) from None

    def _untrusted(self, error: ssl.SSLCertVerificationError) -> NotTrusted:
        if error.verify_code in _HOST_MISMATCH:
            return NotTrusted(
                f"the certificate of {self._address} is for another host. Name the broker as its certificate does in"
                " kafka.bootstrap_servers; kafka.security.check_hostname=false would take any host's"
            )
        if why := _OUT_OF_DATE.get(error.verify_code):
            return NotTrusted(f"the certificate of {self._address} {why}. Renew it, or check this machine's clock")
        ca_file = self._options.get("ssl_cafile")
        trusted = f"the CA in {ca_file}" if ca_file else "this machine's CAs"
        return NotTrusted(
            f"the certificate of {self._address} does not come from {trusted} ({error.verify_message}). Set"
            " kafka.security.ca_file to the broker's CA"
        )

    @contextmanager
    def _unanswered(self) -> Iterator[None]:
        """What it means that the first request gets no answer."""
        try:
            yield
        except TimeoutError:
            raise self._silent() from None
        except (OSError, EOFError, client_errors.KafkaError) as error:
            if not self._tls and self._speaks_tls():
                raise NotTrusted(
                    f"{self._address} speaks TLS only. Set kafka.security.protocol to ssl or sasl_ssl"
                ) from None
            raise self._broken_off(error) from None

    def _broken_off(self, error: BaseException) -> BrokerError:
        """With TLS 1.3 a client's certificate is refused only after the handshake, and by Java as a plain farewell."""
        reason = getattr(error, "reason", None) or type(error).__name__
        alert = isinstance(error, ssl.SSLError) and "ALERT" in reason
        if alert and not self._options.get("ssl_certfile"):
            return NotTrusted(
                f"{self._address} ends TLS ({reason}): it wants a client certificate. Set"
                " kafka.security.certificate_file and key_file"
            )
        if alert:
            return NotTrusted(
                f"{self._address} refuses our client certificate ({reason}). Check kafka.security.certificate_file, and"
                " which CA the broker trusts"
            )
        return BrokerUnavailable(f"{self._address} ends the connection ({reason}). Is it a Kafka broker, and is it up?")

    def _silent(self) -> BrokerUnavailable:
        return BrokerUnavailable(f"{self._address} takes the connection, and says nothing. Is it a Kafka broker?")

    def _login(self, line: _Line) -> None:
        name = self._options["sasl_mechanism"]
        try:
            offered = line.ask(SaslHandshakeRequest(version=1, mechanism=name))
            match client_errors.for_code(offered.error_code):
                case client_errors.UnsupportedSaslMechanismError:
                    raise LoginRefused(
                        f"{self._address} does not offer {name}, but {', '.join(offered.mechanisms) or 'nothing'}."
                        " Set kafka.security.mechanism"
                    )
                case client_errors.IllegalSaslStateError:
                    raise LoginRefused(
                        f"{self._address} takes no login. Set kafka.security.protocol to"
                        f" {'ssl' if self._tls else 'plaintext'}, or use the port that takes one"
                    )
            self._prove(line)
        except TimeoutError:
            raise self._silent() from None
        except (EOFError, ConnectionError) as error:
            raise (self._refused() if self._still_there() else self._broken_off(error)) from None

    def _prove(self, line: _Line) -> None:
        name = self._options["sasl_mechanism"]
        try:
            mechanism = get_sasl_mechanism(name)(host=self._address.host, **self._options)
            while not mechanism.is_done():
                answer = line.ask(SaslAuthenticateRequest(version=1, auth_bytes=mechanism.auth_bytes()))
                if answer.error_code:
                    raise self._refused()
                mechanism.receive(answer.auth_bytes)
        except (ValueError, KeyError):  # a server that can't prove that it knows the password
            raise NotTrusted(f"{self._address} does not prove by {name} that it knows us") from None
        except (client_errors.KafkaConfigurationError, AttributeError):
            raise LoginRefused(f"{name}: no credentials, or no region, in the environment") from None
        if not mechanism.is_authenticated():
            raise self._refused()

    def _refused(self) -> LoginRefused:
        name, user = self._options["sasl_mechanism"], self._options.get("sasl_plain_username")
        if user:
            return LoginRefused(
                f"{self._address} refuses the login of '{user}' by {name}: no such user, or a wrong password. Check"
                " kafka.security.username and password"
            )
        return LoginRefused(f"{self._address} refuses our login by {name}. Check what kafka.security says of it")

    def _still_there(self) -> bool:
        """Whether it was us who were sent away, and the broker did not go."""
        try:
            with self._open() as connection:
                return self._answers(connection)
        except (OSError, BrokerError):
            return False

    def _speaks_plainly(self) -> bool:
        try:
            with closing(self._connected()) as connection:
                return self._answers(connection)
        except (OSError, BrokerError):
            return False

    def _answers(self, connection: socket.socket) -> bool:
        try:
            _Line(connection, "medie-fhir").ask(ApiVersionsRequest(version=0))
        except (OSError, EOFError, client_errors.KafkaError):
            return False
        return True

    def _speaks_tls(self) -> bool:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # only to ask whether it is TLS: nothing is sent
        try:
            with closing(self._connected()) as connection, closing(context.wrap_socket(connection)):
                return True
        except ssl.SSLError as error:
            return "ALERT" in (error.reason or "")
        except (OSError, BrokerError):
            return False

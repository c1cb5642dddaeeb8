"""From settings to the client's options: who we are to the broker, and whom we take it for.

Everything that can be wrong without asking the broker is found here, all at once, before any connection.
"""

from __future__ import annotations

import importlib
import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from pydantic import SecretStr

from consumers.kafka_broker.oauth import ClientCredentials
from medie_fhir.errors import DependencyMissing, SettingsError
from medie_fhir.settings import KafkaSecurity, KafkaSettings

__all__ = ["clear_text", "client_options", "tls_context"]

_HERE: Final = "kafka.security"
_OURS: Final = frozenset({"bootstrap_servers", "bootstrap_timeout_ms", "kafka_client", "receive_message_max_bytes"})
_COMMON: Final = frozenset.intersection(
    *(frozenset(kind.DEFAULT_CONFIG) for kind in (KafkaConsumer, KafkaProducer, KafkaAdminClient))
)
_LOOPBACK: Final = {"localhost", "127.0.0.1", "[::1]"}
_PASSWORD: Final = ("username", "password")
_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "PLAIN": _PASSWORD,
    "SCRAM-SHA-256": _PASSWORD,
    "SCRAM-SHA-512": _PASSWORD,
    "OAUTHBEARER": ("oauth_token_url", "oauth_client_id", "oauth_client_secret"),
    "AWS_MSK_IAM": (),
}
_MAY: Final = {"OAUTHBEARER": ("oauth_scope",), "AWS_MSK_IAM": ("aws_region",)}
_LOGIN: Final = (*_PASSWORD, *_NEEDS["OAUTHBEARER"], *_MAY["OAUTHBEARER"], *_MAY["AWS_MSK_IAM"])
_FILES: Final = ("ca_file", "certificate_file", "key_file")


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """The options for every client that ``kafka.security`` and ``kafka.client`` ask for.

    Raises SettingsError with all that can't be right, and DependencyMissing where AWS_MSK_IAM lacks its extra.
    """
    security = kafka.security
    if faults := [*_client_faults(kafka.client), *_login_faults(security), *_tls_faults(security)]:
        raise SettingsError("\n".join(faults))
    if security.mechanism == "AWS_MSK_IAM":
        _need_botocore()
    options = {**kafka.client, "security_protocol": security.protocol.upper(), **_tls(security), **_login(security)}
    if _has_tls(security):
        try:
            tls_context(options)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; its text may name a path, and no secret
            reason = getattr(error, "reason", None) or type(error).__name__
            raise SettingsError(
                f"{_HERE}: the files are no PEM that fits together ({reason}). Check ca_file, certificate_file,"
                " key_file and key_password"
            ) from None
    return options


def tls_context(options: Mapping[str, Any]) -> ssl.SSLContext:
    """What the client builds anew for each connection, so that a renewed certificate needs no restart."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = options.get("ssl_check_hostname", True)
    if ca_file := options.get("ssl_cafile"):
        context.load_verify_locations(ca_file)
    else:
        context.load_default_certs()
    if certificate := options.get("ssl_certfile"):
        context.load_cert_chain(certificate, options.get("ssl_keyfile"), options.get("ssl_password"))
    return context


def clear_text(kafka: KafkaSettings) -> Iterator[str]:
    """What goes over the network for everyone to read, a line each; on the loopback nothing does."""
    security = kafka.security
    if all(server.strip().rpartition(":")[0] in _LOOPBACK for server in kafka.bootstrap_servers.split(",")):
        return
    if not _has_tls(security):
        yield f"{_HERE}.protocol is {security.protocol}: notes go over the network in clear text. Use ssl or sasl_ssl"
    elif not security.check_hostname:
        yield f"{_HERE}.check_hostname is false: any host with a certificate of the CA may play the broker"


def _client_faults(client: dict[str, Any]) -> Iterator[str]:
    for name in sorted(client):
        if name == "security_protocol" or name.startswith(("ssl_", "sasl_")):
            yield f"kafka.client.{name}: belongs under {_HERE}, where passwords are kept out of what is shown"
        elif name in _OURS:
            yield f"kafka.client.{name}: is this program's to set"
        elif name not in _COMMON:
            yield f"kafka.client.{name}: not an option of kafka-python that consumers, producers and admins share"


def _login_faults(security: KafkaSecurity) -> Iterator[str]:
    mechanism, wanted = security.mechanism, security.protocol.startswith("sasl_")
    given = [name for name in _LOGIN if getattr(security, name) is not None]
    if not wanted:
        yield from (
            f"{_HERE}.{name}: is set, and protocol {security.protocol} has no login: use sasl_ssl or sasl_plaintext"
            for name in (*(["mechanism"] if mechanism else []), *given)
        )
        return
    if mechanism is None:
        yield f"{_HERE}.mechanism: protocol {security.protocol} needs one of {', '.join(_NEEDS)}"
        return
    for name in _NEEDS[mechanism]:
        value = getattr(security, name)
        if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
            yield f"{_HERE}.{name}: {mechanism} needs it"
    for name in given:
        if name not in (*_NEEDS[mechanism], *_MAY.get(mechanism, ())):
            yield f"{_HERE}.{name}: is set, and {mechanism} has no use for it"
    if mechanism == "AWS_MSK_IAM" and security.protocol != "sasl_ssl":
        yield f"{_HERE}.protocol: AWS_MSK_IAM needs sasl_ssl"


def _tls_faults(security: KafkaSecurity) -> Iterator[str]:
    for name in _FILES:
        file: Path | None = getattr(security, name)
        if file is None:
            continue
        if not _has_tls(security):
            yield f"{_HERE}.{name}: is set, and protocol {security.protocol} has no TLS: use ssl or sasl_ssl"
        elif not file.is_file():
            yield f"{_HERE}.{name}: {file}: no such file"
        elif not os.access(file, os.R_OK):
            yield f"{_HERE}.{name}: {file}: not ours to read"
    for name in ("key_file", "key_password"):
        if getattr(security, name) is not None and security.certificate_file is None:
            yield f"{_HERE}.{name}: is set without certificate_file"


def _has_tls(security: KafkaSecurity) -> bool:
    return security.protocol.endswith("ssl")


def _tls(security: KafkaSecurity) -> dict[str, Any]:
    if not _has_tls(security):
        return {}
    names = {
        "ssl_cafile": security.ca_file,
        "ssl_certfile": security.certificate_file,
        "ssl_keyfile": security.key_file,
    }
    files = {name: str(file) for name, file in names.items() if file is not None}
    # Without a password OpenSSL would ask the terminal for one.
    password = security.key_password.get_secret_value() if security.key_password else ""
    return {**files, "ssl_check_hostname": security.check_hostname, "ssl_password": password}


def _login(security: KafkaSecurity) -> dict[str, Any]:
    match security.mechanism:
        case None:
            return {}
        case "OAUTHBEARER":
            secret = security.oauth_client_secret
            assert security.oauth_token_url and security.oauth_client_id and secret  # noqa: S101, PT018 - see _NEEDS
            tokens = ClientCredentials(
                security.oauth_token_url, security.oauth_client_id, secret, scope=security.oauth_scope
            )
            return {"sasl_mechanism": security.mechanism, "sasl_oauth_token_provider": tokens}
        case "AWS_MSK_IAM":
            if security.aws_region:  # the client has no other way to be told
                os.environ["AWS_DEFAULT_REGION"] = security.aws_region
            return {"sasl_mechanism": security.mechanism}
        case _:
            return {
                "sasl_mechanism": security.mechanism,
                "sasl_plain_username": security.username,
                "sasl_plain_password": security.password.get_secret_value() if security.password else None,
            }


def _need_botocore() -> None:
    try:
        importlib.import_module("botocore.session")
    except ImportError:
        raise DependencyMissing(
            f"{_HERE}.mechanism AWS_MSK_IAM needs botocore: pip install 'medie-fhir[aws]'"
        ) from None

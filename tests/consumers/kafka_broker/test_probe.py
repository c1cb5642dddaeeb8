"""Why a broker doesn't let us in: one clear line, of the right class, in seconds."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from consumers.kafka_broker import KafkaBroker
from consumers.kafka_broker.probe import Address, advertised_faults, knock
from consumers.kafka_broker.security import client_options
from medie_fhir.errors import BrokerError, BrokerUnavailable, LoginRefused, NotTrusted
from medie_fhir.settings import KafkaSettings

NO_LOGIN: dict[str, Any] = {"mechanism": None, "username": None, "password": None}
NO_CERTIFICATE: dict[str, Any] = {"certificate_file": None, "key_file": None, "key_password": None}


def plain_port(secured: Any) -> int:
    return int(secured.plain.rpartition(":")[2])


REFUSALS: dict[str, tuple[Callable[[Any], KafkaSettings], type[BrokerError], str]] = {
    "a wrong password": (lambda s: s.settings(password="wrong"), LoginRefused, "a wrong password"),
    "a wrong password by PLAIN": (lambda s: s.settings(mechanism="PLAIN", password="wrong"), LoginRefused, "by PLAIN"),
    "an unknown user": (lambda s: s.settings(username="nobody"), LoginRefused, "no such user"),
    "a mechanism that is not offered": (
        lambda s: s.settings(mechanism="SCRAM-SHA-256"),
        LoginRefused,
        "does not offer SCRAM-SHA-256, but SCRAM-SHA-512, PLAIN",
    ),
    "no login": (lambda s: s.anonymous(s.sasl_port, "ssl"), LoginRefused, "lets nobody in without a login"),
    "a login where none is": (
        lambda s: s.settings(port=plain_port(s), protocol="sasl_plaintext", ca_file=None),
        LoginRefused,
        "takes no login",
    ),
    "an unknown CA": (
        lambda s: s.settings(ca_file=s.files["other-ca"]),
        NotTrusted,
        "does not come from the CA in",
    ),
    "a CA that this machine doesn't know": (lambda s: s.settings(ca_file=None), NotTrusted, "this machine's CAs"),
    "a certificate for another host": (lambda s: s.settings(host="127.0.0.2"), NotTrusted, "is for another host"),
    "plaintext to a TLS port": (
        lambda s: s.anonymous(s.sasl_port, "plaintext", ca_file=None),
        NotTrusted,
        "speaks TLS only",
    ),
    "TLS to a plaintext port": (lambda s: s.settings(port=plain_port(s)), NotTrusted, "speaks no TLS"),
    "no client certificate": (lambda s: s.mutual(**NO_CERTIFICATE), NotTrusted, "wants a client certificate"),
    "a stranger's client certificate": (
        lambda s: s.mutual(**NO_CERTIFICATE | {"certificate_file": s.files["stranger"]}),
        NotTrusted,
        "refuses our client certificate",
    ),
    "a host without a name": (lambda s: s.settings(host="no-such-host.invalid"), BrokerUnavailable, "does not resolve"),
    "a port that no one listens at": (
        lambda s: s.settings(port=1),
        BrokerUnavailable,
        "nothing listens at 127.0.0.1:1",
    ),
}


@pytest.mark.kafka
@pytest.mark.parametrize("refusal", REFUSALS)
def test_it_is_said_in_one_line_and_within_seconds(secured, refusal):
    settings, error, text = REFUSALS[refusal]
    began = time.monotonic()
    with pytest.raises(error, match=text) as told:
        KafkaBroker.of(settings(secured), bootstrap_timeout_s=0.1).check_topics(["any"])
    assert time.monotonic() - began < 10
    assert type(told.value) is error
    assert len(str(told.value).splitlines()) == 1
    assert secured.password not in str(told.value)


@pytest.mark.kafka
def test_one_server_of_several_that_lets_us_in_is_enough(secured):
    right = secured.settings()
    both = right.model_copy(update={"bootstrap_servers": f"127.0.0.1:1,{right.bootstrap_servers}"})
    assert knock(both.bootstrap_servers.split(","), client_options(both), 5.0) == [
        Address("127.0.0.1", secured.sasl_port)
    ]


@pytest.mark.kafka
def test_of_several_that_don_t_a_refusal_says_more_than_silence(secured):
    wrong = secured.settings(password="wrong")
    both = wrong.model_copy(update={"bootstrap_servers": f"127.0.0.1:1,{wrong.bootstrap_servers}"})
    with pytest.raises(LoginRefused):
        KafkaBroker.of(both, bootstrap_timeout_s=0.1).check_topics(["any"])


def test_a_host_that_takes_connections_and_says_nothing_is_named():
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        port = deaf.getsockname()[1]
        for protocol in ("PLAINTEXT", "SSL"):
            with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{port}"):
                knock([f"127.0.0.1:{port}"], {"security_protocol": protocol}, 0.2)


def test_behind_a_proxy_nothing_is_asked():
    assert knock(["no-such-host.invalid:9092"], {"proxy_url": "socks5://proxy"}, 1.0) == []


def test_an_address_that_the_cluster_gives_its_clients_and_that_leads_nowhere_is_named():
    faults = advertised_faults([Address("no-such-host.invalid", 9092)], {}, 1.0)
    assert [type(fault) for fault in faults] == [BrokerUnavailable]
    assert "no-such-host.invalid:9092" in str(faults[0])
    assert "advertised.listeners" in str(faults[0])


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("kafka:9093", Address("kafka", 9093)),
        (" kafka ", Address("kafka", 9092)),
        ("[::1]:9093", Address("::1", 9093)),
        ("[::1]", Address("::1", 9092)),
    ],
)
def test_an_address_is_read_and_written(text, address):
    assert Address.parse(text) == address
    assert Address.parse(str(address)) == address

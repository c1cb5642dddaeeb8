"""From settings to the client's options, and every fault that needs no broker to be seen."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from pydantic import SecretStr

from consumers.kafka_broker import KafkaBroker
from consumers.kafka_broker.security import clear_text, client_options, tls_context
from medie_fhir.errors import DependencyMissing, SettingsError
from medie_fhir.settings import KafkaSettings

SECRET = "never-to-be-shown"


def settings(client: dict[str, Any] | None = None, servers: str = "kafka:9092", **security: Any) -> KafkaSettings:
    return KafkaSettings.model_validate(
        {"bootstrap_servers": servers, "client": client or {}, "security": security}, strict=False
    )


def faults(kafka: KafkaSettings) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        KafkaBroker.of(kafka)
    assert SECRET not in str(caught.value)
    return str(caught.value).splitlines()


def test_by_default_nothing_is_secured():
    assert client_options(settings()) == {"security_protocol": "PLAINTEXT"}


def test_a_login_over_tls_becomes_the_clients_options(certificates):
    kafka = settings(
        protocol="sasl_ssl",
        mechanism="SCRAM-SHA-512",
        username="u",
        password=SECRET,
        ca_file=certificates["ca"],
        certificate_file=certificates["client"],
        key_file=certificates["key"],
        key_password="only-in-tests",
        check_hostname=False,
    )
    assert client_options(kafka) == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": SECRET,
        "ssl_cafile": certificates["ca"],
        "ssl_certfile": certificates["client"],
        "ssl_keyfile": certificates["key"],
        "ssl_password": "only-in-tests",
        "ssl_check_hostname": False,
    }


def test_our_context_is_the_one_that_the_client_would_build(certificates):
    from kafka.net.transport import KafkaSSLTransport

    options = client_options(settings(protocol="ssl", ca_file=certificates["ca"]))
    ours, theirs = (
        tls_context(options),
        KafkaSSLTransport._build_ssl_context({**KafkaSSLTransport.DEFAULT_CONFIG, **options}),
    )
    for name in ("check_hostname", "verify_mode", "verify_flags", "minimum_version", "options"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.get_ca_certs() == theirs.get_ca_certs()


def test_all_faults_come_at_once():
    told = faults(
        settings({"sasl_plain_password": SECRET, "group_id": "x"}, protocol="ssl", username="u", ca_file="/no/ca.pem")
    )
    assert len(told) == 4
    assert "kafka.client.group_id: not an option" in told[0]
    assert "kafka.client.sasl_plain_password: belongs under kafka.security" in told[1]
    assert "kafka.security.username: is set, and protocol ssl has no login" in told[2]
    assert "kafka.security.ca_file: /no/ca.pem: no such file" in told[3]


@pytest.mark.parametrize(
    ("security", "told"),
    [
        ({"protocol": "sasl_ssl"}, "kafka.security.mechanism: protocol sasl_ssl needs one of"),
        ({"mechanism": "PLAIN"}, "kafka.security.mechanism: is set, and protocol plaintext has no login"),
        ({"protocol": "sasl_ssl", "mechanism": "PLAIN", "username": "u"}, "kafka.security.password: PLAIN needs it"),
        (
            {"protocol": "sasl_ssl", "mechanism": "SCRAM-SHA-256", "username": "u", "password": ""},
            "kafka.security.password: SCRAM-SHA-256 needs it",
        ),
        (
            {"protocol": "sasl_ssl", "mechanism": "OAUTHBEARER", "oauth_client_id": "c", "oauth_client_secret": SECRET},
            "kafka.security.oauth_token_url: OAUTHBEARER needs it",
        ),
        (
            {"protocol": "sasl_ssl", "mechanism": "AWS_MSK_IAM", "password": SECRET},
            "kafka.security.password: is set, and AWS_MSK_IAM has no use for it",
        ),
        (
            {"protocol": "sasl_plaintext", "mechanism": "AWS_MSK_IAM"},
            "kafka.security.protocol: AWS_MSK_IAM needs sasl_ssl",
        ),
        ({"ca_file": "ca.pem"}, "kafka.security.ca_file: is set, and protocol plaintext has no TLS"),
        ({"protocol": "ssl", "key_password": SECRET}, "kafka.security.key_password: is set without certificate_file"),
    ],
)
def test_what_does_not_fit_together_is_named(security, told):
    assert [line for line in faults(settings(**security)) if line.startswith(told)]


@pytest.mark.parametrize(
    "name", ["security_protocol", "ssl_cafile", "ssl_password", "sasl_mechanism", "sasl_plain_password"]
)
def test_a_clients_own_security_option_is_refused_since_a_password_would_stand_in_clear(name):
    assert faults(settings({name: SECRET})) == [
        f"kafka.client.{name}: belongs under kafka.security, where passwords are kept out of what is shown"
    ]


@pytest.mark.parametrize("name", ["bootstrap_servers", "receive_message_max_bytes"])
def test_what_this_program_relies_on_can_not_be_overridden(name):
    assert faults(settings({name: 1})) == [f"kafka.client.{name}: is this program's to set"]


def test_a_file_that_is_no_pem_and_a_wrong_key_password_are_seen_before_any_connection(certificates, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    assert "no PEM that fits together" in faults(settings(protocol="ssl", ca_file=tmp_path / "ca.pem"))[0]
    key = {"certificate_file": certificates["client"], "key_file": certificates["key"]}
    for password in ({}, {"key_password": SECRET}):  # without one, OpenSSL must not ask the terminal
        assert "key_password" in faults(settings(protocol="ssl", **key, **password))[0]


def test_aws_without_its_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(DependencyMissing, match=r"pip install 'medie-fhir\[aws\]'"):
        KafkaBroker.of(settings(protocol="sasl_ssl", mechanism="AWS_MSK_IAM"))


def test_clear_text_beyond_this_machine_is_told():
    assert not [*clear_text(settings(servers="localhost:9092,127.0.0.1:9093"))]
    assert "clear text" in next(clear_text(settings(servers="kafka:9092")))
    assert "clear text" in next(clear_text(settings(protocol="sasl_plaintext")))
    assert not [*clear_text(settings(protocol="ssl"))]
    assert "any host" in next(clear_text(settings(protocol="ssl", check_hostname=False)))


def test_the_settings_reach_the_clients():
    kafka = KafkaSettings(
        max_poll_interval_seconds=90, session_timeout_seconds=12, max_record_bytes=5000, client={"retry_backoff_ms": 7}
    )
    broker = KafkaBroker.of(kafka)
    assert broker._member["max_poll_interval_ms"] == 90_000
    assert broker._member["session_timeout_ms"] == 12_000
    assert broker._writer["max_request_size"] == 5000
    assert broker._common["retry_backoff_ms"] == 7


def test_secrets_are_not_in_a_repr(certificates):
    kafka = settings(protocol="sasl_ssl", mechanism="PLAIN", username="u", password=SecretStr(SECRET))
    assert SECRET not in repr(kafka) + repr(KafkaBroker.of(kafka))

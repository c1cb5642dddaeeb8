"""TLS from the settings, on real connections: whom we trust, and who trusts us."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import SecretStr

from medie_fhir.adapters.fhir_auth import auth_of, prove, tls_context
from medie_fhir.errors import FhirNotTrusted, SettingsError
from medie_fhir.settings import FhirTls

BASE = "https://127.0.0.1:9/fhir"


@pytest.fixture
def proof(registered, tls_tokens):
    """Asks a token server of such a TLS for a token, with such settings of ours."""

    async def proof(server: ssl.SSLContext, ours: FhirTls) -> str:
        tokens = tls_tokens(server)
        tokens.secrets["medie"] = "s3ntinel"
        settings = registered(token_url=tokens.url, client_secret="s3ntinel")
        return await prove(auth_of(settings, BASE, verify=tls_context(ours)))

    return proof


def test_without_settings_the_world_s_cas_are_trusted():
    assert tls_context(FhirTls()) is True


async def test_a_server_of_the_ca_is_trusted(authority, proof):
    assert "medie" in await proof(authority.server(), FhirTls(ca_file=authority.file))


async def test_both_sides_show_their_certificates(authority, proof):
    chain, key = authority.files("medie")
    ours = FhirTls(ca_file=authority.file, certificate_file=chain, key_file=key)
    assert "medie" in await proof(authority.server(wants_client=True), ours)


async def test_key_and_certificate_may_be_one_file_and_the_key_have_a_password(authority, proof, tmp_path):
    chain, key = authority.files("medie")
    locked = load_pem_private_key(key.read_bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"s3ntinel")
    )
    both = tmp_path / "both.pem"
    both.write_bytes(chain.read_bytes() + locked)
    ours = FhirTls(ca_file=authority.file, certificate_file=both, key_password=SecretStr("s3ntinel"))
    assert "medie" in await proof(authority.server(wants_client=True), ours)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({"name": "other.example"}, "is for another host"),
        ({"not_before": datetime(2020, 1, 1, tzinfo=UTC), "not_after": datetime(2021, 1, 1, tzinfo=UTC)}, "expired"),
    ],
    ids=["wrong host", "expired"],
)
async def test_a_server_with_the_wrong_certificate_is_not_trusted(authority, proof, server, words):
    with pytest.raises(FhirNotTrusted, match=words) as caught:
        await proof(authority.server(**server), FhirTls(ca_file=authority.file))
    assert "\n" not in str(caught.value)


async def test_a_server_of_another_ca_is_not_trusted(authority, other_authority, proof):
    with pytest.raises(FhirNotTrusted, match=r"a CA that is not known here: .*fhir\.tls\.ca_file"):
        await proof(other_authority.server(), FhirTls(ca_file=authority.file))


async def test_a_ca_that_nobody_knows_is_not_trusted_by_default(authority, proof):
    with pytest.raises(FhirNotTrusted, match="a CA that is not known here"):
        await proof(authority.server(), FhirTls())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("ours", ["none", "stranger's"])
async def test_a_server_that_wants_another_client_certificate_is_told_as_such(
    authority, other_authority, proof, version, ours
):
    server = authority.server(wants_client=True)
    server.minimum_version = server.maximum_version = version
    chain, key = other_authority.files("medie")
    mine = {} if ours == "none" else {"certificate_file": chain, "key_file": key}
    with pytest.raises(FhirNotTrusted, match=r"fhir\.tls\.certificate_file"):
        await proof(server, FhirTls(ca_file=authority.file, **mine))


async def test_a_server_that_speaks_no_tls_is_told_as_such(tokens, registered, authority):
    settings = registered(token_url=tokens.url.replace("http://", "https://"))
    with pytest.raises(FhirNotTrusted, match="no TLS at this address"):
        await prove(auth_of(settings, BASE, verify=tls_context(FhirTls(ca_file=authority.file))))


def test_old_tls_is_not_spoken(authority):
    context = tls_context(FhirTls(ca_file=authority.file))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_a_client_certificate_alone_keeps_the_world_s_cas(authority):
    chain, key = authority.files("medie")
    context = tls_context(FhirTls(certificate_file=chain, key_file=key))
    assert len(context.get_ca_certs()) > 50


async def test_renewed_certificates_are_shown_and_trusted_without_a_restart(
    authority, other_authority, registered, tls_tokens
):
    chain, key = other_authority.files("medie")
    verify = tls_context(FhirTls(ca_file=other_authority.file, certificate_file=chain, key_file=key))
    tokens = tls_tokens(authority.server(wants_client=True))
    auth = auth_of(registered(token_url=tokens.url), BASE, verify=verify)
    tokens.secrets["medie"] = "s3ntinel +&%"
    with pytest.raises(FhirNotTrusted, match="a CA that is not known here"):
        await prove(auth)
    other_authority.renewed("ca.pem", authority.file)
    other_authority.renewed("chain.pem", authority.files("medie")[0])
    with pytest.raises(
        FhirNotTrusted, match=r"refuses our certificate|the CA of our certificate|asks for a certificate"
    ):  # of two files, one is new
        await prove(auth)
    other_authority.renewed("key.pem", authority.folder / "key.pem")
    assert await prove(auth)


def faults(**files) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        tls_context(FhirTls.model_validate(files), "fhir.source_tls")
    assert "s3ntinel" not in str(caught.value)
    return str(caught.value).splitlines()


def test_what_is_missing_is_told_all_at_once(tmp_path):
    assert faults(ca_file=tmp_path / "a", key_file=tmp_path / "k", key_password="s3ntinel") == [
        f"fhir.source_tls.ca_file: {tmp_path}/a: no such file",
        f"fhir.source_tls.key_file: {tmp_path}/k: no such file",
        "fhir.source_tls.key_file: is set without certificate_file",
        "fhir.source_tls.key_password: is set without certificate_file",
    ]


def test_what_is_broken_is_told_all_at_once_and_not_quoted(tmp_path):
    for name in "ack":
        (tmp_path / name).write_text("-----BEGIN CERTIFICATE-----\ns3ntinel\n-----END CERTIFICATE-----\n")
    assert faults(ca_file=tmp_path / "a", certificate_file=tmp_path / "c", key_file=tmp_path / "k") == [
        f"fhir.source_tls.ca_file: {tmp_path}/a: holds no certificate as PEM, or a broken one",
        f"fhir.source_tls.certificate_file: {tmp_path}/c: holds no certificate as PEM, or a broken one",
        f"fhir.source_tls.key_file: {tmp_path}/k: holds no private key as PEM, or a broken one",
    ]


def test_a_key_and_its_password_must_fit(authority, tmp_path):
    chain, key = authority.files("medie")
    locked = tmp_path / "locked.pem"
    made = load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right")))
    name = f"fhir.source_tls.key_file: {locked}"
    assert faults(certificate_file=chain, key_file=locked) == [
        f"{name}: the private key is encrypted: set key_password"
    ]
    assert faults(certificate_file=chain, key_file=locked, key_password="s3ntinel") == [
        f"{name}: holds no private key as PEM, or a broken one, or fhir.source_tls.key_password is not its password"
    ]
    assert faults(certificate_file=chain, key_file=key, key_password="s3ntinel") == [
        f"fhir.source_tls.key_file: {key}: the private key has no password, and key_password is set"
    ]


def test_a_key_of_another_certificate_is_told(authority, other_authority):
    chain, _ = authority.files("medie")
    _, key = other_authority.files("medie")
    assert faults(certificate_file=chain, key_file=key) == [
        "fhir.source_tls: certificate_file and key_file don't fit together (KEY_VALUES_MISMATCH)"
    ]

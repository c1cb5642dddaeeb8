"""Signed assertions, before a server that verifies them; and keys in all the files in which they come."""

from __future__ import annotations

import json
import time

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from medie_fhir.adapters.fhir_auth import auth_of, prove
from medie_fhir.adapters.fhir_auth.assertion import KeyClient, load_key
from medie_fhir.errors import FhirUnauthorized, SettingsError

BASE = "http://127.0.0.1:9/fhir"


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
async def test_a_server_that_verifies_everything_takes_our_assertion(room, registered, algorithm):
    settings = registered("smart-backend", algorithm)
    auth = auth_of(settings, room.base_url)
    assert await prove(auth) == "smart-backend as medie, scope system/*.cruds, for 300 s"
    async with room.client(settings, auth=auth) as client:
        assert await client.read("Patient", "p1") is None
    assert room.tokens.refusals == []


async def test_an_assertion_is_never_used_twice_and_the_server_would_know(tokens, registered):
    auth = auth_of(registered("smart-backend", token_url=tokens.url), BASE)
    await prove(auth)
    await prove(auth)
    assert len({form["client_assertion"] for form in tokens.asked}) == 2
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.post(tokens.url, data=tokens.asked[0])).status_code == 401
    assert tokens.refusals == ["Refused: replayed"]


async def test_an_assertion_says_no_more_than_it_must(tokens, registered):
    await prove(auth_of(registered("smart-backend", token_url=tokens.url), BASE))
    assertion = tokens.asked[0]["client_assertion"]
    claims = jwt.decode(assertion, options={"verify_signature": False})
    assert jwt.get_unverified_header(assertion) == {"alg": "RS384", "typ": "JWT", "kid": "k1"}
    assert set(claims) == {"iss", "sub", "aud", "exp", "jti"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("medie", "medie", tokens.url)


async def test_a_key_that_the_server_does_not_know_is_refused(tokens, registered, keys, told):
    settings = registered("smart-backend", token_url=tokens.url, key_file=keys.pem("RS384", "stranger"))
    with pytest.raises(FhirUnauthorized) as caught:
        await prove(auth_of(settings, BASE))
    assert str(caught.value) == (
        "asking 127.0.0.1 for a token: HTTP 401: invalid_client. Check fhir.auth: token_url, client_id, key_file,"
        " key_id, and this machine's clock, scope; and what the server knows of this client"
    )
    assert tokens.refusals == ["InvalidSignatureError: Signature verification failed"]
    assert "s3ntinel" not in told(caught.value)


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [({"key_id": "k2"}, "KeyError"), ({"client_id": "nobody"}, "KeyError"), ({"audience": True}, "InvalidAudience")],
)
async def test_what_the_server_knows_otherwise_is_refused(tokens, registered, changed, refusal):
    url = tokens.url.replace("127.0.0.1", "localhost") if changed.pop("audience", None) else tokens.url
    with pytest.raises(FhirUnauthorized, match="invalid_client"):
        await prove(auth_of(registered("smart-backend", token_url=url, **changed), BASE))
    assert tokens.refusals[0].startswith(refusal)


@pytest.mark.parametrize(
    ("skew_s", "refusal"), [(-170, None), (110, None), (-200, "ExpiredSignature"), (130, "Refused: more than")]
)
async def test_clocks_that_differ_by_minutes_are_borne_and_no_more(tokens, registered, keys, skew_s, refusal):
    auth = auth_of(registered("smart-backend", token_url=tokens.url), BASE)
    key = load_key(keys.pem("RS384"), "k1", "RS384", "fhir.auth")
    auth._grants._client = KeyClient("medie", key, now=lambda: time.time() + skew_s)
    if refusal is None:
        assert await prove(auth)
    else:
        with pytest.raises(FhirUnauthorized, match="this machine's clock"):
            await prove(auth)
        assert tokens.refusals[0].startswith(refusal)


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
async def test_a_jwk_brings_its_own_name(tokens, registered, keys, tmp_path, algorithm):
    other = {"RS384": "ES384", "ES384": "RS384"}[algorithm]
    jwk = keys.jwk(algorithm, "k1")
    file = tmp_path / "keys.json"
    settings = registered("smart-backend", algorithm, key_file=file, key_id=None, token_url=tokens.url)
    for content in (jwk, {"keys": [keys.jwk(other, "k2"), jwk]}):
        file.write_text(json.dumps(content))
        assert await prove(auth_of(settings, BASE))
    assert tokens.refusals == []


def test_a_key_of_a_set_is_chosen_by_its_name(keys, tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [keys.jwk("RS384", "old", "old"), keys.jwk("RS384", "new")]}))
    assert load_key(file, "old", "RS384", "x").key.public_key() == keys.public("RS384", "old")
    assert load_key(file, "new", "RS384", "x").key.public_key() == keys.public("RS384")
    with pytest.raises(SettingsError, match="holds 2 private keys fit for RS384: one is needed; see key_id"):
        load_key(file, None, "RS384", "x")
    with pytest.raises(SettingsError, match="holds no private keys called other"):
        load_key(file, "other", "RS384", "x")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read: No such file"),
        (b"\xff\xfe", "is neither a PEM nor a JWK"),
        (b"s3ntinel", "is neither a PEM nor a JWK"),
        (b"[1]", "is neither a PEM nor a JWK"),
        (b'{"keys": ["d s3ntinel"]}', "is neither a PEM nor a JWK"),
        (b'{"keys": 3}', "is neither a PEM nor a JWK"),
        (b"[" * 100_000, "is neither a PEM nor a JWK"),
        (b"{}", "holds no private keys called k1"),
        (b'{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "k1"}', "holds no private keys called k1"),
        (b'{"kty": "RSA", "n": "s3ntinel", "d": "s3ntinel", "kid": "k1"}', "broken JWK"),
        (b'{"kty": "oct", "k": "s3ntinel", "d": "", "kid": "k1"}', "broken JWK"),
        (b"-----BEGIN PRIVATE KEY-----\ns3ntinel\n-----END PRIVATE KEY-----", "holds no private key as PEM"),
        (b"-----BEGIN CERTIFICATE-----\n", "holds no private key as PEM"),
    ],
)
def test_a_broken_key_file_is_named_without_its_content(tmp_path, content, words):
    file = tmp_path / "the.key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=words) as caught:
        load_key(file, "k1", "RS384", "fhir.auth")
    assert str(caught.value).startswith(f"fhir.auth.key_file: {file}: ")
    assert "s3ntinel" not in str(caught.value)


def test_an_encrypted_key_is_told_as_such(keys, tmp_path):
    file = tmp_path / "the.key"
    keys.pem("RS384")
    key = keys.made["RS384"]
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    with pytest.raises(SettingsError, match="is encrypted"):
        load_key(file, "k1", "RS384", "fhir.auth")


@pytest.mark.parametrize(
    ("made", "algorithm", "words"),
    [
        ("ES384", "RS384", "needs an RSA key, and this is another"),
        ("RS384", "ES384", "needs an EC key on the curve P-384, and this is another"),
        ("ES256", "ES384", "needs an EC key on the curve P-384, and this is another"),
        ("RSA-1024", "RS384", "an RSA key of 1024 bits: 2048 are the least"),
    ],
)
def test_a_key_that_is_not_fit_for_the_algorithm_is_told(keys, made, algorithm, words):
    with pytest.raises(SettingsError, match=words):
        load_key(keys.pem(made), "k1", algorithm, "fhir.auth")


def test_a_pem_without_a_name_is_told(keys):
    with pytest.raises(SettingsError, match=r"^fhir\.auth\.key_id: .*doesn't say how the key is called"):
        load_key(keys.pem("RS384"), None, "RS384", "fhir.auth")


def test_no_key_is_in_a_repr(keys):
    key = load_key(keys.pem("RS384"), "k1", "RS384", "fhir.auth")
    assert repr(key) == "SigningKey(key_id='k1', algorithm='RS384')"

"""What a token server is asked, and what each of its answers means."""

from __future__ import annotations

import traceback

import pytest

from medie_fhir.adapters.fhir_auth import auth_of, prove
from medie_fhir.errors import (
    FhirAnswerInvalid,
    FhirError,
    FhirThrottled,
    FhirUnauthorized,
    FhirUnavailable,
)

BASE = "http://127.0.0.1:9/fhir"


@pytest.fixture
def answering(tokens, told):
    """The token server, made to answer so; and all that is logged."""

    def answering(status, answer):
        tokens.status, tokens.answer = status, answer
        return tokens, told

    return answering


async def test_a_secret_goes_by_basic_as_the_rfc_encodes_it(tokens, registered):
    told = await prove(auth_of(registered(token_url=tokens.url, scope="system/*.rs"), BASE))
    assert told == "client-credentials as medie, scope system/*.rs, for 300 s"
    assert tokens.asked == [{"grant_type": "client_credentials", "scope": "system/*.rs"}]


@pytest.mark.parametrize(
    "wrong", [{"client_id": "nobody"}, {"client_secret": "s3ntinel other"}], ids=["unknown client", "wrong secret"]
)
async def test_a_client_that_is_refused_is_told_in_one_line(tokens, registered, wrong, told):
    with pytest.raises(FhirUnauthorized) as caught:
        await prove(auth_of(registered(token_url=tokens.url, **wrong), BASE))
    assert str(caught.value) == (
        "asking 127.0.0.1 for a token: HTTP 401: invalid_client. Check fhir.auth: token_url, client_id, client_secret;"
        " and what the server knows of this client"
    )
    assert "s3ntinel" not in told(caught.value, *traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ((400, b'{"error": "invalid_scope"}'), FhirUnauthorized, "HTTP 400: invalid_scope"),
        ((400, b'{"error": "s3ntinel"}'), FhirUnauthorized, "HTTP 400: refused"),
        ((400, b'{"error": ["invalid_scope"]}'), FhirUnauthorized, "HTTP 400: refused"),
        ((403, b"s3ntinel"), FhirUnauthorized, "HTTP 403: refused"),
        ((404, b"<html>"), FhirUnauthorized, "HTTP 404: refused"),
        ((408, b""), FhirUnavailable, "HTTP 408"),
        ((500, b'{"error": "invalid_client"}'), FhirUnavailable, "HTTP 500"),
        ((503, b""), FhirUnavailable, "HTTP 503"),
        ((429, b""), FhirThrottled, "HTTP 429"),
        ((302, b""), FhirAnswerInvalid, "a redirect to elsewhere.example: not followed"),
        ((200, b"<html>s3ntinel</html>"), FhirAnswerInvalid, "no bearer token. Check fhir.auth.token_url"),
        ((200, b"[" * 100_000), FhirAnswerInvalid, "no bearer token"),
        ((200, b"[]"), FhirAnswerInvalid, "no bearer token"),
        ((200, b'{"access_token": null}'), FhirAnswerInvalid, "no bearer token"),
        ((200, b'{"access_token": "s3ntinel s3ntinel"}'), FhirAnswerInvalid, "no bearer token"),
        ((200, '{"access_token": "s3ntinelé"}'.encode()), FhirAnswerInvalid, "no bearer token"),
        ((200, b'{"access_token": "s3ntinel", "token_type": "mac"}'), FhirAnswerInvalid, "no bearer token"),
        ((200, b" " * 2_000_000), FhirAnswerInvalid, "larger than"),
    ],
)
async def test_each_answer_is_of_a_class_and_quotes_nothing(answering, registered, given, kind, words):
    tokens, told = answering(*given)
    with pytest.raises(FhirError, match=words) as caught:
        await prove(auth_of(registered(token_url=tokens.url), BASE))
    assert type(caught.value) is kind
    assert "s3ntinel" not in told(caught.value, *traceback.format_exception(caught.value))


async def test_a_throttled_client_knows_how_long_to_wait(tokens, registered):
    tokens.status = 429
    with pytest.raises(FhirThrottled) as caught:
        await prove(auth_of(registered(token_url=tokens.url), BASE))
    assert caught.value.retry_after == 7


async def test_a_server_that_is_not_there_is_an_outage(registered, nobody):
    with pytest.raises(FhirUnavailable, match=r"asking 127\.0\.0\.1 for a token: no connection"):
        await prove(auth_of(registered(token_url=nobody), BASE))


@pytest.mark.parametrize(("life", "seconds"), [(60, "60"), ("90", "90"), (None, "300"), ("soon", "300"), (-1, "300")])
async def test_a_server_that_is_vague_about_the_life_of_a_token_is_understood(tokens, registered, life, seconds):
    tokens.life_s = life
    assert (await prove(auth_of(registered(token_url=tokens.url), BASE))).endswith(f"for {seconds} s")


async def test_a_scope_that_could_break_a_log_is_not_shown(tokens, registered):
    tokens.status, tokens.answer = 200, b'{"access_token": "t", "scope": "a\\nb", "expires_in": NaN}'
    told = await prove(auth_of(registered(token_url=tokens.url), BASE))
    assert told == "client-credentials as medie, scope that can't be shown, for 300 s"


async def test_no_secret_is_in_a_record_of_what_works(room, registered, told):
    auth = auth_of(registered(), room.base_url)
    async with room.client(registered(), auth=auth) as client:
        await client.read("Patient", "p1")
    everything = told(auth, auth._grants, auth._grants._client, auth._held, registered())
    assert "127.0.0.1" in everything
    assert "s3ntinel" not in everything

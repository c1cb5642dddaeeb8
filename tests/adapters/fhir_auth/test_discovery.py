"""The FHIR server says where tokens are given; a secret goes only where nobody can read it on the way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_auth import auth_of, prove
from medie_fhir.adapters.fhir_auth.discovery import _is_safe, is_private
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.adapters.fhir_twin.exchange import Answer
from medie_fhir.errors import FhirUnavailable, FhirUnfit


@pytest.fixture
def guide():
    """A FHIR server that answers the question for the token URL as a test says."""

    class Guide:
        answer = Answer(404)
        asked = 0
        base_url: str

        def fault(self, request):
            self.asked += 1
            assert request.path == ".well-known/smart-configuration"
            return self.answer

        def names(self, url):
            self.answer = Answer(
                200, {"content-type": "application/json"}, json.dumps({"token_endpoint": url}).encode()
            )

    guide = Guide()
    with FhirTwin() as twin, FhirTwinServer(twin, fault=guide.fault) as server:
        guide.base_url = server.base_url
        yield guide


async def test_the_url_that_the_server_names_is_used_and_kept(guide, tokens, registered):
    guide.names(tokens.url)
    auth = auth_of(registered(), f"{guide.base_url}/")
    await prove(auth)
    await prove(auth)
    assert (guide.asked, len(tokens.asked)) == (1, 2)


async def test_after_a_failure_the_server_is_asked_anew(guide, tokens, registered, nobody):
    guide.names(nobody)
    auth = auth_of(registered(), guide.base_url)
    with pytest.raises(FhirUnavailable):
        await prove(auth)
    guide.names(tokens.url)
    await prove(auth)
    assert guide.asked == 2


async def test_a_url_of_the_settings_wins(guide, tokens, registered):
    await prove(auth_of(registered(token_url=tokens.url), guide.base_url))
    assert guide.asked == 0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(404), "HTTP 404: it names no token endpoint. Set fhir.auth.token_url"),
        (Answer(200, {}, b"<html>"), "HTTP 200: it names no token endpoint"),
        (Answer(200, {}, b'{"token_endpoint": 3}'), "it names no token endpoint"),
        (Answer(200, {}, b'{"token_endpoint": "ftp://x/"}'), "it names no token endpoint"),
        (Answer(200, {}, b'{"token_endpoint": "https://["}'), "it names no token endpoint"),
        (Answer(200, {}, b'{"token_endpoint": "https://u:s3ntinel@x/"}'), "it names no token endpoint"),
        (Answer(200, {}, b'{"token_endpoint": "http://elsewhere/t?s3ntinel"}'), "a token endpoint at elsewhere, and"),
    ],
)
async def test_a_server_that_names_no_place_for_a_secret_is_not_fit(guide, registered, answer, words):
    guide.answer = answer
    with pytest.raises(FhirUnfit, match=words) as caught:
        await prove(auth_of(registered(), guide.base_url))
    assert "s3ntinel" not in str(caught.value)


async def test_a_server_that_fails_to_tell_is_an_outage(guide, registered):
    guide.answer = Answer(502)
    with pytest.raises(FhirUnavailable, match="smart-configuration: HTTP 502"):
        await prove(auth_of(registered(), guide.base_url))


@pytest.mark.parametrize(
    ("named", "base", "safe"),
    [
        ("https://id.example/token", "https://fhir.example/r4", True),
        ("http://id.example/token", "https://fhir.example/r4", False),
        ("http://fhir.example/token", "https://fhir.example/r4", False),
        ("http://localhost/token", "https://fhir.example/r4", False),
        ("http://fhir.example/token", "http://fhir.example/r4", True),
        ("https://fhir.example/token", "http://fhir.example/r4", True),
        ("https://id.example/token", "http://fhir.example/r4", False),  # forged on its way, for all we know
        ("https://id.example/token", "http://localhost:8080/fhir", True),
        ("http://id.example/token", "http://localhost:8080/fhir", False),
    ],
)
def test_a_named_place_is_safe_where_neither_the_name_nor_the_secret_can_be_read_or_forged(named, base, safe):
    assert _is_safe(named, base) is safe


@given(st.sampled_from(["http", "https"]), st.sampled_from(["a.example", "b.example", "10.0.0.1"]))
def test_no_secret_leaves_by_http_for_another_host(scheme, host):
    assert is_private(f"{scheme}://{host}/token", "http://a.example/fhir") is (scheme == "https" or host == "a.example")
    assert is_private(f"{scheme}://{host}/token", "https://a.example/fhir") is (scheme == "https")
    assert is_private(f"{scheme}://127.0.0.1/token", "https://a.example/fhir")

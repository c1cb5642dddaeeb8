"""What an answer means, apart from any connection. The way over HTTP: test_fhir_http.py."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_answers import error_of, matches, next_link, resource_of, retry_after, versions
from medie_fhir.errors import FhirAnswerInvalid, FhirError, FhirForbidden, FhirUnauthorized, Policy
from medie_fhir.model import Json

FHIR = {"content-type": "application/fhir+json;charset=utf-8"}

words = st.text("aHAPI-10945/ .[]", max_size=20)
anything = st.one_of(
    st.none(), st.integers(), words, st.lists(words, max_size=2), st.dictionaries(st.just("text"), words, max_size=1)
)
fields = st.sampled_from(["severity", "code", "diagnostics", "details", "expression", "location"])
issues = st.lists(st.dictionaries(fields, anything), max_size=3)


@given(st.integers(300, 599), issues, st.dictionaries(st.sampled_from(["retry-after", "date"]), words))
def test_every_answer_is_one_of_our_errors(status: int, said: list[Json], headers: dict[str, str]) -> None:
    body = json.dumps({"resourceType": "OperationOutcome", "issue": said}).encode()

    assert isinstance(error_of(status, headers, body, "testing"), FhirError)


@given(st.integers(300, 599), st.binary(max_size=40))
def test_every_other_body_too(status: int, body: bytes) -> None:
    assert str(error_of(status, {}, body, "testing")).startswith(f"testing: HTTP {status}")


@given(st.integers(400, 599), st.text(min_size=3))
def test_free_text_never_reaches_the_message(status: int, secret: str) -> None:
    marked = f"Ω{secret}Ω"
    issue = {"severity": "error", "code": "invalid", "diagnostics": marked, "details": {"text": marked}}
    outcome = {"resourceType": "OperationOutcome", "issue": [{**issue, "expression": [marked], "location": [marked]}]}

    assert "Ω" not in str(error_of(status, {}, json.dumps(outcome).encode(), "testing"))


def test_what_helps_to_find_the_fault_is_told() -> None:
    issue = {
        "severity": "error",
        "code": "processing",
        "diagnostics": "HAPI-1094: Resource Patient/p9 not found, specified in path: Condition.subject",
        "expression": ["Bundle.entry[3].resource", "Patient.name.where(family='Vogelsang')"],
    }
    outcome = {"resourceType": "OperationOutcome", "issue": [issue, {"severity": "warning", "code": "informational"}]}

    message = str(error_of(400, {}, json.dumps(outcome).encode(), "posting"))

    assert message == (
        "posting: HTTP 400 (processing; HAPI-1094; missing Patient/p9; at Bundle.entry[3].resource)"
        ": load what is missing into this server first, then send the record again"
    )


def test_403_is_about_this_one_and_401_about_us() -> None:
    closed = error_of(403, {}, b"", "reading a Device", "Device: read")
    stranger = error_of(401, {}, b"", "reading a Device", "Device: read")

    assert (type(closed), closed.policy) == (FhirForbidden, Policy.DEAD_LETTER)
    assert (type(stranger), stranger.policy) == (FhirUnauthorized, Policy.STOP)
    assert "grant our user or token Device: read" in str(closed)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "today"}, None),
    ],
)
def test_how_long_the_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_resource_of_the_wanted_type_is_given_as_it_is() -> None:
    assert resource_of(FHIR, b'{"resourceType":"Patient","x":1}', "Patient", "reading") == {
        "resourceType": "Patient",
        "x": 1,
    }


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/html"}, {"content-type": "Vogelsang"}])
def test_a_body_of_another_media_type_is_no_resource(headers: dict[str, str]) -> None:
    with pytest.raises(FhirAnswerInvalid) as caught:
        resource_of(headers, b'{"resourceType":"Patient"}', "Patient", "reading")
    assert "ogelsang" not in str(caught.value)


@pytest.mark.parametrize("bundle", [{}, {"entry": None, "link": None}, {"entry": [1, {}], "link": ["x", {"url": 1}]}])
def test_a_bundle_without_what_is_looked_for_has_none_of_it(bundle: Json) -> None:
    assert list(matches(bundle)) == []
    assert list(versions(bundle)) == []
    assert next_link(bundle) is None

"""What an answer means, apart from any connection. The way over HTTP: test_fhir_http.py."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_answers import (
    error_of,
    redirected,
    resource_of,
    retry_after,
    transaction_response,
)
from medie_fhir.errors import (
    FhirAnswerInvalid,
    FhirConflict,
    FhirError,
    FhirForbidden,
    FhirRejected,
    FhirUnauthorized,
    FhirUnfit,
    Policy,
)
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
        "posting: HTTP 400 (processing; HAPI-1094; missing Patient; at Bundle.entry[3].resource)"
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


CONDITION = "00000000-0000-0000-0000-000000000001"
ENTRY = {
    "resource": {"resourceType": "Condition", "id": CONDITION, "subject": {"reference": "Patient/p9"}},
    "request": {"method": "PUT", "url": f"Condition/{CONDITION}"},
}
SENT: Json = {"resourceType": "Bundle", "type": "transaction", "entry": [ENTRY]}


def test_a_refused_transaction_names_its_entry() -> None:
    said = "HAPI-1094: Resource Patient/p9 not found, specified in path: Condition.subject"
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": said}]}

    message = str(error_of(400, FHIR, json.dumps(outcome).encode(), "posting", bundle=SENT))

    assert message.startswith(f"posting: HTTP 400 (HAPI-1094; missing Patient; entry 0, Condition/{CONDITION}): load")


def test_a_refusal_in_plain_text_says_at_least_what_it_is() -> None:
    error = error_of(422, {"content-type": "text/plain;charset=utf-8"}, b"Vogelsang", "posting")

    assert (type(error), str(error)) == (FhirRejected, "posting: HTTP 422 (text/plain)")


def test_a_server_that_lets_no_client_choose_ids_is_unfit_and_the_setting_is_named() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "HAPI-0959: no"}]}
    error = error_of(404, FHIR, json.dumps(outcome).encode(), "posting", bundle=SENT)

    assert (type(error), error.policy) == (FhirUnfit, Policy.STOP)
    assert "fhir.identity" in str(error)


@pytest.mark.parametrize("status", [405, 501])
def test_a_way_to_write_that_is_not_offered_is_unfit_and_a_way_to_read_is_not(status: int) -> None:
    writing = error_of(status, {}, b"", "posting", bundle=SENT)

    assert type(writing) is FhirUnfit
    assert "fhir.sending" in str(writing)
    assert type(error_of(status, {}, b"", "reading")) is FhirAnswerInvalid


def test_a_redirect_says_where_it_leads_and_what_to_set() -> None:
    assert "fhir.base_url" in str(redirected(308, "reading", elsewhere=True))
    assert "no credentials went there" in str(redirected(302, "reading", elsewhere=True))
    assert "no credentials" not in str(redirected(302, "reading", elsewhere=False))


def answered(*responses: object, kind: str = "transaction-response") -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"response": response} for response in responses]}


@pytest.mark.parametrize("response", [{"status": "201 Created"}, {"status": "200"}, {}, None, {"status": None}])
def test_a_transaction_whose_entries_do_not_fail_is_done(response: object) -> None:
    assert transaction_response(SENT, answered(response), "posting")["type"] == "transaction-response"


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_response_that_is_null_is_none(kind: str) -> None:
    told = transaction_response({**SENT, "type": kind}, answered(None, kind=f"{kind}-response"), "posting")

    assert told == {"resourceType": "Bundle", "type": f"{kind}-response", "entry": [{}]}


@pytest.mark.parametrize(
    "entry", [{}, "x", [1], [None], [{"response": "x"}], [{"response": {"etag": 1}}], [{"response": {"location": {}}}]]
)
def test_entries_that_answer_nothing_are_no_answer_of_a_fhir_server(entry: object) -> None:
    answer = {"resourceType": "Bundle", "type": "transaction-response", "entry": entry}

    with pytest.raises(FhirAnswerInvalid, match=r"^posting: the answer holds entries that answer nothing"):
        transaction_response(SENT, answer, "posting")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("422 Unprocessable Entity", FhirRejected),
        ("404", FhirRejected),
        ("409 Conflict", FhirConflict),
        ("302 Found", FhirAnswerInvalid),
    ],
)
def test_an_entry_that_failed_is_the_transactions_failure_and_is_named(status: str, error: type[FhirError]) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}

    with pytest.raises(error) as caught:
        transaction_response(SENT, answered({"status": status, "outcome": outcome}), "posting")

    assert str(caught.value).startswith(f"posting: entry 0, Condition/{CONDITION}: HTTP {status[:3]} (invalid")


def test_of_a_batch_each_entry_fails_by_itself() -> None:
    batch = {**SENT, "type": "batch"}
    answer = answered({"status": "422"}, kind="batch-response")

    assert transaction_response(batch, answer, "posting") is answer


def test_fewer_answers_than_entries_are_no_answer() -> None:
    with pytest.raises(FhirRejected, match="0 of 1 entries were answered"):
        transaction_response(SENT, answered(), "posting")

"""What an answer means, who is told what, and what no message says. What goes well: fhir_contract/."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from medie_fhir.adapters.fhir_http import Patience
from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer
from medie_fhir.errors import (
    FhirAnswerInvalid,
    FhirConflict,
    FhirError,
    FhirForbidden,
    FhirRejected,
    FhirThrottled,
    FhirUnauthorized,
    FhirUnavailable,
    FhirUnfit,
    Policy,
)
from medie_fhir.model import Json
from medie_fhir.telemetry import passing_on

Make = Callable[..., Any]


PATIENT: Json = {"resourceType": "Patient", "id": "p1"}


BUNDLE: Json = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [{"resource": PATIENT, "request": {"method": "PUT", "url": "Patient/p1"}}],
}


SAID = "Sophonisba Vogelsang"  # stands for what no message may repeat


def outcome(diagnostics: str = SAID, **more: object) -> bytes:
    issue = {"severity": "error", "code": "processing", "diagnostics": diagnostics, **more}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


def fhir(status: int, body: bytes | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/fhir+json", **named}, outcome() if body is None else body)


def html(status: int = 200) -> Answer:
    return Answer(status, {"content-type": "text/html"}, f"<html>{SAID}</html>".encode())


@pytest.mark.parametrize(
    ("answer", "expected", "attempts"),
    [
        (fhir(401), FhirUnauthorized, 1),
        (fhir(403), FhirForbidden, 1),
        (html(403), FhirForbidden, 1),
        (fhir(400), FhirRejected, 1),
        (fhir(404), FhirRejected, 1),
        (fhir(410), FhirRejected, 1),
        (fhir(413), FhirRejected, 1),
        (fhir(422), FhirRejected, 1),
        (fhir(405), FhirUnfit, 1),
        (fhir(501), FhirUnfit, 1),
        (fhir(400, outcome("HAPI-0960: clients may only assign IDs with a non-digit")), FhirRejected, 1),
        (fhir(404, outcome("HAPI-0959: No resource exists, and client-assigned IDs are not enabled.")), FhirUnfit, 1),
        (fhir(409), FhirConflict, 3),
        (fhir(412), FhirConflict, 3),
        (fhir(412, outcome("HAPI-0958: 2 match")), FhirRejected, 1),
        (fhir(412, outcome(code="multiple-matches")), FhirRejected, 1),
        (fhir(500, outcome("HAPI-0550: HAPI-0825: constraint")), FhirConflict, 3),
        (fhir(429), FhirThrottled, 3),
        (fhir(503, retry_after="1"), FhirThrottled, 3),
        (fhir(503), FhirUnavailable, 3),
        (fhir(500), FhirUnavailable, 3),
        (fhir(502, b""), FhirUnavailable, 3),
        (html(502), FhirUnavailable, 3),
        (html(404), FhirAnswerInvalid, 1),
        (html(400), FhirAnswerInvalid, 1),
        (html(413), FhirRejected, 1),
        (Answer(422, {"content-type": "text/plain"}, SAID.encode()), FhirRejected, 1),
        (fhir(201), FhirAnswerInvalid, 1),
        (fhir(202, b""), FhirAnswerInvalid, 1),
        (fhir(204, b""), FhirAnswerInvalid, 1),
        (fhir(200, outcome()), FhirAnswerInvalid, 1),
        (fhir(308, location="https://elsewhere.invalid/"), FhirAnswerInvalid, 1),
        (fhir(302, location="http://["), FhirAnswerInvalid, 1),
        (html(), FhirAnswerInvalid, 1),
        (fhir(200, b"{"), FhirAnswerInvalid, 1),
        (fhir(200, b"\xff\xfe"), FhirAnswerInvalid, 1),
        (fhir(200, b"[]"), FhirAnswerInvalid, 1),
        (fhir(200, b'{"resourceType":"Patient"}'), FhirAnswerInvalid, 1),
        (fhir(200, b'{"resourceType":"Bundle","type":"searchset"}'), FhirAnswerInvalid, 1),
        (fhir(302, location="https://login.invalid/"), FhirAnswerInvalid, 1),
    ],
)
async def test_what_an_answer_to_a_transaction_means(
    answer: Answer, expected: type[FhirError], attempts: int, scripted: Make, against: Make
) -> None:
    script = scripted(*[answer] * 5)

    async with against(script, patience=Patience(attempts=3)) as client:
        with pytest.raises(FhirError) as caught:
            await client.transact(BUNDLE)

    assert type(caught.value) is expected
    assert len(script.seen) == attempts


@pytest.mark.parametrize("answer", [html(404), fhir(302, location="/elsewhere"), html()])
async def test_a_wrong_address_is_not_taken_for_an_absent_resource(
    answer: Answer, scripted: Make, against: Make
) -> None:
    async with against(scripted(*[answer] * 3)) as client:
        for asked in (client.read("Patient", "p1"), client.search("Patient", {}), client.history("Patient", "p1")):
            with pytest.raises(FhirAnswerInvalid):
                await asked


async def test_credentials_stay_with_the_fhir_server(scripted: Make, against: Make) -> None:
    script, elsewhere = scripted(), scripted(Answer(200, {"content-type": "text/plain"}, b"note"))
    with FhirTwin() as other, FhirTwinServer(other, fault=elsewhere) as files:
        host = files.base_url.removeprefix("http://").removesuffix("/fhir")
        headers, auth = {"X-Key": "secret"}, httpx.BasicAuth("user", "secret")
        async with against(script, allowed_hosts=frozenset({host}), headers=headers, auth=auth) as client:
            await client.capabilities()
            content = await client.content(f"http://{host}/note.txt")

    assert content.data == b"note"
    assert script.seen[0].headers["x-key"] == "secret"
    assert script.seen[0].headers["authorization"].startswith("Basic ")
    assert not {"x-key", "authorization"} & set(elsewhere.seen[0].headers)


async def test_the_trace_goes_on_to_the_fhir_server_and_to_no_one_else(scripted: Make, against: Make) -> None:
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "site=1"}
    script, elsewhere = scripted(), scripted(Answer(200, {"content-type": "text/plain"}, b"note"))
    with FhirTwin() as other, FhirTwinServer(other, fault=elsewhere) as files:
        host = files.base_url.split("/")[2]
        async with against(script, allowed_hosts=frozenset({host})) as client:
            with passing_on(trace):
                await client.transact(BUNDLE)
                await client.content(f"{files.base_url}/Binary/b1")
            await client.read("Patient", "p1")

    assert trace.items() <= script.seen[0].headers.items()
    assert not trace.keys() & script.seen[1].headers.keys()
    assert not trace.keys() & elsewhere.seen[0].headers.keys()


async def test_what_is_closed_to_us_is_this_record_s_error_and_says_what_to_grant(
    scripted: Make, against: Make
) -> None:
    def said(error: FhirForbidden) -> str:
        assert error.policy is Policy.DEAD_LETTER
        assert SAID not in str(error)
        return str(error)

    stranger = {"resource": {"resourceType": SAID, "id": "x"}, "request": {"method": "PUT", "url": "x"}}
    async with against(scripted(*[fhir(403)] * 4)) as client:
        with pytest.raises(FhirForbidden) as transaction:
            await client.transact({**BUNDLE, "entry": [*BUNDLE["entry"], stranger]})
        with pytest.raises(FhirForbidden) as read:
            await client.read("Device", "d1")
        with pytest.raises(FhirForbidden) as search:
            await client.search("Provenance", {"entity": "DocumentReference/d1"})
        with pytest.raises(FhirForbidden) as history:
            await client.history("Patient", "p1")

    assert "grant our user or token transaction, and create and update of Patient," in said(transaction.value)
    assert "Device: read" in said(read.value)
    assert "Provenance: search" in said(search.value)
    assert "Patient: history" in said(history.value)


async def test_a_missing_login_at_our_own_server_is_no_document_s_error(scripted: Make, against: Make) -> None:
    async with against(scripted(fhir(401))) as client:
        with pytest.raises(FhirUnauthorized):
            await client.content("Binary/b1")


async def test_a_redirect_takes_no_credentials_to_another_host(scripted: Make, against: Make) -> None:
    elsewhere = scripted()
    with FhirTwin() as other, FhirTwinServer(other, fault=elsewhere) as stranger:
        script = scripted(fhir(308, location=f"{stranger.base_url}/Patient/p1"))
        async with against(script, headers={"X-Key": "secret"}) as client:
            with pytest.raises(FhirAnswerInvalid, match=r"no credentials went there.*set fhir\.base_url"):
                await client.read("Patient", "p1")

    assert elsewhere.seen == []


async def test_the_entry_at_fault_is_named_with_its_id(scripted: Make, against: Make) -> None:
    identity = "00000000-0000-0000-0000-000000000001"
    condition = {"resourceType": "Condition", "id": identity, "subject": {"reference": "Patient/p9"}}
    entry = {"resource": condition, "request": {"method": "PUT", "url": f"Condition/{identity}"}}

    async with against(scripted()) as client:
        with pytest.raises(FhirRejected, match=f"missing Patient; entry 1, Condition/{identity}"):
            await client.transact({**BUNDLE, "entry": [*BUNDLE["entry"], entry]})


async def test_nothing_that_a_server_says_of_a_patient_reaches_a_message_or_a_log(
    caplog: pytest.LogCaptureFixture, scripted: Make, against: Make
) -> None:
    caplog.set_level(logging.DEBUG, logger="medie_fhir")
    caplog.set_level(logging.DEBUG, logger="tenacity")
    leaky = outcome(
        f"HAPI-1821: Invalid attribute value '{SAID}'", expression=[f"Patient.where(name='{SAID}')", "Patient.name[0]"]
    )
    missing = outcome(f"HAPI-1094: Resource {SAID}/1 not found, HAPI-1094: Resource Patient/p9 not found, specified")
    answers = [fhir(400, leaky), fhir(400, missing), fhir(200, f'{{"{SAID}'.encode()), html(404), fhir(500, leaky)]
    answers += [Answer(400, {"content-type": "application/json"}, json.dumps([SAID]).encode())]
    messages = []

    async with against(scripted(*answers), patience=Patience(attempts=1)) as client:
        for _ in answers:
            with pytest.raises(FhirError) as caught:
                await client.transact(BUNDLE)
            messages += traceback.format_exception(caught.value)

    told = "".join(messages) + caplog.text
    assert "Sophonisba" not in told
    assert "Vogelsang" not in told
    assert "HAPI-1821; at Patient.name[0]" in told
    assert "missing Patient" in told
    assert "p9" not in told

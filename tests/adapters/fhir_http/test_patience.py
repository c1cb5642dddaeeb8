"""What is waited for and sent again, and what is sent once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from medie_fhir.adapters.fhir_http import FhirHttp, Patience
from medie_fhir.adapters.fhir_twin import Answer, FhirTwin, FhirTwinServer
from medie_fhir.errors import (
    FhirConflict,
    FhirError,
    FhirThrottled,
    FhirUnavailable,
)
from medie_fhir.model import Json

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


def broken() -> None:
    raise ConnectionResetError


async def test_a_short_trouble_is_waited_out_as_the_server_asks(scripted: Make, against: Make, new_waits: Make) -> None:
    waits = new_waits()
    script = scripted(fhir(429, retry_after="7"), fhir(503, retry_after="10"), fhir(500))

    async with against(script, sleep=waits) as client:
        response = await client.transact(BUNDLE)

    assert response["entry"][0]["response"]["status"] == "201 Created"
    assert waits.seconds[:2] == [7.0, 10.0]
    assert 0 <= waits.seconds[2] <= 2.0


async def test_a_date_in_retry_after_is_read_by_the_servers_clock(
    scripted: Make, against: Make, new_waits: Make
) -> None:
    waits = new_waits()
    later, now = "Wed, 21 Oct 2015 07:28:05 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"

    async with against(scripted(fhir(429, retry_after=later, date=now)), sleep=waits) as client:
        await client.capabilities()

    assert waits.seconds == [5.0]


async def test_a_longer_wait_is_told_at_once_and_not_tried_away(scripted: Make, against: Make, new_waits: Make) -> None:
    waits = new_waits()
    async with against(scripted(*[fhir(429, retry_after="120")] * 2), sleep=waits) as client:
        with pytest.raises(FhirThrottled) as caught:
            await client.transact(BUNDLE)

    assert caught.value.retry_after == 120.0
    assert waits.seconds == []


async def test_a_server_that_hangs_is_unavailable(scripted: Make, against: Make) -> None:
    release = threading.Event()

    def hang() -> None:
        release.wait(30)

    try:
        async with against(scripted(hang, hang), patience=Patience(timeout=0.2, attempts=2)) as client:
            with pytest.raises(FhirUnavailable, match=r"no answer within 0\.2 s"):
                await client.transact(BUNDLE)
            release.set()
    finally:
        release.set()


async def test_a_transaction_whose_answer_was_lost_is_sent_again_and_changes_nothing(scripted: Make) -> None:
    with FhirTwin() as twin:

        def applied_and_lost() -> None:
            twin.answer(script.seen[-1])
            raise ConnectionResetError

        script = scripted(applied_and_lost)
        with FhirTwinServer(twin, fault=script) as server:
            async with FhirHttp(server.base_url) as client:
                response = await client.transact(BUNDLE)

        assert response["entry"][0]["response"]["status"] == "200 OK"
        assert twin.count_versions() == 1


@pytest.mark.parametrize(
    "request_", [{"method": "POST", "url": "Patient"}, {"method": "PUT", "url": "Patient/p1", "ifMatch": 'W/"1"'}]
)
@pytest.mark.parametrize("answer", [broken, fhir(409), fhir(500)])
async def test_what_can_not_be_repeated_is_sent_once(
    request_: Json, answer: Answer | Callable[[], Answer | None], scripted: Make, against: Make
) -> None:
    script = scripted(answer)

    async with against(script) as client:
        with pytest.raises((FhirUnavailable, FhirConflict)):
            await client.transact({**BUNDLE, "entry": [{"resource": PATIENT, "request": request_}]})

    assert len(script.seen) == 1


async def test_a_connection_that_broke_while_idle_costs_no_attempt() -> None:
    with FhirTwin() as twin, FhirTwinServer(twin) as server:
        async with FhirHttp(server.base_url, patience=Patience(attempts=1)) as client:
            await client.transact(BUNDLE)
            server.drop_connections()
            assert await client.read("Patient", "p1") is not None


async def test_a_guarded_transaction_is_not_sent_over_a_connection_that_the_server_has_closed() -> None:
    entry = {"resource": PATIENT, "request": {"method": "PUT", "url": "Patient/p1", "ifMatch": 'W/"1"'}}
    with FhirTwin() as twin, FhirTwinServer(twin) as server:
        async with FhirHttp(server.base_url, patience=Patience(attempts=1)) as client:
            await client.transact(BUNDLE)
            server.drop_connections()
            response = await client.transact({**BUNDLE, "entry": [entry]})

    assert response["entry"][0]["response"]["status"] == "200 OK"


async def test_a_connection_that_breaks_twice_is_unavailable(scripted: Make, against: Make) -> None:
    script = scripted(broken, broken)

    async with against(script, patience=Patience(attempts=1)) as client:
        with pytest.raises(FhirUnavailable):
            await client.read("Patient", "p1")

    assert len(script.seen) == 2


async def test_nobody_at_the_address_is_unavailable(new_waits: Make) -> None:
    with FhirTwin() as twin, FhirTwinServer(twin) as server:
        address = server.base_url
    async with FhirHttp(address, patience=Patience(attempts=2), sleep=new_waits()) as client:
        with pytest.raises(FhirUnavailable, match="ConnectError"):
            await client.capabilities()


@pytest.mark.parametrize(("if_match", "asked"), [({}, "retry; max-retries=3"), ({"ifMatch": 'W/"1"'}, None)])
async def test_a_server_is_asked_to_settle_conflicts_itself_unless_a_version_is_meant(
    if_match: Json, asked: str | None, scripted: Make, against: Make
) -> None:
    script = scripted()
    request = {"method": "PUT", "url": "Patient/p1", **if_match}
    async with against(script) as client:
        with suppress(FhirError):
            await client.transact({**BUNDLE, "entry": [{"resource": PATIENT, "request": request}]})

    assert script.seen[0].headers.get("x-retry-on-version-conflict") == asked


async def test_each_resource_is_sent_with_the_address_that_it_will_have(scripted: Make, against: Make) -> None:
    script = scripted()

    async with against(script) as client:
        await client.transact(BUNDLE)

    (request,) = script.seen
    (entry,) = json.loads(request.body)["entry"]
    assert entry["fullUrl"].startswith("http://127.0.0.1:")
    assert entry["fullUrl"].endswith(f"/{entry['request']['url']}")

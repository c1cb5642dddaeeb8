"""One entry of a Bundle by itself, in memory and over HTTP: the same answers, the same errors."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from medie_fhir.adapters.fhir_http import FhirHttp
from medie_fhir.adapters.fhir_twin import FhirTwin, FhirTwinServer
from medie_fhir.adapters.fhir_twin.exchange import Answer, Request
from medie_fhir.adapters.fhir_write import SingleWrite, WritesSingly, answered
from medie_fhir.errors import FhirConflict, FhirRejected, FhirUnfit
from medie_fhir.model import Json


@pytest.fixture(params=["in memory", "over HTTP"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[WritesSingly]:
    with FhirTwin() as twin:
        if request.param == "in memory":
            yield twin
            return
        with FhirTwinServer(twin) as served:
            async with FhirHttp(served.base_url) as http:
                yield http


def entry(method: str, url: str, resource: Json, **conditions: str) -> Json:
    return {"resource": resource, "request": {"method": method, "url": url, **conditions}}


DEVICE: Json = {"resourceType": "Device", "identifier": [{"system": "urn:s", "value": "1"}]}
BY_IDENTIFIER = "identifier=urn:s%7C1"


async def test_a_put_creates_and_updates_and_tells_place_and_version(server: WritesSingly) -> None:
    created = await server.write(entry("PUT", "Patient/p1", {"resourceType": "Patient", "id": "p1"}))
    updated = await server.write(entry("PUT", "Patient/p1", {"resourceType": "Patient", "id": "p1", "gender": "other"}))
    assert created["response"] == {"status": "201 Created", "location": "Patient/p1", "etag": 'W/"1"'}
    assert updated["response"] == {"status": "200 OK", "location": "Patient/p1", "etag": 'W/"2"'}


async def test_a_conditional_create_creates_once(server: WritesSingly) -> None:
    once = [await server.write(entry("POST", "Device", DEVICE, ifNoneExist=BY_IDENTIFIER)) for _ in range(2)]
    assert [answer["response"]["status"][:3] for answer in once] == ["201", "200"]
    assert once[0]["response"]["location"] == once[1]["response"]["location"]


async def test_a_conditional_update_finds_what_it_wrote(server: WritesSingly) -> None:
    first = await server.write(entry("PUT", f"Device?{BY_IDENTIFIER}", DEVICE))
    second = await server.write(entry("PUT", f"Device?{BY_IDENTIFIER}", {**DEVICE, "status": "active"}))
    assert [a["response"]["status"][:3] for a in (first, second)] == ["201", "200"]
    assert first["response"]["location"] == second["response"]["location"]


async def test_a_stale_guard_is_a_conflict(server: WritesSingly) -> None:
    patient = {"resourceType": "Patient", "id": "p1"}
    await server.write(entry("PUT", "Patient/p1", patient))
    with pytest.raises(FhirConflict):
        await server.write(entry("PUT", "Patient/p1", patient, ifMatch='W/"7"'))


async def test_what_the_server_refuses_and_what_json_can_t_hold_is_rejected(server: WritesSingly) -> None:
    orphan = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/nobody"}}
    with pytest.raises(FhirRejected, match="HAPI-1094"):
        await server.write(entry("PUT", "Condition/c1", orphan))
    with pytest.raises(FhirRejected, match="not sent"):
        await server.write(entry("PUT", "Patient/p1", {"resourceType": "Patient", "id": "p1", "x": float("nan")}))


ID = "6ba7b811-9dad-51d1-80b4-00c04fd430c8"


async def test_a_refused_resource_is_named_by_the_id_that_we_made(server: WritesSingly) -> None:
    orphan = {"resourceType": "Condition", "id": ID, "subject": {"reference": "Patient/MRN-4711"}}
    with pytest.raises(FhirRejected, match=f"^writing Condition/{ID}: .*missing Patient") as told:
        await server.write(entry("PUT", f"Condition/{ID}", orphan))
    assert "4711" not in str(told.value)


@pytest.mark.parametrize("status", [405, 501])
def test_a_server_that_does_not_write_so_is_unfit_and_the_settings_are_named(status: int) -> None:
    with pytest.raises(FhirUnfit, match=r"set fhir\.sending and fhir\.identity"):
        answered(status, {}, b"", SingleWrite.of(entry("PUT", f"Device/{ID}", DEVICE)))


async def test_a_server_that_takes_no_conditional_updates_is_unfit_over_http_too() -> None:
    def refusing(_: Request) -> Answer:
        return Answer(405)

    with FhirTwin() as twin, FhirTwinServer(twin, fault=refusing) as served:
        async with FhirHttp(served.base_url) as http:
            with pytest.raises(FhirUnfit, match=r"fhir\.identity"):
                await http.write(entry("PUT", f"Device?{BY_IDENTIFIER}", DEVICE))


@pytest.mark.parametrize(
    ("method", "conditions", "repeatable"),
    [
        ("PUT", {}, True),
        ("PUT", {"ifMatch": 'W/"1"'}, False),
        ("POST", {}, False),
        ("POST", {"ifNoneExist": "identifier=1"}, True),
    ],
)
def test_only_what_leaves_the_same_when_sent_twice_is_sent_twice(
    method: str, conditions: dict[str, str], repeatable: bool
) -> None:
    assert SingleWrite.of(entry(method, "Device/d1", DEVICE, **conditions)).repeatable is repeatable


def test_nothing_of_a_patient_stands_in_what_is_shown() -> None:
    shown = repr(SingleWrite.of(entry("PUT", "Patient/SENTINEL", {"resourceType": "Patient", "id": "SENTINEL"})))
    assert "SENTINEL" not in shown

"""What can be no resource is refused, and nothing that it says is repeated."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from medie_fhir.errors import FhirRejected
from medie_fhir.model import Json


@pytest.mark.parametrize(
    ("full_urls", "code"),
    [((None, None), "HAPI-0535"), (("urn:uuid:00000000-0000-4000-8000-000000000001",) * 2, "HAPI-0534")],
)
async def test_the_same_resource_twice_is_refused(target: Any, full_urls: tuple[str | None, ...], code: str) -> None:
    twice = [target.entry(target.patient(), full_url=full_url) for full_url in full_urls]

    with pytest.raises(FhirRejected, match=code):
        await target.server.transact(target.transaction(*twice))


@pytest.mark.parametrize(("resource_id", "code"), [("123", "HAPI-0960"), ("a" * 65, "HAPI-0521"), ("a_b", "HAPI-0521")])
async def test_an_id_that_no_client_may_give_is_refused(target: Any, resource_id: str, code: str) -> None:
    with pytest.raises(FhirRejected, match=code):
        await target.server.transact(target.puts([{"resourceType": "Patient", "id": resource_id}]))


async def test_what_is_no_fhir_is_refused(target: Any) -> None:
    with pytest.raises(FhirRejected, match="HAPI-1684"):
        await target.server.transact(target.puts([{"resourceType": "Nonsense", "id": target.id("x")}]))
    with pytest.raises(FhirRejected, match="HAPI-0527"):
        await target.server.transact({"resourceType": "Bundle", "type": "collection", "entry": []})


async def test_what_json_can_not_hold_is_refused_before_it_is_sent(target: Any) -> None:
    with pytest.raises(FhirRejected, match="NaN"):
        await target.server.transact(target.puts([target.patient(multipleBirthInteger=float("nan"))]))


@pytest.mark.parametrize(("resource_type", "resource_id"), [("Nonsense", "1"), ("Patient", "../1"), ("Patient", "..")])
async def test_what_can_be_no_resource_is_not_asked_for(target: Any, resource_type: str, resource_id: str) -> None:
    with pytest.raises(FhirRejected):
        await target.server.read(resource_type, resource_id)


async def test_no_error_repeats_what_a_resource_says(target: Any) -> None:
    said = "Sophonisba"
    named = target.patient(name=[{"family": said}], gender=said)

    with pytest.raises(FhirRejected) as caught:
        await target.server.transact(target.puts([named, target.condition(subject=f"Patient/{target.id('missing')}")]))

    assert said not in str(caught.value)
    assert said not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        ({"resourceType": "Patient", "id": "a_b"}, 400),
        ({"resourceType": "Nonsense", "id": "x"}, 400),
        ({"resourceType": "Condition", "id": "c-1", "subject": {"reference": "Patient/nobody-1"}}, 400),
    ],
)
async def test_a_refusal_tells_its_status(target: Any, broken: Json, status: int) -> None:
    with pytest.raises(FhirRejected, match=f"HTTP {status} "):
        await target.server.transact(target.puts([broken]))

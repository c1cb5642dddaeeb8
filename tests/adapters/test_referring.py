"""What refers to nothing is refused in a trial, too."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.passing import Passing
from medie_fhir.adapters.referring import Referring
from medie_fhir.adapters.unwritten import Unwritten
from medie_fhir.errors import FhirError, FhirForbidden, FhirRejected, FhirUnavailable
from medie_fhir.model import Json
from medie_fhir.transaction import transaction

HOSPITAL = {"resourceType": "Organization", "id": "our-hospital"}


def observation(reference: str, **more: Any) -> Json:
    return {"resourceType": "Observation", "id": "o", "performer": [{"reference": reference}], **more}


class Asked(Passing):
    """Which places are read; each is there once ``error`` says nothing else."""

    def __init__(self, twin: FhirTwin, error: FhirError | None = None) -> None:
        super().__init__(Unwritten(twin))
        self.places: list[str] = []
        self.error = error

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        self.places.append(f"{resource_type}/{resource_id}")
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return await super().read(resource_type, resource_id)


async def test_a_reference_to_what_is_not_there_is_refused_and_to_what_is_taken(twin: FhirTwin) -> None:
    bundle = transaction([observation("Organization/our-hospital")])
    with pytest.raises(FhirRejected, match="would be refused, missing Organization/our-hospital: load what is missing"):
        await Referring(Unwritten(twin)).transact(bundle)
    await twin.transact(transaction([HOSPITAL]))
    await Referring(Unwritten(twin)).transact(bundle)
    assert twin.current("Observation") == []


async def test_an_id_that_may_be_a_persons_is_not_told(twin: FhirTwin) -> None:
    with pytest.raises(FhirRejected) as refused:
        await Referring(Unwritten(twin)).transact(transaction([observation("Practitioner/Sophonisba")]))
    assert "missing Practitioner:" in str(refused.value)
    assert "Sophonisba" not in str(refused.value)


async def test_what_comes_with_it_or_came_before_it_is_there(twin: FhirTwin) -> None:
    server = Referring(Unwritten(twin))
    await server.transact(transaction([observation("Organization/our-hospital"), HOSPITAL]))
    await server.transact(transaction([observation("Organization/our-hospital/_history/2")]))


@pytest.mark.parametrize(
    "reference", ["#here", "urn:uuid:1", "https://other.org/Organization/1", "Organization?name=x"]
)
async def test_only_what_this_server_can_be_asked_for_is_asked_for(twin: FhirTwin, reference: str) -> None:
    asked = Asked(twin)
    aside = [{"url": "urn:x", "valueReference": {"reference": "Organization/elsewhere"}}]
    patient = {"reference": "Patient/looked-for-before"}
    await Referring(asked).transact(transaction([observation(reference, extension=aside, subject=patient)]))
    assert asked.places == []


async def test_each_place_is_asked_for_once_however_many_refer_to_it(twin: FhirTwin) -> None:
    await twin.transact(transaction([HOSPITAL]))
    asked = Asked(twin)
    server = Referring(asked)
    bundle = transaction([observation("Organization/our-hospital")])
    await asyncio.gather(*(server.transact(bundle) for _ in range(5)))
    assert asked.places == ["Organization/our-hospital"]


async def test_it_remembers_no_more_than_it_may(twin: FhirTwin) -> None:
    asked = Asked(twin, FhirForbidden("no"))
    server = Referring(asked, most=2)
    for name in ("a", "b", "c", "c", "a"):
        await server.transact(transaction([{**observation(f"Organization/{name}"), "id": name}]))
    assert asked.places[0] == asked.places[-1] == "Organization/a"
    assert len(server._known) == 2


async def test_what_may_not_be_read_is_taken_to_be_there_and_an_outage_is_told(twin: FhirTwin) -> None:
    bundle = transaction([observation("Organization/our-hospital")])
    await Referring(Asked(twin, FhirForbidden("not for you"))).transact(bundle)
    away = Asked(twin, FhirUnavailable("away"))
    server = Referring(away)
    with pytest.raises(FhirUnavailable):
        await server.transact(bundle)
    away.error = None
    with pytest.raises(FhirRejected):
        await server.transact(bundle)

"""What is read has our ids and refers by them; who is not ours is not asked about twice, and a person hardly ever."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from medie_fhir.adapters.fhir_strategies import marks
from medie_fhir.adapters.fhir_strategies.holdings import Holdings
from medie_fhir.adapters.fhir_strategies.incoming import Incoming, place_in
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.model import Json

CONDITION, OBSERVATION = (str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(2))
THEIRS: Json = marks.marked({"resourceType": "Condition"}, CONDITION) | {"id": "7"}


class Asked:
    """A server that has one Condition of ours, under an id of its own, and keeps what was read of it."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(FhirTwin, name)

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        self.reads.append(f"{resource_type}/{resource_id}")
        return THEIRS if self.reads[-1] == "Condition/7" else None


def about(**reference: Any) -> Json:
    return {"resourceType": "Observation", "id": "8", "focus": [reference]}


async def referred(server: Asked, resource: Json) -> Json:
    """The reference as it comes."""
    (translated,) = await Incoming(Holdings(server)).translated([resource])
    focus: Json = translated["focus"][0]
    return focus


async def test_a_resource_comes_under_our_id_and_without_its_mark() -> None:
    server = Asked()
    assert await Incoming(Holdings(server)).translated([THEIRS]) == [{"resourceType": "Condition", "id": CONDITION}]
    assert server.reads == []


async def test_a_reference_that_says_whose_it_is_is_ours_again_without_asking() -> None:
    server = Asked()
    told = marks.mention({"reference": "x"}, "Condition/7", CONDITION)
    assert await referred(server, about(**told)) == {"reference": f"Condition/{CONDITION}"}
    assert server.reads == []


@pytest.mark.parametrize("literal", ["Condition/7", "Condition/7/_history/3"])
async def test_one_that_says_nothing_is_asked_for(literal: str) -> None:
    server = Asked()
    assert await referred(server, about(reference=literal)) == {"reference": f"Condition/{CONDITION}"}
    assert server.reads == ["Condition/7"]


async def test_what_is_not_there_stays_as_it_is() -> None:
    assert await referred(Asked(), about(reference="Condition/9")) == {"reference": "Condition/9"}


@pytest.mark.parametrize(
    "literal", ["Patient/1", "Practitioner/1", "urn:uuid:1", "#contained", "http://x.example/Task/1"]
)
async def test_who_is_hardly_ever_ours_is_not_asked_about(literal: str) -> None:
    server = Asked()
    assert await referred(server, about(reference=literal)) == {"reference": literal}
    assert server.reads == []


async def test_a_literal_that_a_person_has_changed_leads_where_they_say() -> None:
    server = Asked()
    incoming = Incoming(Holdings(server))
    await incoming.translated([THEIRS])
    changed = marks.mention({"reference": "x"}, "Condition/9", CONDITION)
    (translated,) = await incoming.translated([about(**changed)])
    assert translated["focus"] == [{"reference": "Condition/9"}]


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("Condition/7", "Condition/7"),
        ("https://ehr.example/api/FHIR/R4/Condition/7/_history/2", "Condition/7"),
        ("https://ehr.example/api/FHIR/R4", "FHIR/R4"),
        ("Condition?identifier=x", None),
        ("", None),
    ],
)
def test_a_place_stands_at_the_end_of_a_url(url: str, place: str | None) -> None:
    assert place_in(url) == place

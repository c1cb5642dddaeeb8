"""What a server has of ours is asked for as seldom as can be, and never guessed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_strategies import marks
from medie_fhir.adapters.fhir_strategies.holdings import Holdings
from medie_fhir.adapters.fhir_twin import FhirTwin, Profile
from medie_fhir.errors import FhirRejected, FhirUnfit
from medie_fhir.model import Json

IDS = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(40)]


class Asked:
    """A twin that gives ids of its own, and keeps what it was searched for."""

    def __init__(self) -> None:
        self.twin = FhirTwin(profile=Profile(update_as_create=False))
        self.searches: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.twin, name)

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        self.searches.append(resource_type)
        return await self.twin.search(resource_type, params)

    async def hold(self, kind: str, id_: str) -> str:
        """A resource of ours, by its place on the server."""
        entry = {"resource": marks.marked({"resourceType": kind}, id_), "request": {"method": "POST", "url": kind}}
        location: str = (await self.twin.write(entry))["response"]["location"]
        return location.partition("/_history/")[0]


@settings(deadline=None)  # each example opens an SQLite file
@given(there=st.sets(st.sampled_from(IDS)), asked=st.lists(st.sampled_from(IDS)))
def test_of_those_asked_for_all_that_are_there_are_found_in_few_searches(there: set[str], asked: list[str]) -> None:
    async def look() -> None:
        server = Asked()
        theirs = {f"Task/{id_}": await server.hold("Task", id_) for id_ in sorted(there)}
        found = await Holdings(server).standing([f"Task/{id_}" for id_ in asked])
        assert {place: f"Task/{r['id']}" for place, r in found.items()} == {
            place: at for place, at in theirs.items() if place.removeprefix("Task/") in asked
        }
        assert len(server.searches) == -(-len(set(asked)) // 15)

    asyncio.run(look())


async def test_a_place_that_is_known_is_not_asked_for_again() -> None:
    server = Asked()
    theirs, held = await server.hold("Task", IDS[0]), Holdings(server)
    assert await held.places([f"Task/{IDS[0]}"]) == {f"Task/{IDS[0]}": theirs}
    assert await held.places([f"Task/{IDS[0]}"]) == {f"Task/{IDS[0]}": theirs}
    assert server.searches == ["Task"]


async def test_an_id_that_is_none_of_ours_is_not_asked_for() -> None:
    server = Asked()
    assert await Holdings(server).of_ours("Task", "1") is None
    assert server.searches == []


async def test_of_several_of_one_mark_a_device_will_do_and_anything_else_is_told() -> None:
    server = Asked()
    first, _ = [await server.hold("Device", IDS[0]) for _ in range(2)]
    for _ in range(2):
        await server.hold("Task", IDS[0])
    assert (await Holdings(server).of_ours("Device", IDS[0]) or {})["id"] == first.partition("/")[2]
    with pytest.raises(FhirRejected, match="set all but one to entered-in-error"):
        await Holdings(server).of_ours("Task", IDS[0])


async def test_that_a_type_is_searched_by_our_mark_is_proven_once() -> None:
    server = Asked()
    held = Holdings(server)
    await held.prove_search({"Task", "Condition"})
    await held.prove_search({"Task"})
    assert server.searches == ["Condition", "Task"]


async def test_a_search_that_overlooks_our_mark_is_told_by_its_parameter() -> None:
    class GivesAll(Asked):
        async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
            del params
            return self.twin.current(resource_type)

    server = GivesAll()
    await server.hold("Provenance", IDS[0])
    with pytest.raises(FhirUnfit, match="parameter _tag of Provenance"):
        await Holdings(server).prove_search({"Provenance"})

"""What a server has of ours, found by our mark (see ``marks``), and where: asked as seldom as can be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from medie_fhir.adapters.fhir_outcome import resource_name
from medie_fhir.adapters.fhir_strategies import marks
from medie_fhir.adapters.fhir_strategies.known_places import KnownPlaces
from medie_fhir.errors import FhirRejected, FhirUnfit
from medie_fhir.fhir_names import place
from medie_fhir.model import Json
from medie_fhir.ports import FhirServer

__all__ = ["Holdings"]

_AT_ONCE = 8
_IDS_OF_A_SEARCH = 15  # a URL of 2,000 characters goes through every proxy
_NOBODYS = "5f0d4f3e-0000-5000-8000-000000000000"  # no name gives it: nothing is ever marked with it


class Holdings:
    """A server's own resources, by our places (``Type/our id``). ``known`` is what was seen of them so far.

    Where several carry one mark, two writers have raced: that is FhirRejected, but for Devices, of which all are equal
    and the first is taken.
    """

    def __init__(self, server: FhirServer) -> None:
        self._server = server
        self.known = KnownPlaces()
        self._searchable: set[str] = set()  # types of which it is known that the server looks for our mark
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def read(self, theirs: str) -> Json | None:
        """A resource by its place on the server."""
        async with self._gate:
            return await self._server.read(*theirs.split("/"))

    def learn(self, resource: Json) -> None:
        """Remember which of ours a resource of the server is, if it is one."""
        id_, kind = marks.mark_of(resource), resource["resourceType"]
        self.known.learn(None if id_ is None else f"{kind}/{id_}", f"{kind}/{resource['id']}")

    async def prove_search(self, types: set[str]) -> None:
        """Ask once, before a type's first writing, whether the server looks for our mark, or overlooks it.

        A parameter that it doesn't know it may ignore (FHIR R4, search, §3.1.1.2). A conditional update would then find
        whatever there is, and write ours over a stranger's. Raises FhirUnfit.
        """
        for kind in sorted(types - self._searchable):
            if await self._server.search(kind, marks.query(kind, _NOBODYS)):
                (parameter,) = marks.query(kind)
                raise FhirUnfit(
                    f"the FHIR server overlooks the search parameter {parameter} of {kind}, by which ours is told from"
                    " others': enable it there"
                )
            self._searchable.add(kind)

    async def of_ours(self, resource_type: str, resource_id: str) -> Json | None:
        """The server's resource of an id of ours; None for an id of another form, and where none is marked with it."""
        if not marks.is_ours(resource_id):
            return None
        target = place(resource_type, resource_id)
        return (await self.standing([target])).get(target)

    async def places(self, ours: Iterable[str]) -> dict[str, str]:
        """Where the server has resources of ours, for those that it has."""
        places = {place: self.known.theirs(place) for place in ours}
        found = await self.standing([place for place, theirs in places.items() if theirs is None])
        kept = {place: theirs for place, theirs in places.items() if theirs is not None}
        return kept | {place: f"{place.partition('/')[0]}/{r['id']}" for place, r in found.items()}

    async def standing(self, ours: Sequence[str]) -> dict[str, Json]:
        """The server's own resources of ours, by our places; one search for several of a type."""
        by_type: dict[str, list[str]] = {}
        for target in dict.fromkeys(ours):
            resource_type, id_ = target.split("/")
            by_type.setdefault(resource_type, []).append(id_)
        searches = [
            (kind, ids[start : start + _IDS_OF_A_SEARCH])
            for kind, ids in by_type.items()
            for start in range(0, len(ids), _IDS_OF_A_SEARCH)
        ]
        found: dict[str, Json] = {}
        for part in await asyncio.gather(*(self._found(kind, few) for kind, few in searches)):
            found |= part
        return found

    async def _found(self, resource_type: str, ids: Sequence[str]) -> dict[str, Json]:
        async with self._gate:
            matches = await self._server.search(resource_type, marks.query(resource_type, *ids))
        found: dict[str, Json] = {}
        for match in sorted(matches, key=lambda r: (len(r["id"]), r["id"])):
            id_ = marks.mark_of(match)
            if id_ not in ids:  # a server that doesn't know a parameter may overlook it, and give everything
                continue
            if f"{resource_type}/{id_}" not in found:
                found[f"{resource_type}/{id_}"] = match
            elif resource_type != "Device":
                name = resource_name({"request": {"url": f"{resource_type}/{id_}"}})
                raise FhirRejected(
                    f"several of the server's resources are the same {name}: two have created it at once; set all"
                    " but one to entered-in-error and take the identifier or tag of medie-fhir off them"
                )
        for id_ in ids:  # an index may lag behind what was written a moment ago
            target = f"{resource_type}/{id_}"
            if target not in found and (written := await self._written(target)) is not None:
                found[target] = written
        for target, match in found.items():
            self.known.learn(target, f"{resource_type}/{match['id']}")
        return found

    async def _written(self, target: str) -> Json | None:
        """A resource of ours where it was last seen, if it is there and still ours."""
        theirs = self.known.theirs(target)
        found = None if theirs is None else await self._server.read(*theirs.split("/"))
        return found if found is not None and marks.mark_of(found) == target.partition("/")[2] else None

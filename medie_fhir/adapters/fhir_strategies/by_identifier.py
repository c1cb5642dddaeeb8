"""A server that gives ids of its own, as one that takes ours: what is ours is found by a mark (see ``marks``)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence

from medie_fhir.adapters.fhir_outcome import resource_name
from medie_fhir.adapters.fhir_strategies import marks
from medie_fhir.adapters.fhir_strategies.known_places import KnownPlaces
from medie_fhir.adapters.fhir_write import WritesSingly
from medie_fhir.errors import FhirConflict, FhirRejected, FhirUnfit
from medie_fhir.fhir_names import place
from medie_fhir.model import Json
from medie_fhir.ports import Content

__all__ = ["ByIdentifier"]

_AT_ONCE = 8
_IDS_OF_A_SEARCH = 15  # a URL of 2,000 characters goes through every proxy
_PLACE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?")
# At the end alone: a base URL may hold what looks like a place, such as /FHIR/R4.
_IN_URL = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?$")
_NOBODYS = "5f0d4f3e-0000-5000-8000-000000000000"  # no name gives it: nothing is ever marked with it
# Read by others' ids in every resource, and hardly ever ours: not worth a question each, nor the right to ask it.
_SELDOM_OURS = frozenset(
    "CareTeam Encounter Group Location Organization Patient Practitioner PractitionerRole RelatedPerson".split()  # noqa: SIM905 - reads best as words
)


class ByIdentifier:
    """A FhirServer (see ports) in which every resource has our id, on a server that gives each an id of its own.

    Written are only entries that put a resource under an id of our form; all else passes with its references
    translated. ``conditional_update``: the server finds the resource by itself, in one request; else it is searched for
    before. ``conditional_create``: what is created is created once, though two may race for it.

    Raises FhirUnfit, too, where the server overlooks the search for the mark.

    An id of our form that no resource is marked with is taken for the server's own. Where several resources carry one
    mark, two writers have raced: that is FhirRejected, but for Devices, of which all are equal and the first is taken.
    """

    def __init__(self, server: WritesSingly, *, conditional_update: bool, conditional_create: bool) -> None:
        self._server = server
        self._conditional_update = conditional_update
        self._conditional_create = conditional_create
        self._known = KnownPlaces()
        self._searchable: set[str] = set()  # types of which it is known that the server looks for our mark
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def capabilities(self) -> Json:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.capabilities()

    async def content(self, url: str) -> Content:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.content(url)

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """A resource by our id, or by the server's own."""
        found = await self._of_ours(resource_type, resource_id)
        if found is None:
            found = await self._server.read(resource_type, resource_id)
        return None if found is None else (await self._incoming([found]))[0]

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """All matches. A parameter's value may be ``Type/our id``, or several of them with commas between."""
        named = {part for value in params.values() for part in value.split(",") if marks.our_place(part)}
        places = await self._places(named)
        translated = {
            name: ",".join(places.get(part, part) for part in value.split(",")) for name, value in params.items()
        }
        return await self._incoming(await self._server.search(resource_type, translated))

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """All versions of a resource, newest first; empty where there is none."""
        found = await self._of_ours(resource_type, resource_id)
        return await self._incoming(await self._server.history(resource_type, found["id"] if found else resource_id))

    async def transact(self, bundle: Json) -> Json:
        """Post a transaction, or a batch; the answer names places by our ids. Raises FhirConflict, FhirRejected.

        In a transaction, what the server doesn't hold yet is referred to by its ``fullUrl``, a ``urn:uuid:``.
        """
        entries: list[Json] = bundle.get("entry", [])
        sent = await self._outgoing(entries, joined=bundle.get("type") == "transaction")
        answer = await self._server.transact({**bundle, "entry": sent})
        answers = answer.get("entry", [])
        told = self._answered if bundle.get("type") == "transaction" else self._answered_alone
        return {**answer, "entry": [told(*three) for three in zip(entries, sent, answers, strict=True)]}

    async def write(self, entry: Json) -> Json:
        """Put one entry by itself; the answer names its place by our id. Raises FhirConflict, FhirRejected."""
        (sent,) = await self._outgoing([entry], joined=False)
        if target := _target(entry):
            sent = {**sent, "fullUrl": target}  # not sent: for errors to name it by
        return self._answered(entry, sent, await self._server.write(sent))

    # --- to the server -----------------------------------------------------------------------------------------------

    async def _outgoing(self, entries: Sequence[Json], *, joined: bool) -> list[Json]:
        """The entries as the server takes them. ``joined``: they may refer to each other before they are written."""
        ours = [_target(entry) for entry in entries]
        await self._prove_search({target.partition("/")[0] for target in ours if target})
        looked_for = [
            target
            for target, entry in zip(ours, entries, strict=True)
            if target and (not self._conditional_update or entry["request"].get("ifMatch"))
        ]
        standing = await self._standing(looked_for)
        places = {place: f"{place.partition('/')[0]}/{found['id']}" for place, found in standing.items()}
        if joined:
            new = (target for target in ours if target and target not in places)
            places |= {target: marks.urn(target.partition("/")[2]) for target in new}
        mentioned = {r["reference"] for entry in entries for r in marks.literals(entry.get("resource"))}
        places |= await self._places({m for m in mentioned if marks.our_place(m)}.difference(places))

        def change(reference: Json) -> Json:
            theirs = places.get(reference["reference"])
            if theirs is None:
                return reference
            return marks.mention(reference, theirs, reference["reference"].partition("/")[2])

        translated = [{**e, "resource": marks.references(e["resource"], change)} for e in entries]
        return [
            entry if target is None else self._addressed(entry, target, standing.get(target))
            for entry, target in zip(translated, ours, strict=True)
        ]

    def _addressed(self, entry: Json, target: str, found: Json | None) -> Json:
        """The entry, put where the server has the resource, or where it makes one."""
        resource_type, id_ = target.split("/")
        resource = marks.marked(entry["resource"], id_)
        guard = _etag(entry["request"].get("ifMatch"))
        if guard is not None:
            _refuse_conflict(guard, found, resource_type)
        if found is not None:
            asked = {"method": "PUT", "url": f"{resource_type}/{found['id']}"}
            if guard is not None:
                asked["ifMatch"] = entry["request"]["ifMatch"]
            return {"resource": {**resource, "id": found["id"]}, "request": asked}
        condition = marks.condition(resource_type, id_)
        if self._conditional_update and guard is None:
            asked = {"method": "PUT", "url": f"{resource_type}?{condition}"}
        else:
            asked = {"method": "POST", "url": resource_type}
            if self._conditional_create:
                asked["ifNoneExist"] = condition
        return {"fullUrl": marks.urn(id_), "resource": resource, "request": asked}

    def _answered(self, entry: Json, sent: Json, answer: Json) -> Json:
        """The answer with our place in it; the server's is remembered. Raises FhirConflict where another was faster."""
        response, target = answer.get("response", {}), _target(entry)
        status = str(response.get("status", ""))
        if target is None or not status.startswith("2"):
            return answer
        asked = sent["request"]
        kind = target.partition("/")[0]
        if asked.get("ifNoneExist") and kind != "Device" and not status.startswith("201"):
            # The server has kept what it found, and not written ours.
            raise FhirConflict(f"writing a {kind}: another has created it meanwhile")
        found = _IN_URL.search(str(response.get("location", ""))) or _PLACE.fullmatch(asked["url"])
        if found is None or found[1] != kind:
            return answer
        self._known.learn(target, f"{found[1]}/{found[2]}")
        return {**answer, "response": {**response, "location": target + _version_in(response.get("location", ""))}}

    def _answered_alone(self, entry: Json, sent: Json, answer: Json) -> Json:
        """The same for an entry of a batch, each of which succeeds or fails by itself."""
        try:
            return self._answered(entry, sent, answer)
        except FhirConflict:
            return {"response": {"status": "412 Precondition Failed"}}

    # --- from the server ---------------------------------------------------------------------------------------------

    async def _incoming(self, resources: Sequence[Json]) -> list[Json]:
        """The resources with our ids, and with references by our ids."""
        for resource in resources:
            self._learn(resource)
        await self._learn_all({r["reference"] for r in marks.literals(list(resources)) if not marks.mentioned(r)})
        return [self._ours(resource) for resource in resources]

    def _ours(self, resource: Json) -> Json:
        id_, bare = marks.told(resource)
        translated: Json = marks.references(bare, self._back)
        return translated if id_ is None else {**translated, "id": id_}

    def _back(self, reference: Json) -> Json:
        literal, id_ = reference["reference"], marks.mentioned(reference)
        ours = self._known.ours(literal.partition("/_history/")[0])
        rest = {name: value for name, value in reference.items() if name != "identifier"} if id_ else reference
        found = _IN_URL.search(literal)
        if id_ is not None and found and not self._leads_elsewhere(literal, f"{found[1]}/{id_}"):
            ours = f"{found[1]}/{id_}"
        return rest if ours is None else {**rest, "reference": ours}

    def _leads_elsewhere(self, literal: str, ours: str) -> bool:
        """Whether someone has changed a reference's literal, and left the identifier beside it."""
        theirs = self._known.theirs(ours)
        return theirs is not None and "://" not in literal and literal.partition("/_history/")[0] != theirs

    async def _learn_all(self, literals: Iterable[str]) -> None:
        """Ask the server whether the places that it refers to are ours."""
        bare = (literal.partition("/_history/")[0] for literal in literals)
        asked = [literal for literal in dict.fromkeys(bare) if _is_worth_asking(literal, self._known)]

        async def one(literal: str) -> None:
            async with self._gate:
                found = await self._server.read(*literal.split("/"))
            if found is not None:
                self._learn(found)

        await asyncio.gather(*map(one, asked))

    def _learn(self, resource: Json) -> None:
        id_, kind = marks.mark_of(resource), resource["resourceType"]
        self._known.learn(None if id_ is None else f"{kind}/{id_}", f"{kind}/{resource['id']}")

    # --- what the server has -----------------------------------------------------------------------------------------

    async def _prove_search(self, types: set[str]) -> None:
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

    async def _of_ours(self, resource_type: str, resource_id: str) -> Json | None:
        """The server's resource of an id of ours; None for an id of another form, and where none is marked with it."""
        if not marks.is_ours(resource_id):
            return None
        target = place(resource_type, resource_id)
        return (await self._standing([target])).get(target)

    async def _places(self, ours: Iterable[str]) -> dict[str, str]:
        """Where the server has resources of ours, for those that it has."""
        places = {place: self._known.theirs(place) for place in ours}
        found = await self._standing([place for place, theirs in places.items() if theirs is None])
        kept = {place: theirs for place, theirs in places.items() if theirs is not None}
        return kept | {place: f"{place.partition('/')[0]}/{r['id']}" for place, r in found.items()}

    async def _standing(self, ours: Sequence[str]) -> dict[str, Json]:
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
            self._known.learn(target, f"{resource_type}/{match['id']}")
        return found

    async def _written(self, target: str) -> Json | None:
        """A resource of ours where it was last seen, if it is there and still ours."""
        theirs = self._known.theirs(target)
        found = None if theirs is None else await self._server.read(*theirs.split("/"))
        return found if found is not None and marks.mark_of(found) == target.partition("/")[2] else None


def _target(entry: Json) -> str | None:
    """``Type/our id`` of an entry that puts a resource of ours; None for any other."""
    request = entry["request"]
    return request["url"] if request["method"] == "PUT" and marks.our_place(request["url"]) else None


def _etag(text: str | None) -> str | None:
    return None if text is None else text.removeprefix("W/").strip('"')


def _refuse_conflict(guard: str, found: Json | None, resource_type: str) -> None:
    """``0`` is the version of what is not there: see ``transaction.guarded``."""
    version = "0" if found is None else found.get("meta", {}).get("versionId")
    if version is None and guard != "0":  # a server that numbers no versions
        return
    if version != guard:
        raise FhirConflict(f"writing a {resource_type}: another has written it since it was read")


def _is_worth_asking(literal: str, known: KnownPlaces) -> bool:
    found = _PLACE.fullmatch(literal)
    return found is not None and found[1] not in _SELDOM_OURS and not known.knows(literal)


def _version_in(location: str) -> str:
    _, slash, version = location.partition("/_history/")
    return slash + version

"""A server that gives ids of its own, as one that takes ours: what is ours is found by a mark (see ``marks``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medie_fhir.adapters.fhir_strategies import marks
from medie_fhir.adapters.fhir_strategies.holdings import Holdings
from medie_fhir.adapters.fhir_strategies.incoming import Incoming, place_in
from medie_fhir.adapters.fhir_write import WritesSingly
from medie_fhir.errors import FhirConflict
from medie_fhir.model import Json
from medie_fhir.ports import Content

__all__ = ["ByIdentifier"]


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
        self._held = Holdings(server)
        self._incoming = Incoming(self._held)

    async def capabilities(self) -> Json:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.capabilities()

    async def content(self, url: str) -> Content:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.content(url)

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """A resource by our id, or by the server's own."""
        found = await self._held.of_ours(resource_type, resource_id)
        if found is None:
            found = await self._server.read(resource_type, resource_id)
        return None if found is None else (await self._incoming.translated([found]))[0]

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """All matches. A parameter's value may be ``Type/our id``, or several of them with commas between."""
        named = {part for value in params.values() for part in value.split(",") if marks.our_place(part)}
        places = await self._held.places(named)
        translated = {
            name: ",".join(places.get(part, part) for part in value.split(",")) for name, value in params.items()
        }
        return await self._incoming.translated(await self._server.search(resource_type, translated))

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """All versions of a resource, newest first; empty where there is none."""
        found = await self._held.of_ours(resource_type, resource_id)
        return await self._incoming.translated(
            await self._server.history(resource_type, found["id"] if found else resource_id)
        )

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

    async def _outgoing(self, entries: Sequence[Json], *, joined: bool) -> list[Json]:
        """The entries as the server takes them. ``joined``: they may refer to each other before they are written."""
        ours = [_target(entry) for entry in entries]
        await self._held.prove_search({target.partition("/")[0] for target in ours if target})
        looked_for = [
            target
            for target, entry in zip(ours, entries, strict=True)
            if target and (not self._conditional_update or entry["request"].get("ifMatch"))
        ]
        standing = await self._held.standing(looked_for)
        places = {place: f"{place.partition('/')[0]}/{found['id']}" for place, found in standing.items()}
        if joined:
            new = (target for target in ours if target and target not in places)
            places |= {target: marks.urn(target.partition("/")[2]) for target in new}
        mentioned = {r["reference"] for entry in entries for r in marks.literals(entry.get("resource"))}
        places |= await self._held.places({m for m in mentioned if marks.our_place(m)}.difference(places))

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
        theirs = place_in(str(response.get("location", ""))) or place_in(asked["url"])
        if theirs is None or theirs.partition("/")[0] != kind:
            return answer
        self._held.known.learn(target, theirs)
        return {**answer, "response": {**response, "location": target + _version_in(response.get("location", ""))}}

    def _answered_alone(self, entry: Json, sent: Json, answer: Json) -> Json:
        """The same for an entry of a batch, each of which succeeds or fails by itself."""
        try:
            return self._answered(entry, sent, answer)
        except FhirConflict:
            return {"response": {"status": "412 Precondition Failed"}}


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


def _version_in(location: str) -> str:
    _, slash, version = location.partition("/_history/")
    return slash + version

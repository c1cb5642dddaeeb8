"""A server without transactions, as one that has them, as nearly as can be: in steps, and put back where one fails.

Between the first step and the last a reader may see half a document; its Provenance comes last. After a failure, what
was written is put back: the earlier version again, and what is new as entered-in-error, for nothing is ever deleted.
What can't be put back, or the process with it, is written over by the next attempt, whose ids are the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

from medie_fhir.adapters.fhir_answers import error_of
from medie_fhir.adapters.fhir_outcome import resource_name
from medie_fhir.adapters.fhir_strategies.order import in_steps
from medie_fhir.adapters.fhir_write import WritesSingly
from medie_fhir.adapters.passing import Passing
from medie_fhir.errors import (
    FhirAnswerInvalid,
    FhirConflict,
    FhirForbidden,
    FhirRejected,
    FhirThrottled,
    FhirUnauthorized,
    FhirUnavailable,
)
from medie_fhir.model import Json
from medie_fhir.transaction import STAMPS, retracted, stamped

__all__ = ["Piecewise"]

_AT_ONCE = 8
_STAYS = frozenset({"Device", "Patient", "Provenance"})
"""New ones are left: they have no such status, or say nothing of the document, and others may refer to them already."""
_REFUSED = (FhirConflict, FhirForbidden, FhirRejected)
"""Surely not written by us: what stands there is another's."""
_DOWN = (FhirUnavailable, FhirThrottled, FhirUnauthorized)


class Piecewise(Passing):
    """A FhirServer (see ports) whose transactions are batches, or with ``batch`` off single writes.

    An ``ifMatch`` guards the whole: it is looked at before the first step, and again by the server at its own entry.
    """

    def __init__(self, server: WritesSingly, *, batch: bool) -> None:
        super().__init__(server)
        self._writer = server
        self._batch = batch

    async def transact(self, bundle: Json) -> Json:
        """Write the entries in steps; the answers as those of a transaction.

        Raises what the first failure raises, after what was written is put back; FhirUnavailable, which names what is
        left, where that fails too: trying again mends it. FhirConflict, FhirRejected before anything is written.
        """
        entries: list[Json] = bundle.get("entry", [])
        before = await self._standing(entries)
        for entry in entries:
            _refuse_conflict(entry, before.get(entry["request"]["url"]))
        answers: dict[int, Json] = {}
        tried: list[int] = []
        refused: set[int] = set()
        try:
            for step in in_steps(entries, [place for place, old in before.items() if old is not None]):
                for part in [step] if self._batch else [[index] for index in step]:
                    tried += part
                    await self._send(entries, part, answers, refused)
        except Exception as error:
            doubtful = [entries[index] for index in reversed(tried) if index not in refused]
            left = await self._put_back(doubtful, before, _versions(entries, answers))
            if left:
                raise FhirUnavailable(
                    f"{error}; and what was written before could not be put back: {', '.join(left)}; trying again"
                    " mends it"
                ) from error
            raise
        ordered = [answers[index] for index in range(len(entries))]
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": ordered}

    # --- forward -----------------------------------------------------------------------------------------------------

    async def _standing(self, entries: Sequence[Json]) -> dict[str, Json | None]:
        """What stands where the entries put something."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(place: str) -> Json | None:
            async with gate:
                return await self._server.read(*place.split("/"))

        places = [entry["request"]["url"] for entry in entries if _is_put(entry)]
        return dict(zip(places, await asyncio.gather(*map(one, places)), strict=True))

    async def _send(
        self, entries: Sequence[Json], part: Sequence[int], answers: dict[int, Json], refused: set[int]
    ) -> None:
        """Write some entries, each by itself; ``answers`` gets those of the written ones. Raises the first failure."""
        if not self._batch:
            (index,) = part
            try:
                answers[index] = await self._writer.write(entries[index])
            except _REFUSED:
                refused.add(index)
                raise
            return
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": [entries[index] for index in part]}
        answered = (await self._server.transact(bundle)).get("entry", [])
        errors = []
        for index, answer in zip(part, answered, strict=True):
            error = _failure(answer, entries[index])
            if error is None:
                answers[index] = answer
            else:
                errors.append(error)
                if isinstance(error, _REFUSED):
                    refused.add(index)
        if errors:
            raise errors[0]

    # --- back --------------------------------------------------------------------------------------------------------

    async def _put_back(
        self, tried: Sequence[Json], before: Mapping[str, Json | None], written: Mapping[str, str | None]
    ) -> list[str]:
        """Put back what entries have written; the places where that failed.

        An entry whose answer is missing may have been written all the same: what stands now tells.
        """
        left: list[str] = []
        for number, entry in enumerate(tried):
            place = entry["request"]["url"]
            if not _is_put(entry):
                continue
            try:
                await self._put_one_back(entry, before[place], written.get(place))
            except FhirConflict:
                continue  # another has written it since: theirs stands
            except _DOWN:  # and so will all others: not one wait after the other
                return left + [resource_name(e) for e in tried[number:] if _is_put(e)]
            except Exception:  # noqa: BLE001 - whatever it was, the first failure is the one to be told
                left.append(resource_name(entry))
        return left

    async def _put_one_back(self, entry: Json, old: Json | None, written: str | None) -> None:
        now = await self._server.read(*entry["request"]["url"].split("/"))
        if now is None or (old is not None and _content(now) == _content(old)):
            return
        version = now.get("meta", {}).get("versionId")
        if None not in (version, written) and version != written:
            return  # another has written it since: theirs stands
        if old is None and entry["resource"]["resourceType"] in _STAYS:
            return
        earlier = _in_error(entry["resource"]) if old is None else _without_version(old)
        request = {"method": "PUT", "url": entry["request"]["url"]}
        if version is not None:
            request["ifMatch"] = f'W/"{version}"'
        await self._send([{"resource": earlier, "request": request}], [0], {}, set())


def _is_put(entry: Json) -> bool:
    url = entry["request"]["url"]
    return entry["request"]["method"] == "PUT" and "/" in url and "?" not in url


def _refuse_conflict(entry: Json, standing: Json | None) -> None:
    """See ``transaction.guarded``; ``0`` is the version of what is not there."""
    guard = entry["request"].get("ifMatch")
    if guard is None or not _is_put(entry):
        return
    version = "0" if standing is None else standing.get("meta", {}).get("versionId")
    if version is not None and version != guard.removeprefix("W/").strip('"'):
        kind = entry["resource"]["resourceType"]
        raise FhirConflict(f"writing a {kind}: another has written it since it was read")


def _failure(answer: Json, entry: Json) -> Exception | None:
    """The error that an entry of a batch-response stands for."""
    response = answer.get("response", {})
    status = str(response.get("status", ""))[:3]
    if status in ("200", "201"):
        return None
    doing = f"writing {resource_name(entry)} in a batch"
    if not (status.isascii() and status.isdigit()):
        return FhirAnswerInvalid(f"{doing}: the answer has no status")
    body = json.dumps(response.get("outcome") or {}).encode()
    needs = f"{entry['resource']['resourceType']}: create and update"
    return error_of(int(status), {}, body, doing, needs, bundle={"entry": [entry]})


def _versions(entries: Sequence[Json], answers: Mapping[int, Json]) -> dict[str, str | None]:
    """The versions that were written, as the answers tell them."""
    return {
        entries[index]["request"]["url"]: _bare(answer.get("response", {}).get("etag"))
        for index, answer in answers.items()
    }


def _bare(etag: str | None) -> str | None:
    return None if etag is None else etag.removeprefix("W/").strip('"')


def _content(resource: Json) -> str:
    """A resource without what a server says of its version."""
    return json.dumps({k: v for k, v in resource.items() if k != "meta"}, sort_keys=True)


def _without_version(resource: Json) -> Json:
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    return {**resource, "meta": meta}


def _in_error(resource: Json) -> Json:
    """What was new, as one that never held; stamped as ours, so that the next attempt may bring it to life."""
    gone = next(iter(retracted([resource], frozenset())), resource)
    return stamped(gone) if any(i.get("system") == STAMPS for i in gone.get("identifier", ())) else gone

"""What the target server holds of earlier work on a document: asked before each writing, and as little as will do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from medie_fhir.errors import FhirRejected
from medie_fhir.model import DocumentInfo, ExtractionRecord, Json, Outcome
from medie_fhir.ports import FhirServer
from medie_fhir.transaction import (
    Reviewed,
    SourceDocuments,
    Standing,
    document_id,
    identifier_token,
    named_by,
    place,
    targets,
    tasks,
    version_of,
)

__all__ = ["EarlierWork"]

_READS_AT_ONCE = 8
_TARGETS_AT_ONCE = 30  # of one search: a URL of 2,000 characters goes through every proxy


@dataclass(frozen=True, slots=True)
class EarlierWork:
    """The questions to the target. ``reviewed``: where edits are written over, nobody's word on them is asked for.

    All of them raise FhirError.
    """

    target: FhirServer
    documents: SourceDocuments
    reviewed: Reviewed

    async def by_id(self, record: ExtractionRecord) -> ExtractionRecord:
        """A retraction of a document that an identifier names, as one of the only document that we know to have it."""
        document = record.document
        if record.outcome is not Outcome.RETRACTED or (token := identifier_token(document)) is None:
            return record
        found = await self.target.search("DocumentReference", {"identifier": token})
        named = named_by(found, document, originals=self.documents.mode == "reference")
        return record.model_copy(update={"document": document.model_copy(update={"reference": named})})

    async def standing(self, document: DocumentInfo) -> Standing:
        """What earlier work left on the server for the document; on the live path that is one read, of nothing."""
        copy = None
        if self.documents.copied(document):
            copy = await self.target.read("DocumentReference", document_id(document))
            if copy is None:
                return Standing()
        return Standing(copy, await self._provenances(document))

    async def after_conflict(self, document: DocumentInfo, before: Standing) -> Standing | None:
        """What stands without the copy, where that was not there before a conflict nor is after it: it was deleted.

        None where it is there: another member has written it, and its version is to be read first.
        """
        if before.document is not None or not self.documents.copied(document):
            return None
        if await self.target.read("DocumentReference", document_id(document)) is not None:
            return None
        return Standing(provenances=await self._provenances(document), is_copy_deleted=True)

    async def with_resources(self, standing: Standing, resources: Iterable[Json]) -> Standing:
        """With what stands of the document's facts, and what others say of it; not asked on the live path."""
        if not standing.is_known:
            return standing
        found = await self._read_all([*targets(standing.provenances), *map(place, resources)])
        if self.reviewed == "overwrite":
            return replace(standing, resources=found)
        places = [place(r) for r in found]
        said: dict[str, Json] = {}
        for start in range(0, len(places), _TARGETS_AT_ONCE):
            few = ",".join(places[start : start + _TARGETS_AT_ONCE])
            said |= {place(p): p for p in await self.target.search("Provenance", {"target": few})}
        others = tuple(p for p in said.values() if version_of(p) is None)
        return replace(standing, resources=found, others=others)

    async def tasks_that_stand(self, bundle: Json) -> list[str]:
        """Those of the Bundle's Tasks that are on the server already, or were: a person's progress on them stands."""
        asked = tasks(bundle)
        found = {place(task) for task in await self._read_all(asked)}
        return [task for task in asked if task in found or await self._was_there(task)]

    async def _provenances(self, document: DocumentInfo) -> tuple[Json, ...]:
        return tuple(await self.target.search("Provenance", self.documents.work(document)))

    async def _was_there(self, reference: str) -> bool:
        """Whether a resource that is not there was deleted; False where a server keeps no history."""
        try:
            return bool(await self.target.history(*reference.split("/", 1)))
        except FhirRejected:
            return False

    async def _read_all(self, references: Iterable[str]) -> tuple[Json, ...]:
        """The resources that are there, once each."""
        gate = asyncio.Semaphore(_READS_AT_ONCE)

        async def one(reference: str) -> Json | None:
            async with gate:
                resource_type, resource_id = reference.split("/", 1)
                return await self.target.read(resource_type, resource_id)

        found = await asyncio.gather(*map(one, dict.fromkeys(references)))
        return tuple(r for r in found if r is not None)

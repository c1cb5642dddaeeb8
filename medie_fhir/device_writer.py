"""Posting a document's transaction, once the Device that it refers to is there."""

from __future__ import annotations

from medie_fhir.errors import FhirRejected
from medie_fhir.model import ExtractionRecord, Json, Outcome
from medie_fhir.ports import FhirServer
from medie_fhir.transaction import device, transaction

__all__ = ["DeviceWriter"]


class DeviceWriter:
    """Writes each Device once a process, and not in every Bundle: parallel transactions on one resource conflict."""

    def __init__(self) -> None:
        self._written: set[str] = set()

    async def write(self, bundle: Json, record: ExtractionRecord, target: FhirServer) -> None:
        """Post the record's Bundle, and before it the Device, where this process has not yet. Raises FhirError.

        A server that was emptied or restored meanwhile refuses it for a Device that we take to be there: where we only
        take it to be, it is written again, and the transaction posted once more.
        """
        if record.outcome is Outcome.RETRACTED:  # refers to none
            await target.transact(bundle)
            return
        resource = device(record.produced)
        remembered = resource["id"] in self._written
        await self._ensure(resource, target)
        try:
            await target.transact(bundle)
        except FhirRejected:
            if not remembered:
                raise
            self._written.discard(resource["id"])
            await self._ensure(resource, target)
            await target.transact(bundle)

    async def _ensure(self, resource: Json, target: FhirServer) -> None:
        if resource["id"] not in self._written:
            await target.transact(transaction([resource]))
            self._written.add(resource["id"])

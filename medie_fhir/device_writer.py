"""Posting a document's transaction, once the Devices that it refers to are there."""

from __future__ import annotations

from collections.abc import Iterable

from medie_fhir.errors import FhirRejected
from medie_fhir.model import Json
from medie_fhir.ports import FhirServer
from medie_fhir.transaction import transaction

__all__ = ["DeviceWriter"]


class DeviceWriter:
    """Writes each Device once a process, and not in every Bundle: parallel transactions on one resource conflict."""

    def __init__(self) -> None:
        self._written: set[str] = set()

    async def write(self, bundle: Json, devices: Iterable[Json], target: FhirServer) -> None:
        """Post the Bundle, and before it its Devices, where this process has not yet. Raises FhirError.

        A server that was emptied or restored meanwhile refuses it for a Device that we take to be there: where we only
        take it to be, it is written again, and the transaction posted once more.
        """
        needed = {resource["id"]: resource for resource in devices}
        remembered = self._written & needed.keys()
        await self._ensure(needed, target)
        try:
            await target.transact(bundle)
        except FhirRejected:
            if not remembered:
                raise
            self._written -= remembered
            await self._ensure(needed, target)
            await target.transact(bundle)

    async def _ensure(self, needed: dict[str, Json], target: FhirServer) -> None:
        for id_, resource in needed.items():
            if id_ not in self._written:
                await target.transact(transaction([resource]))
                self._written.add(id_)

"""Files, or a topic, as a target that remembers: what an earlier version of a document gave is found and taken back.

Reads are answered by a shadow (``adapters/shadow``) of all that was written. A transaction is first tried on the
shadow, which may refuse it; then written out; and remembered last. So whatever is remembered has been written. Killed
in between, the record is done again and its transaction written twice, which changes nothing at the importer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from medie_fhir.adapters.document_of import document_key
from medie_fhir.adapters.shadow import Shadow
from medie_fhir.adapters.write_only import accepted, unguarded
from medie_fhir.model import Json
from medie_fhir.ports import Content, FhirServer

__all__ = ["Closing", "Shadowed"]

T = TypeVar("T")


class Closing(FhirServer, Protocol):
    """A target that has something to close."""

    async def aclose(self) -> None:
        """Close it."""
        ...


class Shadowed:
    """The port ``FhirServer`` over a target that only takes in (``WriteOnly``) and the shadow of what it took."""

    def __init__(self, target: Closing, shadow: Shadow) -> None:
        self._target, self._shadow = target, shadow
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def aclose(self) -> None:
        """Closes the target, and then the shadow."""
        try:
            await self._target.aclose()
        finally:
            await self._do(self._shadow.close)
            self._thread.shutdown()

    async def capabilities(self) -> Json:
        """The target's."""
        return await self._target.capabilities()

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """A resource as it was last written out, or None."""
        return await self._do(lambda: self._shadow.read(resource_type, resource_id))

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """All that match of what was written out. Raises FhirRejected for a parameter that the shadow doesn't know."""
        return await self._do(lambda: self._shadow.search(resource_type, params))

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """The one version that is remembered, if any."""
        found = await self.read(resource_type, resource_id)
        return [] if found is None else [found]

    async def transact(self, bundle: Json) -> Json:
        """Writes out what changes anything, without its ``ifMatch``, and remembers it.

        Raises FhirConflict where an ``ifMatch`` fails, FhirRejected, FhirUnavailable, and what the target raises: then
        nothing is remembered.
        """
        document = document_key(bundle)
        async with self._turns.setdefault(document or "", asyncio.Lock()):
            # A Device is said again by each process: a topic's later records need it.
            if not await self._do(lambda: self._shadow.changes(bundle)) and document is not None:
                return accepted(bundle, "200 OK")
            answer = await self._target.transact(unguarded(bundle))
            await self._do(lambda: self._shadow.keep(bundle))
            return answer

    async def content(self, url: str) -> Content:
        """Raises ContentNotFound, as the target does."""
        return await self._target.content(url)

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

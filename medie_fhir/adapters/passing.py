"""What stands before a FHIR server, and changes some of what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping

from medie_fhir.model import Json
from medie_fhir.ports import Content, FhirServer

__all__ = ["Passing"]


class Passing:
    """A FhirServer (see ports) that passes all on to another."""

    def __init__(self, server: FhirServer) -> None:
        self._server = server

    async def capabilities(self) -> Json:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.capabilities()

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.read(resource_type, resource_id)

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.search(resource_type, params)

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.history(resource_type, resource_id)

    async def transact(self, bundle: Json) -> Json:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.transact(bundle)

    async def content(self, url: str) -> Content:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.content(url)

"""A server whose abilities are looked at when it is first needed: it may be away until then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from medie_fhir.model import Json
from medie_fhir.ports import Content, FhirServer

__all__ = ["Adapting"]


class Adapting:
    """The port ``FhirServer``: passes all on to what ``adapted`` gives, which is asked until it answers.

    ``server`` is the same without any strategy, for what needs none.
    """

    def __init__(self, server: FhirServer, adapted: Callable[[], Awaitable[FhirServer]]) -> None:
        self._server = server
        self._adapt = adapted
        self._adapted: FhirServer | None = None
        self._one = asyncio.Lock()

    async def capabilities(self) -> Json:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.capabilities()

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await (await self._strategy()).read(resource_type, resource_id)

    async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await (await self._strategy()).search(resource_type, params)

    async def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await (await self._strategy()).history(resource_type, resource_id)

    async def transact(self, bundle: Json) -> Json:
        """See :class:`~medie_fhir.ports.FhirServer`. Raises FhirUnfit too."""
        return await (await self._strategy()).transact(bundle)

    async def content(self, url: str) -> Content:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        return await self._server.content(url)

    async def _strategy(self) -> FhirServer:
        if self._adapted is None:
            async with self._one:
                if self._adapted is None:
                    self._adapted = await self._adapt()
        return self._adapted

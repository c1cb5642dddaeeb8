"""Model and FHIR server, with a count of the work that they did: a record's own fault is told from an outage by it.

A record that fails again and again while its server does the same work for others is at fault itself. Only the work
that records wait for counts: that a server answers a probe says nothing of whether it writes.
"""

from __future__ import annotations

from collections.abc import Callable

from medie_fhir.adapters.passing import Passing
from medie_fhir.model import Json
from medie_fhir.ports import Content, FhirServer, ModelAnswer, ModelDescription, ModelRequest, ModelServer

__all__ = ["WatchedModel", "WatchedSource", "WatchedTarget"]


class WatchedModel:
    """A ModelServer (see ports) that passes all on. ``worked``: how many answers the model has given.

    An answer out of a cache is none: the model may be away meanwhile.
    """

    def __init__(self, server: ModelServer, *, counted_by: WatchedModel | None = None) -> None:
        self._server = server
        self._counted_by = counted_by or self
        self.worked = 0

    def serve(self, server: ModelServer) -> None:
        """Go on with this server; what :meth:`pinned` gave before keeps the one that it had."""
        self._server = server

    def pinned(self) -> WatchedModel:
        """The server of this moment, for good. What it works is counted here."""
        return WatchedModel(self._server, counted_by=self._counted_by)

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """See :class:`~medie_fhir.ports.ModelServer`."""
        answer = await self._server.complete(request)
        self._counted_by.worked += not answer.cached
        return answer

    async def describe(self) -> ModelDescription:
        """See :class:`~medie_fhir.ports.ModelServer`."""
        return await self._server.describe()


class WatchedTarget(Passing):
    """The FHIR server that is written to. ``worked``: how many transactions it has taken.

    ``guard`` is asked right before each transaction, and raises where it must not be sent.
    """

    def __init__(self, server: FhirServer) -> None:
        super().__init__(server)
        self.worked = 0
        self.guard: Callable[[], None] | None = None

    async def transact(self, bundle: Json) -> Json:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        if self.guard is not None:
            self.guard()
        answer = await super().transact(bundle)
        self.worked += 1
        return answer


class WatchedSource(Passing):
    """The FHIR server that is read from. ``worked``: how many contents and resources it has given."""

    def __init__(self, server: FhirServer) -> None:
        super().__init__(server)
        self.worked = 0

    async def read(self, resource_type: str, resource_id: str) -> Json | None:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        resource = await super().read(resource_type, resource_id)
        self.worked += resource is not None
        return resource

    async def content(self, url: str) -> Content:
        """See :class:`~medie_fhir.ports.FhirServer`."""
        content = await super().content(url)
        self.worked += 1
        return content

"""A model server that serves an adapter of the registry: verified and loaded when it is first asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from medie_fhir.adapters.lora.modules import LoraModules
from medie_fhir.adapters.lora.registry import Adapter
from medie_fhir.errors import DependencyMissing, ModelRefused
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest, ModelServer

__all__ = ["OnDemand"]

T = TypeVar("T")


class OnDemand:
    """A ModelServer (see ports) over another that asks for ``adapter.served_as``.

    The server tells no digest of what it has loaded, so the registry's is told; the name that is asked for holds it,
    and a module is loaded only after every byte was compared, and again compared once it is in. A server that was
    started anew has forgotten what it had loaded: it is then loaded again. ``verified``: gives the adapter's files, or
    raises DependencyMissing; it reads them, and is run in a thread.
    """

    def __init__(
        self, server: ModelServer, adapter: Adapter, modules: LoraModules, verified: Callable[[], Path]
    ) -> None:
        self._server, self.adapter, self._modules, self._verified = server, adapter, modules, verified
        self._loading = asyncio.Lock()
        self._times = 0

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """See :class:`~medie_fhir.ports.ModelServer`. Raises DependencyMissing where the files are not the adapter."""
        return await self._loaded(lambda: self._server.complete(request))

    async def describe(self) -> ModelDescription:
        """What the server says, and the registry's name and digest. Raises ModelRefused where its base is another."""
        described = await self._loaded(self._server.describe)
        if described.model != self.adapter.base:
            raise ModelRefused(
                f"{self.adapter.name} was trained on {self.adapter.base}, and the server serves it on"
                f" {described.model}: if that is the same model, write this name as the adapter's `base`"
            )
        return replace(described, adapter=self.adapter.name, adapter_digest=self.adapter.sha256)

    async def _loaded(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the server answers once the adapter is in; asked again where it had been forgotten."""
        times = self._times
        if not times:
            await self._load(times)
            times = self._times
        try:
            return await ask()
        except ModelRefused:
            if self.adapter.served_as in await self._modules.names():
                raise
        await self._load(times)
        return await ask()

    async def _load(self, times: int) -> None:
        """Load it, unless someone else has since the caller looked."""
        async with self._loading:
            if self._times != times:
                return
            name = self.adapter.served_as
            path = await asyncio.to_thread(self._verified)
            await self._modules.load(name, self.adapter.server_path or str(path))
            try:
                await asyncio.to_thread(self._verified)
            except DependencyMissing:
                await self._modules.unload(name)  # it was exchanged while it was read
                raise
            self._times += 1

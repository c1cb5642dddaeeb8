"""A running consumer takes up the adapter that was put into use: from the next note on, or not at all.

The new one is loaded, and has answered who it is, before any note is read by it; what is being read ends by the one
that it began with, so that a record was made by what it says. Where it can't be had the former stays, and that is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from medie_fhir.adapters.lora import Adapter
from medie_fhir.errors import MedieError
from medie_fhir.model_servers import adapter_in_use, check_learned, open_served
from medie_fhir.settings import Settings
from medie_fhir.wiring import WatchedPipeline

__all__ = ["Adopting", "adopting"]

log = logging.getLogger(__name__)


class Adopting:
    """Keeps a pipeline's adapter as the journal says. ``opened``: closes what was opened, at the end of all work."""

    def __init__(self, settings: Settings, pipeline: WatchedPipeline, opened: AsyncExitStack) -> None:
        self._settings, self._pipeline, self._opened = settings, pipeline, opened
        self._refused = ""

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.model.adapters_reload_seconds)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - a fault in looking must not end the stream
                log.error("looking for the adapter in use failed with %s", type(error).__name__)  # noqa: TRY400

    async def look(self) -> None:
        """Look once, and take up what was put into use."""
        try:
            adapter = await asyncio.to_thread(adapter_in_use, self._settings)
            if adapter != self._pipeline.adapter:
                await self._take(adapter)
            self._refused = ""
        except MedieError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                log.error("%s stays in use: %s", _named(self._pipeline.adapter), error)  # noqa: TRY400 - no text but ours

    async def _take(self, adapter: Adapter | None) -> None:
        check_learned(self._settings, self._pipeline.task, adapter)
        async with AsyncExitStack() as stack:
            model = await stack.enter_async_context(open_served(self._settings, adapter))
            await model.describe()
            self._opened.push_async_exit(stack.pop_all())
        log.warning("%s is in use from now on, before it %s", _named(adapter), _named(self._pipeline.adapter))
        self._pipeline.adopt(model, adapter)


@asynccontextmanager
async def adopting(settings: Settings, pipeline: WatchedPipeline) -> AsyncIterator[None]:
    """A pipeline's Adopting, at work until the end of the block. The embedded model is not exchanged while it runs."""
    model = settings.model
    if model.adapters is None or model.base_url is None or not model.adapters_reload_seconds:
        yield
        return
    async with AsyncExitStack() as opened:
        task = asyncio.create_task(Adopting(settings, pipeline, opened).run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _named(adapter: Adapter | None) -> str:
    return adapter.label if adapter else "the adapter of model.name"

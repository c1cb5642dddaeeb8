"""A running consumer takes up edits of its mapping: whole and at once, or not at all.

Loading is done in a thread, the exchange between two steps of the work's loop: a record that is being published ends
by the mapping that it began with. Nothing that was published before is written again by it: `medie-fhir remap` does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from consumers.monitor import MappingInUse
from medie_fhir.mapping_edits import Edits, Loaded, Refused
from medie_fhir.metrics import Metrics
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings

__all__ = ["Reloading", "reloading"]

log = logging.getLogger(__name__)


class Reloading:
    """Keeps a pipeline's mapping and tables as their files are. ``in_use`` may be read from any thread."""

    def __init__(self, settings: Settings, pipeline: Pipeline, metrics: Metrics) -> None:
        self._pipeline, self._metrics = pipeline, metrics
        self._edits = Edits(settings, pipeline.task, pipeline.mapping, pipeline.tables)
        self._every_s = settings.mapping_reload_seconds
        self.in_use = MappingInUse(pipeline.mapping.label)
        self._tell(self.in_use)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - a fault in looking must not end the stream
                log.error("looking at the mapping failed with %s", type(error).__name__)  # noqa: TRY400

    async def look(self) -> None:
        """Look once, and take up what was edited."""
        match await asyncio.to_thread(self._edits.look):
            case Refused(faults):
                self._metrics.mapping_reload(loaded=False)
                self._tell(MappingInUse(self.in_use.label, faults))
                told = "\n  ".join(faults)
                log.error("the mapping was edited and has faults; %s stays in use:\n  %s", self.in_use.label, told)
            case Loaded() as loaded:
                self._take(loaded)

    def _take(self, loaded: Loaded) -> None:
        before, label, refused = self.in_use.label, loaded.mapping.label, self.in_use.refused
        self._pipeline.use(loaded.mapping, loaded.tables)
        self._tell(MappingInUse(label))
        if not loaded.changed:
            if refused:
                log.warning("the mapping's files are again what is in use: %s", label)
            return
        self._metrics.mapping_reload(loaded=True)
        log.warning(
            "the mapping was edited: %s is in use from now on, before it %s;"
            " medie-fhir remap applies it to what was published before",
            label if label != before else f"{label} (with other tables, or another word on edits)",
            before,
        )

    def _tell(self, in_use: MappingInUse) -> None:
        self.in_use = in_use
        self._metrics.mapping(in_use.label, refused=bool(in_use.refused))


@asynccontextmanager
async def reloading(settings: Settings, pipeline: Pipeline, metrics: Metrics) -> AsyncIterator[Reloading]:
    """A pipeline's Reloading, at work until the end of the block; with ``mapping_reload_seconds: 0`` it never looks."""
    watching = Reloading(settings, pipeline, metrics)
    if not settings.mapping_reload_seconds:
        yield watching
        return
    task = asyncio.create_task(watching.run())
    try:
        yield watching
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

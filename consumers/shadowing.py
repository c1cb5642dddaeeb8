"""A running consumer's shadow: another adapter of the registry that reads along, and what is told of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

from medie_fhir.adapters.differences import DifferencesFile
from medie_fhir.drift import Drift, adapter_label
from medie_fhir.model import Json
from medie_fhir.model_servers import check_learned, open_served, registry_of
from medie_fhir.settings import Settings
from medie_fhir.shadow_reading import Compared
from medie_fhir.wiring import WatchedPipeline

__all__ = ["shadowing"]

log = logging.getLogger(__name__)
_DRAIN_SECONDS = 5.0
"""How long a stop waits for what the shadow has not read: a few notes of a model's pace, and not what a supervisor's
grace is for. What is left is lost to the comparison alone.
"""


@asynccontextmanager
async def shadowing(
    settings: Settings, pipeline: WatchedPipeline, drift: Drift, drain_seconds: float = _DRAIN_SECONDS
) -> AsyncIterator[None]:
    """The shadow that the settings name, at work until the end of the block; what waits then is read for a while."""
    if settings.model.shadow is None:
        yield
        return
    adapter = registry_of(settings).adapter(settings.model.shadow)
    check_learned(settings, pipeline.task, adapter)
    differences = settings.model.shadow_differences
    file = DifferencesFile(differences) if differences else None

    def told(compared: Compared) -> None:
        drift.shadow(adapter.label, compared.result, compared.differences)
        if compared.error is not None:
            log.warning("the shadow %s can't read a note: %s", adapter.label, compared.error)
        if file is not None and (lines := list(_lines(compared))):
            file.write(lines)

    async with open_served(settings, adapter) as model:
        shadow = pipeline.shadowed_by(model, told, settings.model.shadow_queue)
        log.warning("%s reads along as a shadow: nothing of it is written", adapter.label)
        task = asyncio.create_task(shadow.run())
        try:
            yield
        finally:
            left = await shadow.ended(drain_seconds)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            if left:
                log.warning("the shadow %s is stopped; %s of its notes are left uncounted", adapter.label, left)


def _lines(compared: Compared) -> Iterator[Json]:
    if compared.second is None:
        return
    document, version = compared.document.key, compared.document.version.version_id
    by = {"at": compared.second.at, "first": adapter_label(compared.first), "second": adapter_label(compared.second)}
    for (field, kind), count in sorted(compared.differences.items()):
        if kind != "agree":
            yield {**by, "document": document, "version": version, "field": field, "difference": kind, "count": count}

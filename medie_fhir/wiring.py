"""Settings → adapters → pipeline: the one place where the world is chosen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from medie_fhir.adapters.fhir_pace import PacedFhir
from medie_fhir.adapters.referring import Referring
from medie_fhir.adapters.shadowed import Closing
from medie_fhir.adapters.unwritten import Unwritten
from medie_fhir.adapters.watched import WatchedModel, WatchedSource, WatchedTarget
from medie_fhir.configuration import Configuration
from medie_fhir.document import TextLimits
from medie_fhir.errors import ModelRefused
from medie_fhir.event import EventOptions
from medie_fhir.fhir_servers import is_asked, open_source, open_target
from medie_fhir.model_servers import adapter_in_use, check_learned, open_served
from medie_fhir.pipeline import Options
from medie_fhir.ports import FhirServer, ModelAnswer, ModelDescription, ModelRequest, ModelServer
from medie_fhir.routes import open_routes
from medie_fhir.settings import Settings
from medie_fhir.subjects import SubjectOptions
from medie_fhir.telemetry import Telemetry
from medie_fhir.terminology_server import AskedTerminology, open_terminology
from medie_fhir.transaction import SourceDocuments
from medie_fhir.watched_pipeline import WatchedPipeline

__all__ = [
    "SystemClock",
    "WatchedPipeline",
    "assemble_pipeline",
    "open_pipeline",
]


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)


@asynccontextmanager
async def open_pipeline(
    settings: Settings,
    *,
    with_model: bool = True,
    with_target: bool = True,
    dry: bool = False,
    telemetry: Telemetry | None = None,
    topic: Closing | None = None,
    configuration: Configuration | None = None,
) -> AsyncIterator[WatchedPipeline]:
    """The pipeline that the settings describe. ``with_model=False``: for publishing alone, no model is started.

    ``with_target=False``: for extracting alone, what is written to is not opened; a folder is for one process only.
    ``dry``: what is written to is read alone, and nothing is sent; what refers to nothing there is refused.
    ``topic``: where Bundles go, where the settings name one. ``configuration``: what they name, where it is loaded.
    """
    configuration = configuration or Configuration(settings)
    if with_model:
        check_learned(settings, configuration.task)
    adapter = adapter_in_use(settings) if with_model else None
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(open_source(settings))
        target = await stack.enter_async_context(open_target(settings, topic)) if with_target else source
        if dry:
            target = Referring(Unwritten(target)) if is_asked(settings) else Unwritten(target)
        model = await stack.enter_async_context(open_served(settings, adapter)) if with_model else _NoModel()
        terminology = await stack.enter_async_context(open_terminology(settings, configuration.task.fields))
        pipeline = assemble_pipeline(
            settings,
            configuration,
            model=model,
            source=source,
            target=target,
            telemetry=telemetry,
            terminology=terminology,
        )
        pipeline.adapter = adapter
        await open_routes(settings, pipeline, stack, with_model=with_model)
        yield pipeline


class _NoModel:
    """Stands where a program that only publishes has no model."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Refuse: nothing is extracted here."""
        del request
        raise ModelRefused("this program only publishes; it has no model")

    async def describe(self) -> ModelDescription:
        """Refuse: nothing is extracted here."""
        raise ModelRefused("this program only publishes; it has no model")


def assemble_pipeline(
    settings: Settings,
    configuration: Configuration,
    *,
    model: ModelServer,
    source: FhirServer,
    target: FhirServer,
    telemetry: Telemetry | None = None,
    terminology: AskedTerminology | None = None,
) -> WatchedPipeline:
    """A pipeline over given servers, with the settings' knobs."""
    notes, fhir, asked = settings.notes, settings.fhir, is_asked(settings)
    written = WatchedTarget(target)
    pace = None
    if asked:
        most, entries, size = fhir.concurrency, fhir.max_bundle_entries, fhir.max_bundle_bytes
        pace = PacedFhir(written, most=most, max_entries=entries, max_bytes=size)
    pipeline = WatchedPipeline(
        task=configuration.task,
        rules=configuration.rules,
        cues=configuration.cues,
        tables=configuration.tables,
        mapping=configuration.mapping,
        model=WatchedModel(model),
        source=WatchedSource(source),
        target=pace or written,
        clock=SystemClock(),
        options=Options(
            events=EventOptions(preliminary=notes.preliminary, server=fhir.source_base_url or fhir.base_url),
            limits=TextLimits(notes.max_bytes, notes.max_characters, configuration.languages),
            triage=settings.model.triage,
            readers=settings.readers,
            documents=SourceDocuments(fhir.documents, base=fhir.source_base_url or fhir.base_url),
            subjects=SubjectOptions(
                missing=fhir.missing_subject,
                base=fhir.base_url,
                external=fhir.external_subjects,
                guarded=fhir.guarded,
                asks=asked,  # files and topics hold no patients
            ),
            guarded=fhir.guarded and (asked or fhir.shadow is not None),  # else nobody knows what stands
            source=notes.source,
        ),
        telemetry=telemetry,
        terminology=terminology,
        lexicon=configuration.lexicon,
        calibration=configuration.calibration,
    )
    pipeline.written, pipeline.pace = written, pace
    pipeline.ask(pipeline.model.pinned())
    return pipeline

"""A pipeline as the programs run it: its servers' work is counted, its adapter can change, other tasks have routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from medie_fhir.adapters.fhir_pace import PacedFhir
from medie_fhir.adapters.lora import Adapter
from medie_fhir.adapters.watched import WatchedModel, WatchedSource, WatchedTarget
from medie_fhir.blame import in_task
from medie_fhir.model import DocumentInfo, EventKind, ExtractionRecord, NoteEvent, NoteText
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelServer
from medie_fhir.routing import Fit, readers
from medie_fhir.terminology_server import AskedTerminology
from medie_fhir.transaction import Reviewed

__all__ = ["WatchedPipeline"]


class WatchedPipeline(Pipeline):
    """A pipeline whose servers' work is counted (``pipeline.model.worked``).

    ``written`` is what counts for the target, ``pace`` what its transactions wait for; none for files and a topic.
    ``adapter``: the registry's that is asked; None where the settings name it by themselves. A note that one of
    ``fits`` takes is read by another pipeline, by its task's name in ``others``, and what that read is written by its
    mapping; all other notes, and retractions, which take back whatever tasks wrote, are this one's.
    """

    model: WatchedModel
    source: WatchedSource
    written: WatchedTarget
    pace: PacedFhir | None
    terminology: AskedTerminology | None

    adapter: Adapter | None = None
    fits: Sequence[Fit] = ()
    others: Mapping[str, Pipeline] = {}

    def adopt(self, model: ModelServer, adapter: Adapter | None) -> None:
        """Go on with this model server; a note that is being read ends by the one that it began with."""
        self.adapter = adapter
        self.model.serve(model)
        self.ask(self.model.pinned())
        for other in self.others.values():
            if other.model is self.model:
                other.ask(self.model.pinned())

    @property
    def fields_of_all(self) -> tuple[str, ...]:
        """The fields of every task that reads notes here, each name once."""
        return tuple(dict.fromkeys(name for fields in self.fields_by_task.values() for name in fields))

    @property
    def fields_by_task(self) -> dict[str, tuple[str, ...]]:
        """The fields of every task that reads notes here."""
        return {pipeline.task.name: pipeline.fields for pipeline in (self, *self.others.values())}

    def route(self, fits: Sequence[Fit], others: Mapping[str, Pipeline]) -> None:
        """Have other pipelines read the notes that fit."""
        self.fits, self.others = fits, others

    async def extract(self, event: NoteEvent) -> ExtractionRecord:
        """See :class:`Pipeline`; of a note that several tasks read, one record. Raises what any of them does."""
        if event.kind is EventKind.RETRACTION:
            return await super().extract(event)
        return await self._read(event, await self.note(event), self._told(event))

    async def extract_by_routes(self, document: DocumentInfo, note: NoteText) -> ExtractionRecord:
        """The same of a text that no event came with: by the tasks that would read it if one did, and told no more."""
        return await self._read(NoteEvent(EventKind.NOTE, document), note, None)

    async def _read(self, event: NoteEvent, note: NoteText, url: str | None) -> ExtractionRecord:
        by = [self.others[task] if task else self for task in readers(self.fits, event)]
        read: list[ExtractionRecord] = []
        for pipeline in by:
            with in_task(pipeline.task.name) if len(by) > 1 else nullcontext():
                read.append(await pipeline.extract_text(event.document, note, url=url))
        return read[0].read_also(read[1:])

    def of_task(self, record: ExtractionRecord) -> Pipeline | None:
        """See :class:`Pipeline`."""
        return super().of_task(record) or self.others.get(record.produced.task_name)

    @property
    def reviewed_by(self) -> frozenset[Reviewed]:
        """See :class:`Pipeline`."""
        return super().reviewed_by.union(*(other.reviewed_by for other in self.others.values()))

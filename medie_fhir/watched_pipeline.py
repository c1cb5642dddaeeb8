"""A pipeline as the programs run it: its servers' work is counted, its adapter can change, other tasks have routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medie_fhir.adapters.fhir_pace import PacedFhir
from medie_fhir.adapters.lora import Adapter
from medie_fhir.adapters.watched import WatchedModel, WatchedSource, WatchedTarget
from medie_fhir.model import CodedFact, EventKind, ExtractionRecord, Json, NoteEvent
from medie_fhir.pipeline import Pipeline, Published
from medie_fhir.ports import ModelServer
from medie_fhir.routing import Fit, chosen
from medie_fhir.terminology_server import AskedTerminology

__all__ = ["WatchedPipeline"]


class WatchedPipeline(Pipeline):
    """A pipeline whose servers' work is counted (``pipeline.model.worked``).

    ``written`` is what counts for the target, ``pace`` what its transactions wait for; none for files and a topic.
    ``adapter``: the registry's that is asked; None where the settings name it by themselves. A note that one of
    ``fits`` takes is read by another pipeline, by its task's name in ``others``, and its record is published by the
    same; all others, and retractions, which take back whatever task wrote it, are this one's.
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
    def fields_by_task(self) -> dict[str, tuple[str, ...]]:
        """The fields of every task that reads notes here."""
        return {pipeline.task.name: pipeline.fields for pipeline in (self, *self.others.values())}

    def route(self, fits: Sequence[Fit], others: Mapping[str, Pipeline]) -> None:
        """Have other pipelines read the notes that fit."""
        self.fits, self.others = fits, others
        for other in others.values():
            other._unmarked, other._writer = self._unmarked, self._writer  # noqa: SLF001 - one memory of what was written

    async def extract(self, event: NoteEvent) -> ExtractionRecord:
        """See :class:`Pipeline`."""
        task = chosen(self.fits, event) if event.kind is not EventKind.RETRACTION else None
        return await (super().extract(event) if task is None else self.others[task].extract(event))

    async def publish(self, record: ExtractionRecord, *, only_changes: bool = False) -> Published:
        """See :class:`Pipeline`."""
        if other := self._other(record):
            return await other.publish(record, only_changes=only_changes)
        return await super().publish(record, only_changes=only_changes)

    def coded(self, record: ExtractionRecord) -> tuple[CodedFact, ...]:
        """See :class:`Pipeline`."""
        other = self._other(record)
        return other.coded(record) if other else super().coded(record)

    def resources(self, record: ExtractionRecord, recorded: str) -> list[Json]:
        """See :class:`Pipeline`."""
        other = self._other(record)
        return other.resources(record, recorded) if other else super().resources(record, recorded)

    def bundle(self, record: ExtractionRecord) -> Json | None:
        """See :class:`Pipeline`."""
        other = self._other(record)
        return other.bundle(record) if other else super().bundle(record)

    def fields_of(self, record: ExtractionRecord) -> dict[str, str]:
        """See :class:`Pipeline`."""
        other = self._other(record)
        return other.fields_of(record) if other else super().fields_of(record)

    def _other(self, record: ExtractionRecord) -> Pipeline | None:
        return self.others.get(record.produced.task.partition("@")[0])

"""The whole way of a note, a line per station: :meth:`Pipeline.extract`, then :meth:`Pipeline.publish`.

Between the two lies the extraction record: the costly part is then safe, and publishing can be done again without
the model. Nothing here knows of Kafka, HTTP or the clock: the world comes in through the ports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from medie_fhir.asking import ask
from medie_fhir.bare_references import dereferenced
from medie_fhir.coding import Tables
from medie_fhir.confidence import Calibration
from medie_fhir.described import NO_MODEL, produced
from medie_fhir.device_writer import DeviceWriter
from medie_fhir.document import TextLimits, choose, inline, read_text
from medie_fhir.drafting import Draft, Drafting, Published
from medie_fhir.earlier_work import EarlierWork
from medie_fhir.errors import (
    DocumentError,
    EventError,
    FhirConflict,
)
from medie_fhir.event import EventOptions, Headers, parse_events
from medie_fhir.extraction import Task
from medie_fhir.grounding import AlignRules, Cues, grouped, is_told
from medie_fhir.lexicon import Lexicon
from medie_fhir.mapping import Mapping as FhirMapping
from medie_fhir.model import (
    CodedFact,
    DocumentInfo,
    EventKind,
    ExtractionRecord,
    Fact,
    Json,
    NoteEvent,
    NoteText,
    Outcome,
    TextInfo,
)
from medie_fhir.ports import Clock, FhirServer, ModelServer, TerminologyServer
from medie_fhir.reading import LEXICON, MODEL, NoteRead, Readers
from medie_fhir.shadow_reading import Compared, ShadowReading
from medie_fhir.subjects import SubjectOptions, Subjects
from medie_fhir.telemetry import Silent, Telemetry
from medie_fhir.transaction import (
    Reviewed,
    SourceDocuments,
    Standing,
    Unmarked,
    guarded,
    keyless,
    mappings_of,
    transaction,
    without,
)
from medie_fhir.writing import Part, Writing, resources_of

__all__ = ["Options", "Pipeline", "Published"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say of the stations.

    ``shared_fields``: those of the task that another task, which may read the same note, has by the same name.
    """

    events: EventOptions = field(default_factory=EventOptions)
    limits: TextLimits = field(default_factory=TextLimits)
    triage: bool = True
    readers: tuple[str, ...] = (LEXICON, MODEL)
    documents: SourceDocuments = field(default_factory=SourceDocuments)
    subjects: SubjectOptions = field(default_factory=SubjectOptions)
    guarded: bool = True
    source: str | None = None
    shared_fields: frozenset[str] = frozenset()


class Pipeline:
    """The stations, joined. Safe for many notes at once; versions of one document must come one after the other."""

    def __init__(
        self,
        *,
        task: Task,
        rules: Mapping[str, AlignRules],
        cues: Cues,
        tables: Tables,
        mapping: FhirMapping,
        model: ModelServer,
        source: FhirServer,
        target: FhirServer,
        clock: Clock,
        options: Options | None = None,
        telemetry: Telemetry | None = None,
        terminology: TerminologyServer | None = None,
        lexicon: Lexicon | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.task, self.rules, self.cues, self.tables, self.mapping = task, rules, cues, tables, mapping
        self.model, self.source, self.target, self.clock = model, source, target, clock
        self.options = options or Options()
        self.telemetry: Telemetry = telemetry or Silent()
        self.terminology = terminology
        self._readers = Readers(
            task=task,
            lexicon=lexicon,
            calibration=calibration,
            rules=rules,
            cues=cues,
            model=model,
            names=self.options.readers,
            triage=self.options.triage,
        )
        self.shadow: ShadowReading | None = None
        self._writer = DeviceWriter()
        self._subjects = Subjects(target, clock, self.options.subjects)
        self._unmarked = Unmarked()

    @property
    def fields(self) -> tuple[str, ...]:
        """The task's fields, in its order."""
        return tuple(self.task.fields)

    def use(self, mapping: FhirMapping, tables: Tables) -> None:
        """Go on with these, on the loop's own thread; what is being worked on ends by those that it began with."""
        self.mapping, self.tables = mapping, tables

    def ask(self, model: ModelServer) -> None:
        """Go on with this model, on the loop's own thread; a note that is being read ends by the one it began with."""
        self._readers = self._readers.of(model)

    def shadowed_by(self, model: ModelServer, told: Callable[[Compared], None], most: int) -> ShadowReading:
        """Have this model read the same notes from now on; who calls runs it, and hears what became of each."""
        self.shadow = ShadowReading(self._readers.of(model), self.clock, told, most)
        return self.shadow

    @property
    def _drafting(self) -> Drafting:
        """By the mapping and tables of this moment: taken once for a record, so that all of it is of one piece."""
        whose = dict.fromkeys(self.options.shared_fields, self.task.name)
        return Drafting(self.mapping, self.tables, self.options.documents, whose)

    def part(self, record: ExtractionRecord) -> Part:
        """What this task read, to be written by the mapping and tables of this moment."""
        return Part(record, self._drafting, self.terminology)

    def writing(self, record: ExtractionRecord) -> Writing:
        """The record with what writes it.

        What a task read that has no mapping here is not written, and what stands of it no longer holds.
        """
        known = tuple(by.part(reading) for reading in record.readings if (by := self.of_task(reading)))
        return Writing(known or (self.part(record.readings[0].model_copy(update={"facts": ()})),), self.reviewed_by)

    @property
    def reviewed_by(self) -> frozenset[Reviewed]:
        """What the mappings of all tasks here make of what a person has changed."""
        return frozenset((self.mapping.file.reviewed,))

    def of_task(self, record: ExtractionRecord) -> Pipeline | None:
        """Whose task read the record."""
        return self if record.produced.task_name == self.task.name else None

    # --- bytes → extraction record ----------------------------------------------------------------------------------

    def parse(
        self,
        value: bytes | None,
        key: bytes | None = None,
        *,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> tuple[NoteEvent | EventError, ...]:
        """What a Kafka record says happened, without asking anyone. Raises EventError."""
        source, policy = self.options.source, self.options.events
        return parse_events(value, key, headers=headers, timestamp_ms=timestamp_ms, source=source, policy=policy)

    async def events(
        self,
        value: bytes | None,
        key: bytes | None = None,
        *,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> tuple[NoteEvent | EventError | DocumentError, ...]:
        """What a Kafka record says happened; a bare reference is read from the source server.

        Where a record holds several events, a document that can't be had is an error in its place. Raises EventError,
        FhirError, and for a record that is no more than one reference, DocumentError.
        """
        with self.telemetry.station("event"):
            parsed = self.parse(value, key, headers=headers, timestamp_ms=timestamp_ms)
            alone = len(parsed) == 1
            return tuple([e for p in parsed for e in await dereferenced(p, self.source, self.parse, alone=alone)])

    async def extract(self, event: NoteEvent) -> ExtractionRecord:
        """The extraction record of one event.

        Raises NoteSkipped, DocumentError, ModelError, FhirError.
        """
        if event.kind is EventKind.RETRACTION:
            return self._retraction(event)
        return await self.extract_text(event.document, await self.note(event), url=self._told(event))

    async def extract_text(self, document: DocumentInfo, note: NoteText, *, url: str | None = None) -> ExtractionRecord:
        """The extraction record of a note's text; ``url`` is where others find the text. Raises ModelError."""
        seen = await self._readers.read(note, self.tables, self.clock, self.telemetry)
        if self.shadow is not None:
            self.shadow.offer(document, note, seen, self.tables)
        record = _record(document, note, replace(seen, facts=self.grouped(seen.facts, note)))
        text = record.text.model_copy(update={"url": url}) if record.text else None
        return record.model_copy(update={"text": text})

    async def note(self, event: NoteEvent) -> NoteText:
        """The note's text, from the event or from behind its URL."""
        with self.telemetry.station("document"):
            attachment = choose(event)
            data = inline(attachment)
            if data is not None:
                return read_text(attachment, data, self.options.limits)
            content = await self.source.content(attachment.url or "")
            return read_text(attachment, content.data, self.options.limits, served_type=content.content_type)

    def grouped(self, facts: tuple[Fact, ...], note: NoteText) -> tuple[Fact, ...]:
        """A note's facts, each with its tumour where the note has several."""
        drafting = self._drafting
        primary = drafting.mapping.file.primary_field
        if primary is None:
            return facts
        meanings = drafting.meanings([fact.value for fact in facts if fact.field == primary and is_told(fact)])
        return grouped(facts, note, field=primary, meaning=meanings.get)

    # --- extraction record → FHIR server ----------------------------------------------------------------------------

    @staticmethod
    def record(value: bytes) -> ExtractionRecord:
        """The extraction record in a Kafka record's value. Raises RecordError."""
        return ExtractionRecord.of_json(value)

    def coded(self, record: ExtractionRecord) -> tuple[CodedFact, ...]:
        """The record's facts with the codes of the tables, their ids, and whether the policy lets each be written."""
        return self._coded(self.writing(record)).facts

    def resources(self, record: ExtractionRecord, recorded: str) -> list[Json]:
        """The FHIR resources that the record's facts become, complete with their ids. Raises RenderError."""
        parts = self._coded(self.writing(record)).parts
        with self.telemetry.station("mapping"):
            return [made for p in parts for made in p.drafting.rendered(p.record, p.facts, recorded)]

    def bundle(self, record: ExtractionRecord) -> Json | None:
        """What a first publishing of the record would post, with the Device; or None where the record says nothing."""
        writing = self._coded(self.writing(record))
        with self.telemetry.station("mapping"):
            made = writing.made(Standing())
        bundle = writing.bundle(made, Standing())
        if bundle is None:
            return None
        return bundle | {"entry": transaction(writing.devices)["entry"] + bundle["entry"]}

    async def publish(self, record: ExtractionRecord, *, only_changes: bool = False) -> Published:
        """Write a record's resources and take back what no longer holds, in one transaction.

        ``only_changes``: nothing is sent where all of it stands so already, and only the mapping's version is another.
        Raises TerminologyError, RenderError, FhirError; FhirConflict where another has written the document since its
        standing was read.
        """
        writing = self.writing(record)
        earlier = EarlierWork(self.target, self.options.documents, writing.reviewed)
        with self.telemetry.station("fhir"):
            document = (await earlier.by_id(record)).document
            standing = await earlier.standing(document)
        writing = writing.of(document)
        try:
            return await self._publish(writing, standing, earlier, only_changes=only_changes)
        except FhirConflict:
            with self.telemetry.station("fhir"):
                without_copy = await earlier.after_conflict(document, standing)
            if without_copy is None:
                raise
        return await self._publish(writing, without_copy, earlier, only_changes=only_changes)

    def fields_of(self, record: ExtractionRecord) -> dict[str, str]:
        """The field of each of the record's facts, by the id that its resources have, or begin with."""
        parts = self.writing(record).parts
        return {id_: name for part in parts for id_, name in part.drafting.field_of(part.record).items()}

    async def made_by(self, document: DocumentInfo) -> frozenset[str]:
        """The labels of the mappings that the server's Provenances of a document name. Raises FhirError."""
        return mappings_of(await self.target.search("Provenance", self.options.documents.work(document)))

    def _coded(self, writing: Writing) -> Writing:
        """With the facts, coded by the tables."""
        with self.telemetry.station("coding"):
            parts = tuple(replace(part, facts=part.drafting.coded(part.record)) for part in writing.parts)
            return replace(writing, parts=parts)

    async def _answered(self, part: Part) -> Part:
        """With what the tables don't know coded by the terminology server, where one is."""
        if part.terminology is None or not (questions := part.drafting.open_questions(part.facts)):
            return part
        with self.telemetry.station("terminology"):
            answers = await ask(part.terminology, questions)
        with self.telemetry.station("coding"):
            return replace(part, facts=part.drafting.coded(part.record, answers)) if answers else part

    async def _publish(
        self, writing: Writing, standing: Standing, earlier: EarlierWork, *, only_changes: bool
    ) -> Published:
        record = writing.record
        if standing.outdates(record) or self._unmarked.outdates(record, standing):
            return Published("stale")
        writing = self._coded(writing)
        writing = replace(writing, parts=tuple([await self._answered(part) for part in writing.parts]))
        if (draft := await self._draft(writing, standing, earlier)) is None:
            self._unmarked.remember(record)
            return Published("empty")
        with self.telemetry.station("fhir"):
            draft = replace(draft, bundle=without(draft.bundle, await earlier.tasks_that_stand(draft.bundle)))
            if only_changes and draft.changes_nothing:
                return Published("unchanged", changes=draft.changes)
            bundle = guarded(draft.bundle, draft.standing) if self.options.guarded else draft.bundle
            await self._writer.write(bundle, writing.devices, self.target)
        return draft.published(record)

    async def _draft(self, writing: Writing, standing: Standing, earlier: EarlierWork) -> Draft | None:
        """What is to be written; None where the record says nothing, and then nobody is asked for the patient."""
        if not writing.says(standing):
            return None
        with self.telemetry.station("fhir"):
            writing = writing.of((await self._subjects.placed(writing.record)).document)
        with self.telemetry.station("mapping"):
            made = writing.made(standing)
        if standing.is_known:
            with self.telemetry.station("fhir"):
                standing = await earlier.with_resources(standing, resources_of(made))
            if apart := writing.apart(made, standing):
                with self.telemetry.station("mapping"):
                    made = writing.made(standing, apart)
                with self.telemetry.station("fhir"):
                    standing = await earlier.with_resources(standing, resources_of(made))
        with self.telemetry.station("transaction"):
            bundle = writing.bundle(made, standing)
        return Draft(resources_of(made), standing, bundle) if bundle is not None else None

    # --- the parts ----------------------------------------------------------------------------------------------------

    def _retraction(self, event: NoteEvent) -> ExtractionRecord:
        by_nobody = produced(self.task, NO_MODEL, self.clock.now())
        return ExtractionRecord(
            document=event.document, produced=by_nobody, outcome=Outcome.RETRACTED, reason=event.reason
        )

    def _told(self, event: NoteEvent) -> str | None:
        """Where the note's text can be fetched by others, where the settings have it told and it came by a URL."""
        attachment = choose(event)
        told = self.options.documents.mode == "copy-with-url" and attachment.data is None
        return keyless(attachment.url) if told else None


def _record(document: DocumentInfo, note: NoteText, seen: NoteRead) -> ExtractionRecord:
    return ExtractionRecord(
        document=document,
        text=TextInfo(
            sha256=note.sha256, characters=len(note.text), content_type=note.content_type, language=note.language
        ),
        produced=seen.by,
        outcome=Outcome.TRIAGED if seen.triaged else Outcome.EXTRACTED,
        facts=seen.facts,
        usage=seen.usage,
    )

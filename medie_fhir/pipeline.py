"""The whole way of a note, a line per station: :meth:`Pipeline.extract`, then :meth:`Pipeline.publish`.

Between the two lies the extraction record: the costly part is then safe, and publishing can be done again without
the model. Nothing here knows of Kafka, HTTP or the clock: the world comes in through the ports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    SourceDocuments,
    Standing,
    Unmarked,
    device,
    guarded,
    keyless,
    mappings_of,
    transaction,
    without,
)

__all__ = ["Options", "Pipeline", "Published"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say of the stations."""

    events: EventOptions = field(default_factory=EventOptions)
    limits: TextLimits = field(default_factory=TextLimits)
    triage: bool = True
    readers: tuple[str, ...] = (LEXICON, MODEL)
    documents: SourceDocuments = field(default_factory=SourceDocuments)
    subjects: SubjectOptions = field(default_factory=SubjectOptions)
    guarded: bool = True
    source: str | None = None


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
        return Drafting(self.mapping, self.tables, self.options.documents)

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
        return self._drafting.coded(record)

    def resources(self, record: ExtractionRecord, recorded: str) -> list[Json]:
        """The FHIR resources that the record's facts become, complete with their ids. Raises RenderError."""
        return self._resources(record, recorded, self._drafting)

    def bundle(self, record: ExtractionRecord) -> Json | None:
        """What a first publishing of the record would post, with the Device; or None where the record says nothing."""
        drafting = self._drafting
        bundle = drafting.bundle(record, self._resources(record, record.produced.at, drafting), Standing())
        if bundle is None:
            return None
        return bundle | {"entry": transaction([device(record.produced)])["entry"] + bundle["entry"]}

    async def publish(self, record: ExtractionRecord, *, only_changes: bool = False) -> Published:
        """Write a record's resources and take back what no longer holds, in one transaction.

        ``only_changes``: nothing is sent where all of it stands so already, and only the mapping's version is another.
        Raises TerminologyError, RenderError, FhirError; FhirConflict where another has written the document since its
        standing was read.
        """
        drafting = self._drafting
        earlier = EarlierWork(self.target, self.options.documents, drafting.mapping.file.reviewed)
        with self.telemetry.station("fhir"):
            record = await earlier.by_id(record)
            standing = await earlier.standing(record.document)
        try:
            return await self._publish(record, standing, earlier, drafting, only_changes=only_changes)
        except FhirConflict:
            with self.telemetry.station("fhir"):
                without_copy = await earlier.after_conflict(record.document, standing)
            if without_copy is None:
                raise
        return await self._publish(record, without_copy, earlier, drafting, only_changes=only_changes)

    def fields_of(self, record: ExtractionRecord) -> dict[str, str]:
        """The field of each of the record's facts, by the id that its resources have, or begin with."""
        return self._drafting.field_of(record)

    async def made_by(self, document: DocumentInfo) -> frozenset[str]:
        """The labels of the mappings that the server's Provenances of a document name. Raises FhirError."""
        return mappings_of(await self.target.search("Provenance", self.options.documents.work(document)))

    def _resources(self, record: ExtractionRecord, recorded: str, drafting: Drafting) -> list[Json]:
        with self.telemetry.station("coding"):
            facts = drafting.coded(record)
        with self.telemetry.station("mapping"):
            return drafting.rendered(record, facts, recorded)

    async def _coded(self, record: ExtractionRecord, drafting: Drafting) -> tuple[CodedFact, ...]:
        """The record's facts, coded by the tables; what these don't know, by the terminology server, where one is."""
        with self.telemetry.station("coding"):
            facts = drafting.coded(record)
        if self.terminology is None or not (questions := drafting.open_questions(facts)):
            return facts
        with self.telemetry.station("terminology"):
            answers = await ask(self.terminology, questions)
        with self.telemetry.station("coding"):
            return drafting.coded(record, answers) if answers else facts

    async def _publish(
        self,
        record: ExtractionRecord,
        standing: Standing,
        earlier: EarlierWork,
        drafting: Drafting,
        *,
        only_changes: bool,
    ) -> Published:
        if standing.outdates(record) or self._unmarked.outdates(record, standing):
            return Published("stale")
        facts = await self._coded(record, drafting)
        if (draft := await self._draft(record, facts, standing, earlier, drafting)) is None:
            self._unmarked.remember(record)
            return Published("empty")
        with self.telemetry.station("fhir"):
            draft = replace(draft, bundle=without(draft.bundle, await earlier.tasks_that_stand(draft.bundle)))
            if only_changes and draft.changes_nothing:
                return Published("unchanged", changes=draft.changes)
            bundle = guarded(draft.bundle, draft.standing) if self.options.guarded else draft.bundle
            await self._writer.write(bundle, record, self.target)
        return draft.published(record)

    async def _draft(
        self,
        record: ExtractionRecord,
        facts: Sequence[CodedFact],
        standing: Standing,
        earlier: EarlierWork,
        drafting: Drafting,
    ) -> Draft | None:
        """What is to be written; None where the record says nothing, and then nobody is asked for the patient."""
        if not drafting.says(record, facts, standing):
            return None
        with self.telemetry.station("fhir"):
            record = await self._subjects.placed(record)
        recorded = drafting.recorded(record, standing)
        with self.telemetry.station("mapping"):
            resources = drafting.rendered(record, facts, recorded)
        if standing.is_known:
            with self.telemetry.station("fhir"):
                standing = await earlier.with_resources(standing, resources)
            if apart := drafting.apart(record, resources, standing):
                resources = drafting.rendered(record, facts, recorded, apart)
                with self.telemetry.station("fhir"):
                    standing = await earlier.with_resources(standing, resources)
        with self.telemetry.station("transaction"):
            bundle = drafting.bundle(record, resources, standing)
        return Draft(resources, standing, bundle) if bundle is not None else None

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

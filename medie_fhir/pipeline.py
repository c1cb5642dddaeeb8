"""The whole way of a note, a line per station: :meth:`Pipeline.extract`, then :meth:`Pipeline.publish`.

Between the two lies the extraction record: the costly part is then safe, and publishing can be done again without
the model. Nothing here knows of Kafka, HTTP or the clock: the world comes in through the ports.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from medie_fhir import __version__
from medie_fhir.coding import Tables, code
from medie_fhir.document import TextLimits, choose, inline, read_text
from medie_fhir.errors import (
    ContentNotFound,
    DocumentError,
    EventError,
    FhirConflict,
    FhirRejected,
    ModelError,
    RecordError,
)
from medie_fhir.event import EventOptions, Headers, parse_events
from medie_fhir.extraction import Reading, Task, read
from medie_fhir.grounding import AlignRules, Cues, ground, grouped
from medie_fhir.mapping import Mapping as FhirMapping
from medie_fhir.mapping import judge, render
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
    Produced,
    TextInfo,
)
from medie_fhir.ports import Clock, FhirServer, ModelDescription, ModelServer
from medie_fhir.subjects import SubjectOptions, Subjects
from medie_fhir.telemetry import Silent, Telemetry
from medie_fhir.transaction import (
    FACTS,
    SourceDocuments,
    Standing,
    Unmarked,
    Work,
    assemble,
    count_in_error,
    device,
    document_id,
    guarded,
    identifier_token,
    identify,
    is_in_error,
    keyless,
    named_by,
    place,
    targets,
    tasks,
    transaction,
    version_of,
    without,
)

__all__ = ["Options", "Pipeline", "Published"]

_READS_AT_ONCE = 8
_TARGETS_AT_ONCE = 30  # of one search: a URL of 2,000 characters goes through every proxy
_DESCRIBED_FOR = timedelta(minutes=5)
_NO_MODEL = ModelDescription(model="none")


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say of the stations."""

    events: EventOptions = field(default_factory=EventOptions)
    limits: TextLimits = field(default_factory=TextLimits)
    triage: bool = True
    documents: SourceDocuments = field(default_factory=SourceDocuments)
    subjects: SubjectOptions = field(default_factory=SubjectOptions)
    guarded: bool = True
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing a record came to.

    ``resources``: how many hold now because of it; ``retracted``: no longer do; ``kept``: stay as someone else has left
    them.
    """

    outcome: Literal["written", "retracted", "stale", "empty"]
    resources: int = 0
    retracted: int = 0
    kept: int = 0


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
    ) -> None:
        self.task, self.rules, self.cues, self.tables, self.mapping = task, rules, cues, tables, mapping
        self.model, self.source, self.target, self.clock = model, source, target, clock
        self.options = options or Options()
        self.telemetry: Telemetry = telemetry or Silent()
        self._description: ModelDescription | None = None
        self._described_at = datetime.min.replace(tzinfo=UTC)
        self._devices: set[str] = set()
        self._subjects = Subjects(target, clock, self.options.subjects)
        self._unmarked = Unmarked()

    @property
    def fields(self) -> tuple[str, ...]:
        """The task's fields, in its order."""
        return tuple(self.task.fields)

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
            return tuple([e for event in parsed for e in await self._dereferenced(event, alone=len(parsed) == 1)])

    async def extract(self, event: NoteEvent) -> ExtractionRecord:
        """The extraction record of one event.

        Raises NoteSkipped, DocumentError, ModelError, FhirError.
        """
        if event.kind is EventKind.RETRACTION:
            return self._retraction(event)
        return await self.extract_text(event.document, await self.note(event), url=self._told(event))

    async def extract_text(self, document: DocumentInfo, note: NoteText, *, url: str | None = None) -> ExtractionRecord:
        """The extraction record of a note's text; ``url`` is where others find the text. Raises ModelError."""
        reading, produced = await self._read(note)
        with self.telemetry.station("grounding"):
            facts = self.grouped(ground(reading.values, note, self.rules, self.cues), note)
        record = _record(document, note, reading, facts, produced)
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
        primary = self.mapping.file.primary_field
        if primary is None:
            return facts

        def meaning(value: str) -> str | None:
            concept = code(primary, value, self.tables)
            return None if concept.match == "none" else concept.key

        return grouped(facts, note, field=primary, meaning=meaning)

    # --- extraction record → FHIR server ----------------------------------------------------------------------------

    @staticmethod
    def record(value: bytes) -> ExtractionRecord:
        """The extraction record in a Kafka record's value. Raises RecordError."""
        try:
            return ExtractionRecord.model_validate_json(value)
        except ValidationError as error:
            places = sorted({".".join(map(str, e["loc"])) for e in error.errors(include_input=False)})
            raise RecordError(f"not an extraction record of a known schema: {', '.join(places[:5])}") from None

    def coded(self, record: ExtractionRecord) -> tuple[CodedFact, ...]:
        """The record's facts with their codes and ids, and whether the mapping's policy lets each be written."""
        policy = self.mapping.file.policy
        coded = [(f, code(f.field, f.value, self.tables)) for f in record.facts if f.field in policy]
        return identify(record.document, [(f, concept, judge(f, concept, policy[f.field])) for f, concept in coded])

    def resources(self, record: ExtractionRecord, recorded: str) -> list[Json]:
        """The FHIR resources that the record's facts become, complete with their ids. Raises RenderError."""
        source = self.options.documents.reference(record.document)
        with self.telemetry.station("coding"):
            facts = self.coded(record)
        with self.telemetry.station("mapping"):
            return render(record, facts, self.mapping.file, source=source, recorded=recorded, system=FACTS)

    def bundle(self, record: ExtractionRecord) -> Json | None:
        """What a first publishing of the record would post, with the Device; or None where the record says nothing."""
        bundle = self._assembled(record, self.resources(record, record.produced.at), Standing())
        if bundle is None:
            return None
        return bundle | {"entry": transaction([device(record.produced)])["entry"] + bundle["entry"]}

    async def publish(self, record: ExtractionRecord) -> Published:
        """Write a record's resources and take back what no longer holds, in one transaction.

        Raises RenderError, FhirError; FhirConflict where another has written the document since its standing was read.
        """
        with self.telemetry.station("fhir"):
            record = await self._by_id(record)
            standing = await self._standing(record.document)
        try:
            return await self._publish(record, standing)
        except FhirConflict:
            if not await self._is_copy_deleted(record.document, standing):
                raise
        with self.telemetry.station("fhir"):
            provenances = await self.target.search("Provenance", self.options.documents.work(record.document))
        return await self._publish(record, Standing(provenances=tuple(provenances), is_copy_deleted=True))

    async def _publish(self, record: ExtractionRecord, standing: Standing) -> Published:
        if standing.outdates(record) or self._unmarked.outdates(record):
            return Published("stale")
        recorded = Work.of(record, self.mapping.label, standing).recorded
        resources = self.resources(record, recorded)
        if standing.is_known:
            with self.telemetry.station("fhir"):
                standing = await self._with_resources(standing, resources)
        with self.telemetry.station("transaction"):
            bundle = self._assembled(record, resources, standing)
        if bundle is not None and (placed := await self._placed(record)) is not record:
            record, resources = placed, self.resources(placed, recorded)
            bundle = self._assembled(record, resources, standing)
        if bundle is None:
            self._unmarked.remember(record)
            return Published("empty")
        with self.telemetry.station("fhir"):
            bundle = without(bundle, await self._tasks_that_stand(bundle))
            await self._write(guarded(bundle, standing) if self.options.guarded else bundle, record)
        return _published(record, resources, standing, bundle)

    # --- the parts ----------------------------------------------------------------------------------------------------

    async def _dereferenced(
        self, event: NoteEvent | EventError, *, alone: bool
    ) -> tuple[NoteEvent | EventError | DocumentError, ...]:
        if isinstance(event, EventError) or event.kind is not EventKind.REFERENCE:
            return (event,)
        try:
            events = self.parse(await self._fetched(event.document.reference))
            if any(isinstance(e, NoteEvent) and e.kind is EventKind.REFERENCE for e in events):
                raise ContentNotFound("the reference leads to another reference, and not to a DocumentReference")
        except (EventError, DocumentError) as error:
            if alone:
                raise
            return (error,)
        return events

    async def _read(self, note: NoteText) -> tuple[Reading, Produced]:
        """What the model reads in a note, and which model that is."""
        with self.telemetry.station("extraction"):
            try:
                reading = await read(note, self.task, self.model, triage=self.options.triage)
                model = await self._described()
            except ModelError:
                self._description = None  # what comes back may be another model
                raise
            self.telemetry.tokens(reading.usage.prompt_tokens, reading.usage.completion_tokens)
        return reading, self._produced(model)

    async def _described(self) -> ModelDescription:
        """Which model it is, asked anew every few minutes: another adapter may be served meanwhile, under our name."""
        now = self.clock.now()
        if self._description is None or now - self._described_at >= _DESCRIBED_FOR:
            self._description, self._described_at = await self.model.describe(), now
        return self._description

    async def _fetched(self, reference: str) -> bytes:
        """The DocumentReference behind a bare reference: from the source server, or from an allowed host."""
        resource_type, _, resource_id = reference.partition("/")
        if resource_type != "DocumentReference":
            return (await self.source.content(reference)).data
        resource = await self.source.read(resource_type, resource_id)
        if resource is None:
            raise ContentNotFound("the source server has no such DocumentReference (any more)")
        return json.dumps(resource).encode()

    def _produced(self, model: ModelDescription) -> Produced:
        return Produced(
            at=self.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            software=f"medie-fhir {__version__}",
            task=f"{self.task.name}@{self.task.version}",
            task_digest=self.task.digest,
            model=model.model,
            adapter=model.adapter,
            adapter_digest=model.adapter_digest,
            server=model.server,
        )

    def _retraction(self, event: NoteEvent) -> ExtractionRecord:
        produced = self._produced(_NO_MODEL)  # taking back must not wait for a model server
        return ExtractionRecord(
            document=event.document, produced=produced, outcome=Outcome.RETRACTED, reason=event.reason
        )

    async def _by_id(self, record: ExtractionRecord) -> ExtractionRecord:
        """A retraction of a document that an identifier names, as one of the only document that we know to have it."""
        document = record.document
        if record.outcome is not Outcome.RETRACTED or (token := identifier_token(document)) is None:
            return record
        found = await self.target.search("DocumentReference", {"identifier": token})
        named = named_by(found, document, originals=self.options.documents.mode == "reference")
        return record.model_copy(update={"document": document.model_copy(update={"reference": named})})

    async def _placed(self, record: ExtractionRecord) -> ExtractionRecord:
        """The record with the patient as the target holds him: asked only where there is something to write."""
        with self.telemetry.station("fhir"):
            return await self._subjects.placed(record)

    def _told(self, event: NoteEvent) -> str | None:
        """Where the note's text can be fetched by others, where the settings have it told and it came by a URL."""
        attachment = choose(event)
        told = self.options.documents.mode == "copy-with-url" and attachment.data is None
        return keyless(attachment.url) if told else None

    async def _standing(self, document: DocumentInfo) -> Standing:
        """What earlier work left on the server for the document; on the live path that is one read, of nothing."""
        documents, copy = self.options.documents, None
        if documents.copied(document):
            copy = await self.target.read("DocumentReference", document_id(document))
            if copy is None:
                return Standing()
        provenances = await self.target.search("Provenance", documents.work(document))
        return Standing(copy, tuple(provenances))

    async def _is_copy_deleted(self, document: DocumentInfo, standing: Standing) -> bool:
        """Whether the copy was not there before a conflict nor is after it: else another member has written it."""
        if standing.document is not None or not self.options.documents.copied(document):
            return False
        with self.telemetry.station("fhir"):
            return await self.target.read("DocumentReference", document_id(document)) is None

    async def _with_resources(self, standing: Standing, resources: list[Json]) -> Standing:
        """With what stands of the document's facts, and what others say of it; not asked on the live path."""
        found = await self._read_all([*targets(standing.provenances), *map(place, resources)])
        if self.mapping.file.reviewed == "overwrite":
            return replace(standing, resources=found)
        places = [place(r) for r in found]
        said: dict[str, Json] = {}
        for start in range(0, len(places), _TARGETS_AT_ONCE):
            few = ",".join(places[start : start + _TARGETS_AT_ONCE])
            said |= {place(p): p for p in await self.target.search("Provenance", {"target": few})}
        others = tuple(p for p in said.values() if version_of(p) is None)
        return replace(standing, resources=found, others=others)

    async def _tasks_that_stand(self, bundle: Json) -> list[str]:
        """Those of the Bundle's Tasks that are on the server already, or were: a person's progress on them stands."""
        asked = tasks(bundle)
        found = {place(task) for task in await self._read_all(asked)}
        return [task for task in asked if task in found or await self._was_there(task)]

    async def _was_there(self, reference: str) -> bool:
        """Whether a resource that is not there was deleted; False where a server keeps no history."""
        try:
            return bool(await self.target.history(*reference.split("/", 1)))
        except FhirRejected:
            return False

    async def _read_all(self, references: Iterable[str]) -> tuple[Json, ...]:
        """The resources that are there, once each."""
        gate = asyncio.Semaphore(_READS_AT_ONCE)

        async def one(reference: str) -> Json | None:
            async with gate:
                resource_type, resource_id = reference.split("/", 1)
                return await self.target.read(resource_type, resource_id)

        found = await asyncio.gather(*map(one, dict.fromkeys(references)))
        return tuple(r for r in found if r is not None)

    def _assembled(self, record: ExtractionRecord, resources: list[Json], standing: Standing) -> Json | None:
        work = Work.of(record, self.mapping.label, standing)
        return assemble(
            record,
            resources,
            standing,
            work,
            mapping=self.mapping.label,
            documents=self.options.documents,
            reviewed=self.mapping.file.reviewed,
        )

    async def _write(self, bundle: Json, record: ExtractionRecord) -> None:
        """Post the transaction, once the Device that it refers to is there.

        A server that was emptied or restored meanwhile refuses it for a Device that we take to be there: where we only
        take it to be, it is written again, and the transaction posted once more.
        """
        if record.outcome is Outcome.RETRACTED:  # refers to none
            await self.target.transact(bundle)
            return
        resource = device(record.produced)
        remembered = resource["id"] in self._devices
        await self._ensure(resource)
        try:
            await self.target.transact(bundle)
        except FhirRejected:
            if not remembered:
                raise
            self._devices.discard(resource["id"])
            await self._ensure(resource)
            await self.target.transact(bundle)

    async def _ensure(self, resource: Json) -> None:
        """The Device, once a process and not in every bundle: parallel transactions on one resource conflict."""
        if resource["id"] not in self._devices:
            await self.target.transact(transaction([resource]))
            self._devices.add(resource["id"])


def _record(
    document: DocumentInfo, note: NoteText, reading: Reading, facts: tuple[Fact, ...], produced: Produced
) -> ExtractionRecord:
    return ExtractionRecord(
        document=document,
        text=TextInfo(
            sha256=note.sha256, characters=len(note.text), content_type=note.content_type, language=note.language
        ),
        produced=produced,
        outcome=Outcome.TRIAGED if reading.triaged else Outcome.EXTRACTED,
        facts=facts,
        usage=reading.usage,
    )


def _published(record: ExtractionRecord, resources: list[Json], standing: Standing, bundle: Json) -> Published:
    """What a written Bundle came to."""
    written = {place(entry["resource"]) for entry in bundle["entry"]}
    kept = {place(r) for r in standing.resources if not is_in_error(r)} - written
    new = [r for r in resources if place(r) in written]
    outcome: Literal["written", "retracted"] = "retracted" if record.outcome is Outcome.RETRACTED else "written"
    return Published(outcome, len(new), count_in_error(bundle), len(kept))

"""The frozen types, in the order of a note's way: event → text → values → facts → record → concepts → resources.

Types that cross a border (the extraction record and its parts) are pydantic models, and their JSON Schemas in
``schemas/`` are generated from them. The others are plain frozen dataclasses. Offsets are counted in Unicode code
points, and spans are half-open everywhere: ``text[start:end]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AIAST",
    "Alignment",
    "Assertion",
    "Attachment",
    "CodedFact",
    "Coding",
    "Concept",
    "DocumentInfo",
    "DocumentVersion",
    "EventKind",
    "Evidence",
    "Experiencer",
    "ExtractionRecord",
    "Fact",
    "Json",
    "NoteEvent",
    "NoteText",
    "OffsetMap",
    "Outcome",
    "Produced",
    "RawValue",
    "RetractionReason",
    "Run",
    "Section",
    "Span",
    "TextInfo",
    "Usage",
]

Json = dict[str, Any]
"""A JSON object, as ``json.loads`` gives it."""

AIAST: Json = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
"""The security label on all that a model asserted (HL7 v3 ObservationValue)."""

RECORD_SCHEMA: Literal["medie.extraction/1"] = "medie.extraction/1"


class Span(NamedTuple):
    """A half-open stretch of a text, in code points."""

    start: int
    end: int


# --- the event ------------------------------------------------------------------------------------------------------


class EventKind(StrEnum):
    """What an event says of a document."""

    NOTE = "note"  # here is a version of it
    REFERENCE = "reference"  # there is a version of it: read it from the FHIR server
    RETRACTION = "retraction"  # it is gone, or no longer holds


class RetractionReason(StrEnum):
    """Why a document no longer holds."""

    ENTERED_IN_ERROR = "entered-in-error"
    SUPERSEDED = "superseded"
    REPLACED = "replaced"
    DELETED = "deleted"


class Frozen(BaseModel):
    """Base of the types that cross a border: immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DocumentVersion(Frozen):
    """Which version of a document an event or record speaks of: ``meta.versionId`` and ``meta.lastUpdated``.

    Where the sender gives no ``lastUpdated``, its place is taken by the DocumentReference's ``date``; for a deletion,
    by the Kafka record's time. ``last_updated`` is an ISO 8601 instant.
    """

    version_id: str | None = None
    last_updated: str | None = None

    def later(self, by: timedelta) -> Self:
        """This version, as if it were of a later time; itself where it has none."""
        span = _span(self.last_updated)
        return self.model_copy(update={"last_updated": (span[1] + by).isoformat()}) if span else self

    def older_than(self, other: Self) -> bool:
        """Whether this version is known to be older than ``other``; what can't be told is not older.

        A bare day is a day in an unknown time zone: it can't be told from an instant within it.
        """
        mine, theirs = _span(self.last_updated), _span(other.last_updated)
        if mine and theirs and mine != theirs:
            both_days = _is_day(self.last_updated) and _is_day(other.last_updated)
            if both_days or mine[1] < theirs[0] or theirs[1] < mine[0]:
                return mine < theirs
        if _number(self.version_id) is not None and _number(other.version_id) is not None:
            return int(self.version_id or 0) < int(other.version_id or 0)
        return False


def _is_day(text: str | None) -> bool:
    return text is not None and len(text) == len("2026-01-31")


def _span(text: str | None) -> tuple[datetime, datetime] | None:
    """The first and last instant that a time may mean (UTC where an instant has no zone); None for what is none."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not _is_day(text):
        return moment, moment
    try:
        return moment - timedelta(hours=14), moment + timedelta(hours=24 + 12)  # from UTC+14 to UTC-12
    except OverflowError:
        return moment, moment


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


class DocumentInfo(Frozen):
    """What is known of a document without its text: the part of a DocumentReference that later stations need.

    ``reference`` is the document's identity within ``source``: ``DocumentReference/{id}``, or for one without an id
    ``{system}|{value}`` of its masterIdentifier or first identifier. References keep ``reference``, ``identifier``
    and ``type``, never ``display``, which may be a name. ``type`` and ``category`` are FHIR CodeableConcepts.
    """

    reference: str
    version: DocumentVersion = DocumentVersion()
    status: str | None = None
    doc_status: str | None = None
    type: Json | None = None
    category: tuple[Json, ...] = ()
    date: str | None = None
    period: Json | None = None
    subject: Json | None = None
    encounter: Json | None = None
    author: tuple[Json, ...] = ()
    identifier: tuple[Json, ...] = ()
    source: str | None = None

    @property
    def key(self) -> str:
        """Source and reference: the key of the extraction record, and the root of every id written for it."""
        return f"{self.source or ''}|{self.reference}"


@dataclass(frozen=True, slots=True)
class Attachment:
    """One ``DocumentReference.content.attachment``. ``data`` is base64 as sent, not yet decoded."""

    content_type: str | None = None
    data: str | None = None
    url: str | None = None
    hash: str | None = None
    size: int | None = None
    language: str | None = None
    masked: bool = False  # a data-absent-reason stands in the place of data or url


@dataclass(frozen=True, slots=True)
class NoteEvent:
    """What happened to which document, which version. Attachments are in the order of the sender."""

    kind: EventKind
    document: DocumentInfo
    attachments: tuple[Attachment, ...] = ()
    reason: RetractionReason | None = None


# --- the text -------------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """A stretch of the text and where it comes from.

    Equal lengths: character for character. Else the whole run stands for the whole source stretch (``&nbsp;``).
    """

    start: int
    length: int
    source_start: int
    source_length: int


@dataclass(frozen=True, slots=True)
class OffsetMap:
    """From places in the plain text to places in the source text that the clinician wrote.

    ``runs`` are ordered, without gaps or overlap in the text; source stretches are ordered too.
    Law: for every span, the mapped span's source holds the characters that the span's text was made from.
    """

    runs: tuple[Run, ...]

    @classmethod
    def identity(cls, length: int) -> OffsetMap:
        """The map of a text that is its own source."""
        return cls((Run(0, length, 0, length),) if length else ())

    def to_source(self, span: Span) -> Span:
        """The stretch of the source behind a stretch of the text. Raises ValueError for one outside the text."""
        if span.start >= span.end or not self.runs or span.start < 0:
            raise ValueError("an empty span, or one outside the text, has no place in the source")
        first, last = self._run_at(span.start), self._run_at(span.end - 1)
        start = first.source_start
        if first.length == first.source_length:
            start += span.start - first.start
        end = last.source_start + last.source_length
        if last.length == last.source_length:
            end = last.source_start + span.end - last.start
        return Span(start, end)

    def _run_at(self, place: int) -> Run:
        low, high = 0, len(self.runs) - 1
        while low <= high:
            middle = (low + high) // 2
            run = self.runs[middle]
            if place < run.start:
                high = middle - 1
            elif place >= run.start + run.length:
                low = middle + 1
            else:
                return run
        raise ValueError("outside the text")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a note. ``kind`` is one of a fixed set of words, such as ``family_history``, never its heading."""

    span: Span
    kind: str


@dataclass(frozen=True, slots=True)
class NoteText:
    """A note's plain text, its source text, and where what stands.

    ``sentences`` cover every non-blank character once, in order; ``sections`` likewise cover the text.
    ``sha256`` is of ``text`` as UTF-8.
    """

    text: str
    source: str
    offsets: OffsetMap
    content_type: str
    sha256: str
    language: str | None = None
    sentences: tuple[Span, ...] = ()
    sections: tuple[Section, ...] = ()

    def section_at(self, place: int) -> str | None:
        """The kind of the section around a place in ``text``."""
        return next((s.kind for s in self.sections if s.span.start <= place < s.span.end), None)


# --- values and facts -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RawValue:
    """One value that a reader saw, before grounding. ``window`` is the stretch of the text that the reader was given.

    ``confidence`` is in 0–1, or None where the reader gives none.
    """

    field: str
    value: str
    window: Span
    reader: str
    confidence: float | None = None


class Alignment(StrEnum):
    """How a value was found in the note, from the best to none."""

    EXACT = "exact"
    NORMALISED = "normalised"  # but for case, white space, hyphens, Unicode forms
    FUZZY = "fuzzy"  # words in another order or inflection, or a typing error; never another number or polarity
    CONCEPT = "concept"  # by a synonym of the terminology tables
    NONE = "none"


class Assertion(StrEnum):
    """What the note says of a value (ConText; Harkema et al. 2009), most assertive first."""

    PRESENT = "present"
    HISTORICAL = "historical"
    PLANNED = "planned"
    POSSIBLE = "possible"
    ABSENT = "absent"


class Experiencer(StrEnum):
    """Of whom the note says it."""

    PATIENT = "patient"
    FAMILY = "family"
    OTHER = "other"


class Evidence(Frozen):
    """Where in the source text a value stands: ``source[start:end] == text``."""

    start: int = Field(ge=0)
    end: int = Field(gt=0)
    text: str
    section: str | None = None


class Fact(Frozen):
    """One value of one field, grounded (or not) in the note. ``group`` joins the facts of one tumour."""

    field: str
    value: str
    evidence: tuple[Evidence, ...] = ()
    alignment: Alignment
    assertion: Assertion = Assertion.PRESENT
    experiencer: Experiencer = Experiencer.PATIENT
    confidence: float | None = Field(default=None, ge=0, le=1)
    readers: tuple[str, ...] = ()
    group: int | None = None


# --- the extraction record ------------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """What became of a document in extraction."""

    EXTRACTED = "extracted"
    TRIAGED = "triaged"  # no sign of what the task is about: the model was not asked
    RETRACTED = "retracted"


class TextInfo(Frozen):
    """The note's text, without the text. ``characters`` are code points of the plain text.

    ``url`` is where it was fetched, as the sender wrote it; None where it came within the event, and for a URL with a
    query, a fragment or a user name, which may be a key to what lies behind it.
    """

    sha256: str
    characters: int
    content_type: str
    language: str | None = None
    url: str | None = None


class Produced(Frozen):
    """By what a record was made, and when (``at``, an ISO 8601 instant)."""

    at: str
    software: str
    task: str
    task_digest: str
    model: str
    adapter: str | None = None
    adapter_digest: str | None = None
    server: str | None = None


class Usage(Frozen):
    """What the record cost at the model server, in tokens. ``cached``: some answers were kept ones, and cost none."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False


class ExtractionRecord(Frozen):
    """All that was read in one version of one document: the one format that outlives a release.

    Negated, planned and ungrounded values are in ``facts`` too: what policy or terminology may change is decided at
    publishing. Key of its Kafka record: :attr:`DocumentInfo.key`; the latest record of a document replaces the former.
    """

    schema_: Literal["medie.extraction/1"] = Field(default=RECORD_SCHEMA, alias="schema")
    document: DocumentInfo
    text: TextInfo | None = None
    produced: Produced
    outcome: Outcome
    reason: RetractionReason | None = None
    facts: tuple[Fact, ...] = ()
    usage: Usage = Usage()

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def to_json(self) -> str:
        """Compact JSON, without the keys that hold nothing."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


# --- concepts -------------------------------------------------------------------------------------------------------


class Coding(Frozen):
    """A FHIR Coding."""

    system: str
    code: str
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Concept:
    """What a value means: codes by role, or honestly text only.

    ``key`` is the meaning's identity, stable over releases of the tables: ``{system}|{code}`` of the main coding, or
    the normalised text. ``codings`` are by role; the role ``code`` is the main one, the others are the field's own
    (``body_site``, ``gene``, ``value``, ``category`` …, see docs/terminology.md). ``attributes`` hold what is no code:
    a quantity, an HGVS expression. ``row`` names the table row that was hit, ``match`` says how.
    """

    key: str
    codings: Mapping[str, tuple[Coding, ...]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    match: Literal["exact", "normalised", "synonym", "rule", "none"] = "none"
    row: str | None = None

    @property
    def main(self) -> Coding | None:
        """The first coding of the role ``code``."""
        codings = self.codings.get("code", ())
        return codings[0] if codings else None


@dataclass(frozen=True, slots=True)
class CodedFact:
    """A fact, what it means, the id of the resource it becomes, and whether policy lets it be written (and why not)."""

    fact: Fact
    concept: Concept
    id: str
    written: bool = True
    reason: str | None = None

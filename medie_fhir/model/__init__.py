"""The frozen types, in the order of a note's way: event → text → values → facts → record → concepts → resources.

Types that cross a border (the extraction record and its parts) are pydantic models, and their JSON Schemas in
``schemas/`` are generated from them. The others are plain frozen dataclasses. Offsets are counted in Unicode code
points, and spans are half-open everywhere: ``text[start:end]``.
"""

from __future__ import annotations

from medie_fhir.model.concept import AIAST, CodedFact, Coding, Concept
from medie_fhir.model.document import Attachment, DocumentInfo
from medie_fhir.model.event import EventKind, NoteEvent, RetractionReason
from medie_fhir.model.facts import Alignment, Assertion, Evidence, Experiencer, Fact, RawValue, Sighting
from medie_fhir.model.json_object import Frozen, Json
from medie_fhir.model.record import ExtractionRecord, Outcome, Produced, Reading, TextInfo, Usage
from medie_fhir.model.text import NoteText, OffsetMap, Run, Section, Span
from medie_fhir.model.version import DocumentVersion

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
    "Frozen",
    "Json",
    "NoteEvent",
    "NoteText",
    "OffsetMap",
    "Outcome",
    "Produced",
    "RawValue",
    "Reading",
    "RetractionReason",
    "Run",
    "Section",
    "Sighting",
    "Span",
    "TextInfo",
    "Usage",
]

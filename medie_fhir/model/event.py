"""What happened to which document."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from medie_fhir.model.document import Attachment, DocumentInfo
from medie_fhir.model.json_object import Json

__all__ = ["EventKind", "NoteEvent", "RetractionReason"]


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


@dataclass(frozen=True, slots=True)
class NoteEvent:
    """What happened to which document, which version. Attachments are in the order of the sender.

    ``practice_setting`` is the CodeableConcept of ``context.practiceSetting``: it is there to choose who reads the
    note, and no part of its record.
    """

    kind: EventKind
    document: DocumentInfo
    attachments: tuple[Attachment, ...] = ()
    reason: RetractionReason | None = None
    practice_setting: Json | None = None

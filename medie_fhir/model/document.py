"""What is known of a document without its text, and where its text is."""

from __future__ import annotations

from dataclasses import dataclass

from medie_fhir.model.json_object import Frozen, Json
from medie_fhir.model.version import DocumentVersion

__all__ = ["Attachment", "DocumentInfo"]


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

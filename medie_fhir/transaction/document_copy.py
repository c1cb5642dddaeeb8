"""A DocumentReference of a note's metadata, without its text, for target servers that don't hold the original.

Servers refuse a reference to what they don't hold (HAPI-1094). The copy has an id of our own, so that it can never
lie over another system's document, and says by a tag that it is a copy. Its masterIdentifier, which in R4 is the one
that is "specific to this version of the document", changes with every version: what guards a transaction by the copy's
version on the server (see ``bundle.guarded``) hangs on that.
"""

from __future__ import annotations

import re

from medie_fhir.fhir_names import ENTERED_IN_ERROR
from medie_fhir.model import DocumentInfo, ExtractionRecord, Json, Outcome, RetractionReason
from medie_fhir.transaction.identity import BASE, document_id
from medie_fhir.transaction.standing import VERSION_SYSTEM

__all__ = ["document_copy"]

_STATUS = {
    RetractionReason.ENTERED_IN_ERROR: ENTERED_IN_ERROR,
    RetractionReason.DELETED: ENTERED_IN_ERROR,
    RetractionReason.SUPERSEDED: "superseded",
    RetractionReason.REPLACED: "superseded",
}
# For a sender that gives none: US Core asks for both, and an mCODE stage for a US Core document behind derivedFrom.
_TYPE_UNKNOWN = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}]}
_NOTE = {
    "coding": [
        {
            "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
            "code": "clinical-note",
        }
    ]
}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
"""What ``DocumentReference.date`` must be (FHIR R4, datatypes, instant); an event may give but the day."""


def document_copy(record: ExtractionRecord, standing: Json | None, *, url: str | None = None) -> Json:
    """Our DocumentReference for the record's document. A retraction keeps the metadata that ``standing`` has.

    ``url`` is where the text can be fetched, if the copy is to say so.
    """
    document = record.document
    if record.outcome is Outcome.RETRACTED and record.reason and standing:
        kept = {k: v for k, v in standing.items() if k != "meta"}
        return {**kept, "meta": _META, "masterIdentifier": _version(record), "status": _STATUS[record.reason]}
    attachment: Json = {"extension": [_absent("unknown")]}
    if record.text:
        at = {"url": url} if url else {"_data": {"extension": [_absent("masked")]}}
        attachment = {"contentType": record.text.content_type, **at}
    if record.text and record.text.language:
        attachment["language"] = record.text.language
    status = _STATUS[record.reason] if record.reason else "current"
    optional = {
        "docStatus": document.doc_status,
        "type": document.type or _TYPE_UNKNOWN,
        "category": list(document.category) or [_NOTE],
        "subject": document.subject,
        "date": document.date if _INSTANT.fullmatch(document.date or "") else None,
        "context": _context(document),
    }
    return {
        "resourceType": "DocumentReference",
        "id": document_id(document),
        "meta": _META,
        "masterIdentifier": _version(record),
        "identifier": [*document.identifier, {"system": f"{BASE}/document", "value": document.key}],
        "status": status,
        **{k: v for k, v in optional.items() if v},
        "content": [{"attachment": attachment}],
    }


def _context(document: DocumentInfo) -> Json:
    given = {"encounter": [document.encounter] if document.encounter else None, "period": document.period}
    return {name: value for name, value in given.items() if value}


_META: Json = {
    "tag": [{"system": f"{BASE}/tags", "code": "metadata-copy", "display": "Metadata of a document held elsewhere"}]
}


def _version(record: ExtractionRecord) -> Json:
    version = record.document.version
    named = f"{version.version_id or 'unnumbered'} {version.last_updated or ''}".strip()
    return {"system": VERSION_SYSTEM, "value": f"{record.document.key} {named}"}


def _absent(why: str) -> Json:
    """Why there is no value (FHIR R4, data-absent-reason). With it the copy meets us-core-6, as derivedFrom asks."""
    return {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": why}

"""A FHIR R4 DocumentReference → what happened to which document (http://hl7.org/fhir/R4/documentreference.html)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from medie_fhir.errors import EventError, InvalidDocumentReference, NoSubject, UnidentifiedDocument
from medie_fhir.event.elements import (
    ID,
    absent_reason,
    concept,
    identifier,
    many,
    moment,
    one,
    period,
    string,
    version_id,
)
from medie_fhir.event.references import Surroundings, kept, kept_all, type_of
from medie_fhir.event.tombstone import deletion
from medie_fhir.event.version import refuse_other_versions
from medie_fhir.fhir_names import RESOURCE_TYPES
from medie_fhir.model import (
    Attachment,
    DocumentInfo,
    DocumentVersion,
    EventKind,
    Json,
    NoteEvent,
    RetractionReason,
)

__all__ = ["EventOptions", "gone", "read"]

_STATUS = ("current", "superseded", "entered-in-error")
_MOST_DIGITS = 19  # of a signed 64-bit integer


@dataclass(frozen=True, slots=True)
class EventOptions:
    """How to take what senders may mean in two ways.

    ``preliminary``: a document whose ``docStatus`` is preliminary is processed, and replaced by its later versions
    (``process``), or is no event at all: nothing is read, written or retracted because of it (``skip``).
    ``server``: the base URL of the server that holds the documents; one named by its URL there is the one named by its
    id, so that a deletion or replacement by URL finds what was written.
    """

    preliminary: Literal["process", "skip"] = "process"
    server: str | None = None


def read(
    document: Json, around: Surroundings, source: str | None, policy: EventOptions
) -> tuple[NoteEvent | EventError, ...]:
    """The event of a DocumentReference, followed by a retraction of each document that it replaces.

    Nothing for a preliminary one that ``policy`` skips. Raises UnsupportedFhirVersion, InvalidDocumentReference,
    UnidentifiedDocument, NoSubject.
    """
    refuse_other_versions(document)
    around = around.within(document)
    status, doc_status = _status(document), string(document, "docStatus")
    reference = _identity(document)
    if status == "entered-in-error" or doc_status == "entered-in-error":
        return (_retraction(document, around, source, reference, RetractionReason.ENTERED_IN_ERROR),)
    if doc_status == "preliminary" and policy.preliminary == "skip":
        return ()
    if status == "superseded":
        event = _retraction(document, around, source, reference, RetractionReason.SUPERSEDED)
    else:
        event = _note(document, around, source, reference)
    return (event, *_replaced(document, around, event.document))


def gone(document: Json, at: str | None, source: str | None) -> NoteEvent:
    """The retraction of a deleted document, of which this is the last state, or its name and no more.

    ``at`` is when. Any version of FHIR will do, as they all name a document alike. Raises UnidentifiedDocument,
    InvalidDocumentReference.
    """
    version = DocumentVersion()
    with suppress(EventError):
        version = _version(document)
    return deletion(_identity(document), at or version.last_updated, source, version.version_id)


def _status(document: Json) -> str:
    status = string(document, "status")
    if status is None:
        raise InvalidDocumentReference("status is missing: whether the document holds is not known")
    if status not in _STATUS:
        raise InvalidDocumentReference("status is none of current, superseded, entered-in-error")
    return status


def _identifiers(document: Json) -> tuple[Json, ...]:
    """The master identifier first, then the others."""
    master = one(document, "masterIdentifier")
    listed = [*([master] if master else []), *many(document, "identifier")]
    return tuple(filter(None, (identifier(each) for each in listed)))


def _identity(document: Json) -> str:
    own = string(document, "id")
    if own is not None:
        if not ID.match(own):
            raise InvalidDocumentReference("id is not a FHIR id")
        return f"DocumentReference/{own}"
    identifiers = _identifiers(document)
    if not identifiers:
        raise UnidentifiedDocument(
            "neither id nor masterIdentifier nor identifier: it could never be taken back; have it sent with one"
        )
    return _token(identifiers[0])


def _token(named: Json) -> str:
    return f"{named.get('system', '')}|{named['value']}"


def _version(document: Json) -> DocumentVersion:
    meta = one(document, "meta") or {}
    version = DocumentVersion(
        version_id=version_id(string(meta, "versionId")), last_updated=moment(meta, "lastUpdated")
    )
    if version.last_updated or version.number is not None:
        return version
    return version.model_copy(update={"last_updated": moment(document, "date")})  # the author may change it: last


def _note(document: Json, around: Surroundings, source: str | None, reference: str) -> NoteEvent:
    subject = _subject(document, around)
    contents = many(document, "content")
    if not contents:
        raise InvalidDocumentReference("content is missing or empty")
    context = one(document, "context") or {}
    kind = one(document, "type")
    info = DocumentInfo(
        reference=reference,
        version=_version(document),
        status=string(document, "status"),
        doc_status=string(document, "docStatus"),
        type=(concept(kind) or None) if kind else None,
        category=tuple(filter(None, map(concept, many(document, "category")))),
        date=moment(document, "date"),
        period=period(context, "period"),
        subject=subject,
        encounter=next(iter(kept_all(many(context, "encounter"), around)), None),
        author=kept_all(many(document, "author"), around),
        identifier=_identifiers(document),
        source=source,
    )
    setting = one(context, "practiceSetting")
    attachments = tuple(_attachment(content, around) for content in contents)
    return NoteEvent(
        EventKind.NOTE, info, attachments, practice_setting=(concept(setting) or None) if setting else None
    )


def _subject(document: Json, around: Surroundings) -> Json:
    given = one(document, "subject")
    subject = kept(given, around) if given else None
    if subject is None:
        raise NoSubject("subject is a reference that leads nowhere" if given else "subject is missing")
    kind = type_of(subject)
    if kind not in (None, "Patient"):
        told = f"a {kind}" if kind in RESOURCE_TYPES else "something"  # no other word of the sender's is repeated
        raise NoSubject(f"subject is {told}, not a Patient")
    return subject


def _attachment(content: Json, around: Surroundings) -> Attachment:
    given = one(content, "attachment")
    if given is None:
        raise InvalidDocumentReference("content.attachment is missing")
    data, url = given.get("data"), string(given, "url")
    if data is not None and not isinstance(data, str):
        raise InvalidDocumentReference("content.attachment.data must be a string")
    content_type = string(given, "contentType")
    binary = around.find(url) if url and data is None else None
    if binary and binary.get("resourceType") == "Binary":  # sent along, in the Bundle or contained
        data, url = string(binary, "data"), None
        content_type = content_type or string(binary, "contentType")
    nothing = data is None and url is None
    return Attachment(
        content_type=content_type,
        data=data,
        url=url,
        hash=string(given, "hash"),
        size=_size(given),
        language=string(given, "language"),
        masked=nothing and (absent_reason(given, "data") or absent_reason(given, "url")),
    )


def _size(attachment: Json) -> int | None:
    size = attachment.get("size")
    if isinstance(size, str) and size.isascii() and size.isdigit() and len(size) <= _MOST_DIGITS:  # as R5
        return int(size)
    if size is None or (isinstance(size, int) and not isinstance(size, bool) and size >= 0):
        return size
    raise InvalidDocumentReference("content.attachment.size must be a whole number of bytes")


def _retraction(
    document: Json, around: Surroundings, source: str | None, reference: str, reason: RetractionReason
) -> NoteEvent:
    """What takes a document back needs to name it, and no more: a fault elsewhere must not keep it standing."""
    subject, version = None, DocumentVersion()
    with suppress(EventError):
        subject = _subject(document, around)
    with suppress(EventError):
        version = _version(document)
    info = DocumentInfo(
        reference=reference,
        version=version,
        status=string(document, "status"),
        doc_status=string(document, "docStatus"),
        subject=subject,
        source=source,
    )
    return NoteEvent(EventKind.RETRACTION, info, reason=reason)


def _replaced(document: Json, around: Surroundings, new: DocumentInfo) -> list[NoteEvent | EventError]:
    """A retraction for each target of ``relatesTo: replaces``; one that can't be named is an error beside the note."""
    events: list[NoteEvent | EventError] = []
    try:
        replacing = [each for each in many(document, "relatesTo") if string(each, "code") == "replaces"]
        events.extend(_replacement(relation, around, new) for relation in replacing)
    except EventError as error:
        events.append(error)
    return [each for each in events if isinstance(each, EventError) or each.document.reference != new.reference]


def _replacement(relation: Json, around: Surroundings, new: DocumentInfo) -> NoteEvent:
    given = one(relation, "target")
    target = kept(given, around) if given else None
    if target is None:
        raise UnidentifiedDocument("relatesTo replaces a document that it doesn't name")
    if type_of(target) not in (None, "DocumentReference"):
        raise InvalidDocumentReference("relatesTo replaces something that is no DocumentReference")
    info = DocumentInfo(
        reference=target["reference"] if "reference" in target else _token(target["identifier"]),
        version=DocumentVersion(last_updated=new.version.last_updated),
        subject=new.subject,
        identifier=(target["identifier"],) if "identifier" in target else (),
        source=new.source,
    )
    return NoteEvent(EventKind.RETRACTION, info, reason=RetractionReason.REPLACED)

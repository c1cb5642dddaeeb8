"""A record without a value → its document is gone. Also the times and names that deletions share."""

from __future__ import annotations

from datetime import UTC, datetime

from medie_fhir.errors import UnidentifiedDocument
from medie_fhir.event.elements import ID
from medie_fhir.event.references import literal
from medie_fhir.model import DocumentInfo, DocumentVersion, EventKind, NoteEvent, RetractionReason

__all__ = ["deletion", "instant", "read"]


def read(key: bytes | None, at: str | None, source: str | None) -> NoteEvent:
    """The retraction, of the instant ``at``, that a null value stands for.

    Raises UnidentifiedDocument for a key that names no document.

    Keys: ``DocumentReference/123`` or its URL, ``123``, ``{system}|{value}`` of an identifier, and each of them but the
    bare id after ``{source}|``, as in :attr:`DocumentInfo.key`. Of ``a|b|c``, ``a`` is taken as the source.
    """
    try:
        text = (key or b"").decode()
    except UnicodeDecodeError:
        text = ""
    named_source, reference = _split(text, source)
    if reference is None:
        raise UnidentifiedDocument("a null value whose key names no document; key it DocumentReference/{id}")
    return deletion(reference, at, named_source)


def _split(text: str, source: str | None) -> tuple[str | None, str | None]:
    """``(source, reference)`` of a key."""
    if ID.match(text):
        return source, f"DocumentReference/{text}"
    if reference := _document(text):
        return source, reference
    head, bar, rest = text.partition("|")
    if bar and (reference := _document(rest)):
        return head or source, reference
    if source and head == source and rest:
        return source, rest if "|" in rest else None
    if "|" in rest and rest.rpartition("|")[2]:
        return head or source, rest
    return source, text if bar and rest.strip("| ") else None


def _document(text: str) -> str | None:
    found = literal(text)
    return found[0] if found and found[1] == "DocumentReference" else None


def deletion(reference: str, at: str | None, source: str | None, version_id: str | None = None) -> NoteEvent:
    """The retraction of a document that is deleted."""
    version = DocumentVersion(version_id=version_id, last_updated=at)
    info = DocumentInfo(reference=reference, version=version, source=source)
    return NoteEvent(EventKind.RETRACTION, info, reason=RetractionReason.DELETED)


def instant(timestamp_ms: int | None) -> str | None:
    """A Kafka record's time (milliseconds since 1970, UTC) as an ISO 8601 instant; None for a broker's "none" (-1)."""
    if timestamp_ms is None or timestamp_ms < 0:
        return None
    try:
        moment = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

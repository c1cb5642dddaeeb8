"""A bare reference, ``{"reference": "DocumentReference/123"}`` → there is a document: read it from the FHIR server."""

from __future__ import annotations

from medie_fhir.errors import UnknownEventShape
from medie_fhir.event.references import literal
from medie_fhir.fhir_names import RESOURCE_TYPES
from medie_fhir.model import DocumentInfo, DocumentVersion, EventKind, Json, NoteEvent

__all__ = ["read"]


def read(value: Json, source: str | None) -> NoteEvent:
    """The event. An absolute reference is kept as it is: whether its host may be asked is for the reader to decide.

    Raises UnknownEventShape for a reference to something else, or one that is not literal.
    """
    target = value.get("reference")
    found = literal(target) if isinstance(target, str) else None
    if found is None:
        raise UnknownEventShape("reference is not of the form DocumentReference/{id}")
    reference, kind, version = found
    if "@" in reference:
        raise UnknownEventShape("a reference by a URL with a user name: where to log in is the settings' to say")
    if kind != "DocumentReference":
        told = f"a {kind}" if kind in RESOURCE_TYPES else "something"  # no other word of the sender's is repeated
        raise UnknownEventShape(f"a reference to {told}, not to a DocumentReference")
    info = DocumentInfo(reference=reference, version=DocumentVersion(version_id=version), source=source)
    return NoteEvent(EventKind.REFERENCE, info)

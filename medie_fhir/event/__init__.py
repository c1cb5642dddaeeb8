"""Station 1. Bytes → what happened to which document.

Law: every byte string gives events or raises an EventError; nothing else ever escapes. Shapes: docs/events.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from medie_fhir.errors import EventError, UnknownEventShape
from medie_fhir.event import bundle, document_reference, reference, tombstone
from medie_fhir.event.document_reference import EventOptions
from medie_fhir.event.json_value import load
from medie_fhir.event.references import Surroundings
from medie_fhir.fhir_names import RESOURCE_TYPES
from medie_fhir.model import NoteEvent, RetractionReason

__all__ = ["EventOptions", "parse_events"]

_DEFAULT = EventOptions()


def parse_events(
    value: bytes | None,
    key: bytes | None = None,
    *,
    timestamp_ms: int | None = None,
    source: str | None = None,
    policy: EventOptions = _DEFAULT,
) -> tuple[NoteEvent | EventError, ...]:
    """The events of one Kafka record, in the order of the sender.

    ``value`` is a DocumentReference, a Bundle of them or a bare reference as JSON in UTF-8, or None: then ``key`` names
    the document that is gone, and ``timestamp_ms`` is when. ``source`` names the sending system.

    Raises the EventError that the record as a whole is; in a Bundle, a bad entry is given as its EventError in its
    place. Empty for a Bundle without DocumentReferences, and for a preliminary document that ``policy`` skips.
    """
    events = _events(value, key, timestamp_ms, source, policy)
    return tuple(_without_itself(_by_id(event, policy.server) for event in events)) if policy.server else events


def _without_itself(events: Iterable[NoteEvent | EventError]) -> Iterator[NoteEvent | EventError]:
    """The events, but for a document's that says by its URL that it replaces itself."""
    said_by = None
    for event in events:
        if isinstance(event, EventError) or event.reason is not RetractionReason.REPLACED:
            said_by = None if isinstance(event, EventError) else event.document.reference
        elif event.document.reference == said_by:
            continue
        yield event


def _by_id(event: NoteEvent | EventError, server: str) -> NoteEvent | EventError:
    """The event, its document named by id where it is named by its URL on ``server``."""
    here = f"{server.rstrip('/')}/DocumentReference/"
    if isinstance(event, EventError) or not event.document.reference.startswith(here):
        return event
    reference = f"DocumentReference/{event.document.reference.removeprefix(here)}"
    return replace(event, document=event.document.model_copy(update={"reference": reference}))


def _events(
    value: bytes | None, key: bytes | None, timestamp_ms: int | None, source: str | None, policy: EventOptions
) -> tuple[NoteEvent | EventError, ...]:
    if value is None:
        return (tombstone.read(key, timestamp_ms, source),)
    parsed = load(value)
    kind = parsed.get("resourceType")
    if kind == "DocumentReference":
        return document_reference.read(parsed, Surroundings(), source, policy)
    if kind == "Bundle":
        return bundle.read(parsed, tombstone.instant(timestamp_ms), source, policy)
    if isinstance(kind, str) and kind in RESOURCE_TYPES:  # no other word of the sender's is repeated
        raise UnknownEventShape(f"a {kind} resource, not a DocumentReference or a Bundle of them")
    if "resourceType" not in parsed and "reference" in parsed:
        return (reference.read(parsed, source),)
    raise UnknownEventShape("an object that is neither a FHIR resource nor a reference")

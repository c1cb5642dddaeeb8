"""Station 1. Bytes → what happened to which document.

Law: every byte string gives events or raises an EventError; nothing else ever escapes. Shapes: docs/events.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from medie_fhir.errors import EventError, UnknownEventShape
from medie_fhir.event import bundle, cloud_event, document_reference, reference, subscription, tombstone
from medie_fhir.event.cloud_event import Mode
from medie_fhir.event.document_reference import EventOptions
from medie_fhir.event.headers import Headers
from medie_fhir.event.json_value import load, load_array
from medie_fhir.event.references import Surroundings, literal
from medie_fhir.fhir_names import RESOURCE_TYPES
from medie_fhir.model import Json, NoteEvent, RetractionReason

__all__ = ["EventOptions", "Headers", "literal", "parse_events"]

Events = tuple[NoteEvent | EventError, ...]

_DEFAULT = EventOptions()


def parse_events(
    value: bytes | None,
    key: bytes | None = None,
    *,
    headers: Headers = (),
    timestamp_ms: int | None = None,
    source: str | None = None,
    policy: EventOptions = _DEFAULT,
) -> Events:
    """The events of one Kafka record, in the order of the sender.

    ``value`` is JSON in UTF-8 of one of the shapes: a DocumentReference, a Bundle of them, a subscription notification,
    a bare reference, a CloudEvent around any of these (of which ``headers`` may tell); or None: then ``key`` names the
    document that is gone, and ``timestamp_ms`` is when. ``source`` names the sending system.

    Raises the EventError that the record as a whole is; in a Bundle or batch, a bad entry is given as its EventError in
    its place. Empty for a Bundle without DocumentReferences, for a notification of no event (a heartbeat, a handshake),
    and for a preliminary document that ``policy`` skips.
    """
    events = _events(value, key, headers, tombstone.instant(timestamp_ms), source=source, policy=policy)
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
    value: bytes | None,
    key: bytes | None,
    headers: Headers,
    at: str | None,
    *,
    source: str | None,
    policy: EventOptions,
) -> Events:
    def opened(event: cloud_event.CloudEvent) -> Events:
        return cloud_event.read(event, lambda data, time: _resource(data, time, source, policy), key, at, source)

    mode = cloud_event.mode(headers)
    if mode is Mode.BINARY:
        return opened(cloud_event.from_headers(headers, value))
    if value is None:
        return (tombstone.read(key, at, source),)
    if mode is Mode.BATCH:
        return tuple(_each(load_array(value), opened))
    parsed = load(value)
    if mode is Mode.STRUCTURED or cloud_event.is_cloud_event(parsed):
        return opened(cloud_event.from_json(parsed))
    return _resource(parsed, at, source, policy)


def _each(batch: list[object], opened: Callable[[cloud_event.CloudEvent], Events]) -> Iterator[NoteEvent | EventError]:
    for item in batch:
        try:
            yield from opened(cloud_event.from_json(item))
        except EventError as error:
            yield error


def _resource(parsed: Json, at: str | None, source: str | None, policy: EventOptions) -> Events:
    kind = parsed.get("resourceType")
    if kind == "DocumentReference":
        return document_reference.read(parsed, Surroundings(), source, policy)
    if kind == "Bundle" and subscription.is_notification(parsed):
        return subscription.read(parsed, at, source, policy)
    if kind == "Bundle":
        return bundle.read(parsed, at, source, policy)
    if isinstance(kind, str) and kind in RESOURCE_TYPES:  # no other word of the sender's is repeated
        raise UnknownEventShape(f"a {kind} resource, not a DocumentReference or a Bundle of them")
    if "resourceType" not in parsed and "reference" in parsed:
        return (reference.read(parsed, source),)
    raise UnknownEventShape("an object that is neither a FHIR resource nor a reference")

"""A Bundle → the events of its DocumentReferences (http://hl7.org/fhir/R4/bundle.html). Other entries are ignored."""

from __future__ import annotations

import re
from collections.abc import Iterator

from medie_fhir.errors import EventError, InvalidDocumentReference, UnknownEventShape
from medie_fhir.event import document_reference, reference
from medie_fhir.event.document_reference import EventOptions
from medie_fhir.event.elements import ID, moment, one, string, version_id
from medie_fhir.event.references import TYPE_NAME, Surroundings, kept, literal
from medie_fhir.event.tombstone import deletion
from medie_fhir.model import Json, NoteEvent

__all__ = ["read", "read_entries"]

_TYPES = ("transaction", "batch", "collection", "history", "searchset")
_WRITTEN = (None, "POST", "PUT")
_ETAG = re.compile(r'(?:W/)?"([^"]+)"')


def read(
    bundle: Json, timestamp: str | None, source: str | None, policy: EventOptions
) -> tuple[NoteEvent | EventError, ...]:
    """The events in the order of the entries, which in a history is newest first.

    ``timestamp`` is the time of a deletion whose entry has none. Raises UnknownEventShape where the Bundle as a whole
    can't be read.
    """
    if bundle.get("type") not in _TYPES:
        raise UnknownEventShape(f"a Bundle whose type is none of {', '.join(_TYPES)}")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise UnknownEventShape("Bundle.entry must be an array")
    return read_entries(entries, timestamp, source, policy)


def read_entries(
    entries: list[object],
    timestamp: str | None,
    source: str | None,
    policy: EventOptions,
    naming: tuple[str | None, ...] = _WRITTEN,
) -> tuple[NoteEvent | EventError, ...]:
    """The events of entries, in their order. A bad entry is its error, in its place.

    ``naming``: the methods by which an entry without a resource says that there is a document.
    """
    near = _near(entries)
    events: list[NoteEvent | EventError] = []
    for entry in entries:
        try:
            events.extend(_entry(entry, near, timestamp, source=source, policy=policy, naming=naming))
        except EventError as error:
            events.append(error)
    return tuple(events)


def _near(entries: list[object]) -> dict[str, Json]:
    """The Bundle's resources by fullUrl and by ``Type/id``."""
    near: dict[str, Json] = {}
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and isinstance(resource, dict):
            if isinstance(url := entry.get("fullUrl"), str):
                near[url] = resource
            if isinstance(resource.get("resourceType"), str) and isinstance(resource.get("id"), str):
                near.setdefault(f"{resource['resourceType']}/{resource['id']}", resource)
    return near


def _entry(
    entry: object,
    near: dict[str, Json],
    timestamp: str | None,
    *,
    source: str | None,
    policy: EventOptions,
    naming: tuple[str | None, ...],
) -> Iterator[NoteEvent | EventError]:
    if not isinstance(entry, dict):
        raise UnknownEventShape("a Bundle.entry is not an object")
    request = one(entry, "request") or {}
    resource = one(entry, "resource")
    if string(request, "method") == "DELETE":
        yield from _deleted(entry, request, near, timestamp, source)
    elif resource and resource.get("resourceType") == "DocumentReference":
        around = Surroundings(entries=near, base=_base(entry, resource))
        yield from document_reference.read(resource, around, source, policy)
    elif resource is None and string(request, "method") in naming and (found := _named(request, entry)):
        yield reference.read({"reference": found}, source)


def _deleted(
    entry: Json, request: Json, near: dict[str, Json], timestamp: str | None, source: str | None
) -> Iterator[NoteEvent]:
    url = string(request, "url") or ""
    if not url.startswith(("DocumentReference/", "DocumentReference?")) and "/DocumentReference/" not in url:
        return
    target = kept({"reference": url}, Surroundings(entries=near))
    if target is None:
        raise InvalidDocumentReference("request.url of a DELETE names no document")
    named = target.get("identifier", {})
    identity = target.get("reference") or f"{named.get('system', '')}|{named['value']}"
    response = one(entry, "response") or {}
    etag = _ETAG.fullmatch(string(response, "etag") or "")
    at = moment(response, "lastModified") or timestamp
    yield deletion(identity, at, source, version_id(etag[1]) if etag else None)


def _named(request: Json, entry: Json) -> str | None:
    """The document that an entry without a resource is about."""
    for url in (string(request, "url"), string(entry, "fullUrl")):
        found = literal(url) if url else None
        if found and found[1] == "DocumentReference":
            return url
    return None


def _base(entry: Json, resource: Json) -> str | None:
    """The server's address, where the entry's fullUrl is the resource's own place on it."""
    url, own, kind = entry.get("fullUrl"), resource.get("id"), resource["resourceType"]
    if not (isinstance(url, str) and isinstance(own, str) and ID.match(own) and TYPE_NAME.match(kind)):
        return None
    return url.removesuffix(f"{kind}/{own}") if url.endswith(f"/{kind}/{own}") else None

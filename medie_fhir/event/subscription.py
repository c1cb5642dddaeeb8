"""A notification of a FHIR topic-based subscription → the events of the DocumentReferences that it carries or names.

It is a Bundle whose first entry is the subscription's status: a Parameters resource in R4, a SubscriptionStatus in R4B
and R5. Sources: http://hl7.org/fhir/uv/subscriptions-backport/STU1.1/notifications.html and payloads.html (R4, R4B:
Bundles of type ``history``), http://hl7.org/fhir/R5/subscriptionstatus.html (``subscription-notification``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from medie_fhir.errors import EventError, InvalidDocumentReference, UnknownEventShape
from medie_fhir.event import reference
from medie_fhir.event.bundle import read_entries
from medie_fhir.event.document_reference import EventOptions
from medie_fhir.event.elements import many, moment, one, string
from medie_fhir.event.references import literal
from medie_fhir.model import Json, NoteEvent

__all__ = ["is_notification", "read"]

_WITH_EVENTS = ("event-notification", "query-event")
_WITHOUT_EVENTS = ("handshake", "heartbeat", "query-status")
_PROFILE_R4 = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4"
_NAMING = (None, "GET", "POST", "PUT")  # by GET, an entry of such a Bundle says only where its resource is


def is_notification(bundle: Json) -> bool:
    """Whether a Bundle is a notification: by its type in R5, by its first entry in R4 and R4B."""
    return bundle.get("type") == "subscription-notification" or (
        bundle.get("type") == "history" and _status(bundle) is not None
    )


def read(
    bundle: Json, timestamp: str | None, source: str | None, policy: EventOptions
) -> tuple[NoteEvent | EventError, ...]:
    """The events of its entries in their order, then references to the documents that it names and doesn't carry.

    The order is that of the sender; one bad entry or name is its error, in its place. The time of a deletion is that
    of its entry, else of the Bundle, else ``timestamp``. Empty for a handshake, a heartbeat and an answer to a status
    query. Raises UnknownEventShape where the notification as a whole can't be read, and for one of an event whose
    payload is empty: which document it is about could only be told by searching the server.
    """
    status = _status(bundle)
    if status is None:
        raise UnknownEventShape("a subscription-notification whose first entry is no SubscriptionStatus")
    if status["resourceType"] not in ("Parameters", "SubscriptionStatus"):
        raise UnknownEventShape("a notification whose status is neither Parameters nor a SubscriptionStatus")
    try:
        kind, focuses, others = _of_parameters(status) if status["resourceType"] == "Parameters" else _of_status(status)
    except InvalidDocumentReference as fault:
        raise UnknownEventShape(f"in the status of a notification, {fault}") from None
    if kind in _WITHOUT_EVENTS:
        return ()
    if kind not in _WITH_EVENTS:
        raise UnknownEventShape(f"a notification whose type is none of {', '.join((*_WITH_EVENTS, *_WITHOUT_EVENTS))}")
    entries = bundle["entry"][1:]
    if not (entries or focuses or others):
        raise UnknownEventShape(
            "a notification with an empty payload names no document; subscribe with payload id-only or full-resource"
        )
    at = _moment(bundle) or timestamp
    events = read_entries(entries, at, source, policy, _NAMING)
    return (*events, *_named(focuses, others, _carried(entries), source))


def _status(bundle: Json) -> Json | None:
    """The resource of the first entry, where it is a subscription's status, be it one that can't be read."""
    entries = bundle.get("entry")
    first = entries[0] if isinstance(entries, list) and entries else None
    resource = first.get("resource") if isinstance(first, dict) else None
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return None
    if resource["resourceType"] in ("Parameters", "SubscriptionStatus"):
        return resource
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    return resource if isinstance(profiles, list) and _PROFILE_R4 in profiles else None


def _of_parameters(status: Json) -> tuple[str | None, list[Json], list[Json]]:
    """The type of a notification, its focuses, and what else it names (R4)."""
    kind, focuses, others = None, [], []
    for parameter in many(status, "parameter"):
        name = string(parameter, "name")
        if name == "type":
            kind = string(parameter, "valueCode")
        for part in many(parameter, "part") if name == "notification-event" else ():
            named = one(part, "valueReference")
            if named and string(part, "name") == "focus":
                focuses.append(named)
            elif named and string(part, "name") == "additional-context":
                others.append(named)
    return kind, focuses, others


def _of_status(status: Json) -> tuple[str | None, list[Json], list[Json]]:
    """The type of a notification, its focuses, and what else it names (R4B, R5)."""
    focuses, others = [], []
    for event in many(status, "notificationEvent"):
        if focus := one(event, "focus"):
            focuses.append(focus)
        others.extend(many(event, "additionalContext"))
    return string(status, "type"), focuses, others


def _moment(bundle: Json) -> str | None:
    with suppress(InvalidDocumentReference):  # the record's time will do
        return moment(bundle, "timestamp")
    return None


def _carried(entries: list[object]) -> set[str]:
    """What the entries are about: their URLs, and ``Type/id`` of these and of their resources."""
    carried: set[str] = set()
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        resource, request = entry.get("resource"), entry.get("request")
        urls = [entry.get("fullUrl"), request.get("url") if isinstance(request, dict) else None]
        if isinstance(resource, dict):
            urls.append(f"{resource.get('resourceType')}/{resource.get('id')}")
        for url in urls:
            if isinstance(url, str):
                carried |= {url, _tail(url)}
    return carried


def _tail(url: str) -> str:
    """``Type/id`` of a literal reference; of anything else, itself."""
    found = literal(url)
    return "/".join(found[0].rsplit("/", 2)[-2:]) if found else url


def _named(
    focuses: list[Json], others: list[Json], carried: set[str], source: str | None
) -> Iterator[NoteEvent | EventError]:
    """A reference to each DocumentReference that is named and not carried; an error for a focus that names nothing."""
    seen = set(carried)
    for place, named in enumerate((*focuses, *others)):
        target = named.get("reference")
        found = literal(target) if isinstance(target, str) else None
        if found is None:
            if place < len(focuses) and not (isinstance(target, str) and target in carried):
                yield UnknownEventShape("the focus of a notification is not of the form DocumentReference/{id}")
            continue
        if found[1] != "DocumentReference" or _tail(found[0]) in seen:
            continue
        seen.add(_tail(found[0]))
        try:
            yield reference.read({"reference": target}, source)
        except EventError as error:
            yield error

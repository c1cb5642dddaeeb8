"""A notification → the events of the documents that it carries or names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.errors import EventError, UnknownEventShape, UnsupportedFhirVersion
from medie_fhir.event import EventOptions, parse_events
from medie_fhir.model import EventKind, Json, NoteEvent

Build = Callable[..., dict[str, Any]]
Make = Callable[..., Json]

BASE = "https://a.example/fhir"
PROFILE = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4"


def r4(kind: str | None, *focuses: Any, others: tuple[Any, ...] = (), entries: tuple[Any, ...] = ()) -> Json:
    """A notification of the Backport IG for R4."""
    parts = [{"name": "focus", "valueReference": focus} for focus in focuses]
    parts += [{"name": "additional-context", "valueReference": other} for other in others]
    parameters = [
        {"name": "subscription", "valueReference": {"reference": "Subscription/1"}},
        {"name": "type", "valueCode": kind},
        {"name": "notification-event", "part": [{"name": "event-number", "valueString": "1"}, *parts]},
    ]
    status = {"resourceType": "Parameters", "parameter": parameters}
    first = {"resource": status, "request": {"method": "GET", "url": "Subscription/1/$status"}}
    return {
        "resourceType": "Bundle",
        "type": "history",
        "timestamp": "2024-05-06T07:08:09Z",
        "entry": [first, *entries],
    }


def r4b(kind: str | None, *focuses: Any, others: tuple[Any, ...] = (), entries: tuple[Any, ...] = ()) -> Json:
    """A notification of R4B."""
    events: list[Json] = [{"eventNumber": "1", "focus": focus} for focus in focuses]
    events += [{"eventNumber": "2", "additionalContext": list(others)}] if others else []
    status = {"resourceType": "SubscriptionStatus", "type": kind, "notificationEvent": events}
    return r4(kind, entries=entries) | {"entry": [{"resource": status}, *entries]}


def r5(kind: str | None, *focuses: Any, others: tuple[Any, ...] = (), entries: tuple[Any, ...] = ()) -> Json:
    """A notification of R5."""
    return r4b(kind, *focuses, others=others, entries=entries) | {"type": "subscription-notification"}


def to(place: str) -> Json:
    return {"reference": place}


def told(notification: Json, **options: Any) -> list[tuple[str, str]]:
    """Kind and reference of each event; class and message of each error."""
    events = parse_events(json.dumps(notification).encode(), **options)
    return [
        (type(each).__name__, str(each)) if isinstance(each, EventError) else (each.kind.value, each.document.reference)
        for each in events
    ]


every = pytest.mark.parametrize("make", [r4, r4b, r5])


@every
@pytest.mark.parametrize("kind", ["handshake", "heartbeat", "query-status"])
def test_a_notification_of_no_event_gives_none(make: Make, kind: str) -> None:
    assert told(make(kind)) == []


@every
@pytest.mark.parametrize("kind", [None, "event", "Roe"])
def test_a_notification_of_no_known_type_is_refused(make: Make, kind: str | None) -> None:
    with pytest.raises(UnknownEventShape, match="type is none of event-notification") as caught:
        told(make(kind, to("DocumentReference/1")))
    assert "Roe" not in str(caught.value)


@every
def test_an_empty_payload_is_refused_with_what_to_do(make: Make) -> None:
    with pytest.raises(UnknownEventShape, match="id-only or full-resource"):
        told(make("event-notification"))


@every
@pytest.mark.parametrize("kind", ["event-notification", "query-event"])
def test_ids_are_references(make: Make, kind: str) -> None:
    notification = make(
        kind,
        to("DocumentReference/1"),
        to(f"{BASE}/DocumentReference/2/_history/3"),
        to("Encounter/1"),
        others=(to("Patient/1"), to("DocumentReference/3"), {"display": "Roe"}),
    )
    assert told(notification, policy=EventOptions(server=BASE)) == [
        ("reference", f"DocumentReference/{number}") for number in (1, 2, 3)
    ]


@every
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_an_entry_without_its_resource_is_a_reference(make: Make, method: str) -> None:
    url = "DocumentReference" if method == "POST" else "DocumentReference/1"
    entry = {"fullUrl": f"{BASE}/DocumentReference/1", "request": {"method": method, "url": url}}
    notification = make("event-notification", to(f"{BASE}/DocumentReference/1"), entries=(entry,))
    assert told(notification, policy=EventOptions(server=BASE)) == [("reference", "DocumentReference/1")]


@every
def test_a_document_that_is_carried_is_read_once(make: Make, document: Build) -> None:
    entry = {
        "fullUrl": f"{BASE}/DocumentReference/d1",
        "resource": document(),
        "request": {"method": "PUT", "url": "DocumentReference/d1"},
    }
    patient = {"fullUrl": f"{BASE}/Patient/p1", "resource": {"resourceType": "Patient", "id": "p1"}}
    notification = make(
        "event-notification",
        to(f"{BASE}/DocumentReference/d1"),
        others=(to(f"{BASE}/Patient/p1"),),
        entries=(patient, entry),
    )
    assert told(notification) == [("note", "DocumentReference/d1")]


@every
def test_a_document_that_is_carried_and_broken_is_an_error_and_not_fetched(make: Make, document: Build) -> None:
    notification = make(
        "event-notification",
        to("DocumentReference/d1"),
        to("DocumentReference/d2"),
        entries=({"resource": document(status=None)},),
    )
    assert [kind for kind, _ in told(notification)] == ["InvalidDocumentReference", "reference"]


@every
def test_a_preliminary_document_that_is_skipped_is_not_fetched(make: Make, document: Build) -> None:
    entry = {"resource": document(docStatus="preliminary")}
    notification = make("event-notification", to("DocumentReference/d1"), entries=(entry,))
    assert told(notification, policy=EventOptions(preliminary="skip")) == []


@every
def test_a_deletion_is_a_retraction_of_the_time_of_the_notification(make: Make) -> None:
    entry = {"request": {"method": "DELETE", "url": "DocumentReference/1"}}
    notification = make("event-notification", to(f"{BASE}/DocumentReference/1"), entries=(entry,))
    (event,) = parse_events(json.dumps(notification).encode(), timestamp_ms=0)
    assert isinstance(event, NoteEvent)
    assert (event.kind, event.document.reference) == (EventKind.RETRACTION, "DocumentReference/1")
    assert event.document.version.last_updated == "2024-05-06T07:08:09Z"
    (event,) = parse_events(json.dumps(notification | {"timestamp": "today"}).encode(), timestamp_ms=0)
    assert isinstance(event, NoteEvent)
    assert event.document.version.last_updated == "1970-01-01T00:00:00.000Z"


@every
@pytest.mark.parametrize(
    "focus", [{"identifier": {"value": "1"}}, {"reference": "urn:uuid:1"}, {"reference": "Roe"}, {}]
)
def test_a_focus_that_names_nothing_is_an_error_in_its_place(make: Make, focus: Json) -> None:
    events = told(make("event-notification", to("DocumentReference/1"), {"display": "x"} | focus))
    assert [kind for kind, _ in events] == ["reference", "UnknownEventShape"]
    assert "Roe" not in events[1][1]


@every
def test_a_focus_may_be_the_full_url_of_an_entry(make: Make, document: Build) -> None:
    entry = {"fullUrl": "urn:uuid:1", "resource": document()}
    assert told(make("event-notification", to("urn:uuid:1"), entries=(entry,))) == [("note", "DocumentReference/d1")]


@every
def test_a_document_is_named_once_though_several_events_are_about_it(make: Make) -> None:
    names = (to("DocumentReference/1"), to("DocumentReference/1/_history/2"), to(f"{BASE}/DocumentReference/1"))
    assert told(make("event-notification", *names)) == [("reference", "DocumentReference/1")]


@every
def test_a_notification_of_other_resources_gives_no_event(make: Make) -> None:
    assert told(make("event-notification", to("Encounter/1"))) == []


def test_a_document_of_r5_is_refused_by_name(document: Build) -> None:
    entry = {"resource": document(context=[to("Encounter/1")])}
    (event,) = parse_events(json.dumps(r5("event-notification", to("DocumentReference/d1"), entries=(entry,))).encode())
    assert isinstance(event, UnsupportedFhirVersion)


@every
@pytest.mark.parametrize("part", [1, "x", [1], {"part": 1}])
def test_a_status_of_another_form_is_refused(make: Make, part: Any) -> None:
    notification = make("event-notification", to("DocumentReference/1"))
    notification["entry"][0]["resource"] |= {"parameter": part, "notificationEvent": part, "type": part}
    with pytest.raises(UnknownEventShape):
        told(notification)


@pytest.mark.parametrize("entry", [None, [], {}, [None], [{}], [{"resource": {"resourceType": "Patient"}}]])
def test_a_notification_of_r5_without_its_status_is_refused(entry: Any) -> None:
    with pytest.raises(UnknownEventShape, match="first entry is no SubscriptionStatus"):
        told({"resourceType": "Bundle", "type": "subscription-notification", "entry": entry})


def test_a_status_of_a_later_draft_of_the_guide_is_refused_and_not_overlooked() -> None:
    status = {"resourceType": "Basic", "meta": {"profile": [PROFILE]}}
    with pytest.raises(UnknownEventShape, match="neither Parameters nor a SubscriptionStatus"):
        told({"resourceType": "Bundle", "type": "history", "entry": [{"resource": status}]})


def test_a_history_without_a_status_is_a_history(document: Build) -> None:
    history = {"resourceType": "Bundle", "type": "history", "entry": [{"resource": document()}]}
    assert told(history) == [("note", "DocumentReference/d1")]

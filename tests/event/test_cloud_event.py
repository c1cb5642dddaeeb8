"""A CloudEvent → what is in it, or the document that its subject names."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.errors import EventError, NotJson, UnidentifiedDocument, UnknownEventShape
from medie_fhir.event import parse_events
from medie_fhir.event.cloud_event import CloudEvent, Mode, mode
from medie_fhir.model import EventKind, NoteEvent, RetractionReason

Build = Callable[..., dict[str, Any]]
Parse = Callable[..., tuple[NoteEvent | EventError, ...]]

REFERENCE = {"reference": "DocumentReference/r"}
ENVELOPE = {
    "specversion": "1.0",
    "type": "example.document.updated",
    "source": "/ehr",
    "id": "1",
    "time": "2024-05-06T07:08:09Z",
    "subject": "DocumentReference/s/_history/2",
}
BATCH = (("content-type", b"application/cloudevents-batch+json"),)


def headers(**changes: bytes | None) -> tuple[tuple[str, bytes | None], ...]:
    """Those of binary mode; None takes one away."""
    named: dict[str, bytes | None] = {f"ce_{name}": value.encode() for name, value in ENVELOPE.items()}
    named |= {name.replace("content_type", "content-type"): value for name, value in changes.items()}
    return tuple((name, value) for name, value in named.items() if value is not None)


def only(events: tuple[NoteEvent | EventError, ...]) -> NoteEvent:
    (event,) = events
    assert isinstance(event, NoteEvent)
    return event


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), None),
        ((("content-type", b"application/json"), ("traceparent", b"\xff")), None),
        ((("ce_other", b"x"),), None),
        ((("CE_ID", b"1"),), Mode.BINARY),
        ((("content-type", b"application/json"), ("ce_type", b"x")), Mode.BINARY),
        ((("Content-Type", b"Application/CloudEvents+JSON; charset=UTF-8"), ("ce_id", b"1")), Mode.STRUCTURED),
        (BATCH, Mode.BATCH),
    ],
)
def test_the_headers_tell_the_mode(given: tuple[tuple[str, bytes | None], ...], expected: Mode | None) -> None:
    assert mode(given) is expected


@pytest.mark.parametrize(
    "given",
    [
        (("content-type", b"application/cloudevents+avro"),),
        (("content-type", b"application/cloudevents"),),
        (("content-type", b"application/cloudevents+json"), ("content-type", b"application/json")),
    ],
)
def test_an_event_format_that_is_not_json_is_refused(given: tuple[tuple[str, bytes | None], ...]) -> None:
    with pytest.raises(UnknownEventShape, match="content-type"):
        mode(given)


@pytest.mark.parametrize(
    "content_type", [None, b"application/json", b"application/fhir+json; charset=utf-8", b"text/json"]
)
def test_in_binary_mode_the_value_is_the_data(document: Build, content_type: bytes | None) -> None:
    value = json.dumps(document()).encode()
    plain = parse_events(value)
    assert parse_events(value, headers=headers(content_type=content_type)) == plain


def test_in_structured_mode_the_data_is_in_the_value(document: Build, parse: Parse) -> None:
    plain = parse(document())
    encoded = base64.b64encode(json.dumps(document()).encode()).decode()
    said = (("content-type", b"application/cloudevents+json"),)
    for event in (ENVELOPE | {"data": document()}, ENVELOPE | {"data_base64": encoded, "data": None}):
        assert parse(event) == parse(event, headers=said) == parse(event, headers=(*said, *headers())) == plain


def test_a_bundle_in_a_cloud_event_is_read_as_if_it_stood_alone(document: Build, parse: Parse) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"resource": document()}, {"resource": document(id="2")}],
    }
    assert parse(ENVELOPE | {"data": bundle}) == parse(bundle)


def test_a_batch_gives_the_events_of_each_and_errors_in_their_places(document: Build, parse: Parse) -> None:
    items = [ENVELOPE | {"data": document()}, 7, ENVELOPE | {"id": ""}, ENVELOPE | {"data": REFERENCE}]
    first, number, nameless, last = parse(items, headers=BATCH)
    assert isinstance(first, NoteEvent)
    assert isinstance(last, NoteEvent)
    assert (first.kind, last.kind) == (EventKind.NOTE, EventKind.REFERENCE)
    assert isinstance(number, UnknownEventShape)
    assert "id" in str(nameless)


def test_an_array_is_a_batch_only_where_the_headers_say_so(parse: Parse) -> None:
    assert parse([], headers=BATCH) == ()
    with pytest.raises(NotJson):
        parse([ENVELOPE])
    with pytest.raises(NotJson):
        parse(ENVELOPE, headers=BATCH)


@pytest.mark.parametrize("name", ["specversion", "type", "source", "id"])
@pytest.mark.parametrize("value", [None, "", 1])
def test_a_required_attribute_that_is_missing_is_named(parse: Parse, name: str, value: Any) -> None:
    said = (("content-type", b"application/cloudevents+json"),)
    with pytest.raises(UnknownEventShape, match=name):
        parse(ENVELOPE | {"data": REFERENCE, name: value}, headers=said)
    with pytest.raises(UnknownEventShape, match=f"ce_{name}"):
        parse(REFERENCE, headers=headers(**{f"ce_{name}": b"\xff" if value == 1 else value and b""}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"datacontenttype": "application/xml", "data": "<x/>"}, "datacontenttype"),
        ({"datacontenttype": 1, "data": {}}, "datacontenttype"),
        ({"subject": {}}, "subject"),
        ({"data": {}, "data_base64": "e30="}, "both data and data_base64"),
        ({"data": "{}"}, "not an object"),
        ({"data": []}, "not an object"),
        ({"data_base64": "e30"}, "not base64"),
        ({"data_base64": "e3–0="}, "not base64"),
        ({"data_base64": 1}, "not base64"),
        ({"data": ENVELOPE}, "within a CloudEvent"),
        ({"data": {}}, "neither a FHIR resource nor a reference"),
        ({"subject": None}, "names no DocumentReference"),
        ({"subject": "Patient/1"}, "names no DocumentReference"),
        ({"subject": "https://user@a.example/DocumentReference/1"}, "user name"),
    ],
)
def test_a_cloud_event_in_the_wrong_is_refused_by_what_it_is(parse: Parse, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UnknownEventShape, match=told):
        parse(ENVELOPE | changes)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (headers(ce_specversion=b"1.1"), "specversion"),
        (headers(content_type=b"application/xml"), "content-type"),
        ((*headers(), ("ce_type", b"other")), "ce_type"),
    ],
)
def test_headers_in_the_wrong_are_refused_by_their_names(
    parse: Parse, given: tuple[tuple[str, bytes | None], ...], told: str
) -> None:
    with pytest.raises(UnknownEventShape, match=told):
        parse(REFERENCE, headers=given)


def test_a_cloud_event_in_the_data_of_another_is_refused_in_binary_mode_too(parse: Parse) -> None:
    with pytest.raises(UnknownEventShape, match="within"):
        parse(ENVELOPE | {"data": REFERENCE}, headers=headers())


@pytest.mark.parametrize("value", [None, b""])
def test_without_data_the_subject_is_a_reference(value: bytes | None) -> None:
    event = only(parse_events(value, b"other", headers=headers()))
    assert (event.kind, event.document.reference) == (EventKind.REFERENCE, "DocumentReference/s")
    assert event.document.version.version_id == "2"


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data_base64": ""}, {"data": REFERENCE}])
def test_a_deletion_is_of_the_document_that_the_subject_names_at_the_time_of_the_event(
    parse: Parse, data: dict[str, Any]
) -> None:
    event = only(parse(ENVELOPE | {"type": "example.Document.Deleted"} | data, timestamp_ms=0))
    assert (event.kind, event.reason) == (EventKind.RETRACTION, RetractionReason.DELETED)
    assert event.document.reference == "DocumentReference/s"
    assert event.document.version.last_updated == ENVELOPE["time"]


def test_a_deletion_with_the_last_state_of_the_document_is_no_note(document: Build, parse: Parse) -> None:
    relates = [{"code": "replaces", "target": {"reference": "DocumentReference/d0"}}]
    own = only(parse(ENVELOPE | {"type": "deleted", "subject": None, "data": document(relatesTo=relates)}))
    assert (own.kind, own.reason, own.attachments) == (EventKind.RETRACTION, RetractionReason.DELETED, ())
    assert (own.document.reference, own.document.version.version_id) == ("DocumentReference/d1", "3")
    assert own.document.version.last_updated == ENVELOPE["time"]


@pytest.mark.parametrize("more", [{}, {"meta": 1}, {"status": "Roe", "subject": 1, "attester": [{}]}])
def test_a_deletion_needs_no_more_of_the_document_than_its_name(parse: Parse, more: dict[str, Any]) -> None:
    data = {"resourceType": "DocumentReference", "id": "d1"} | more
    assert only(parse(ENVELOPE | {"type": "deleted", "subject": "d1", "data": data})).kind is EventKind.RETRACTION
    with pytest.raises(UnidentifiedDocument):
        parse(ENVELOPE | {"type": "deleted", "subject": "d1", "data": data | {"id": None}})


def test_a_deletion_of_a_bundle_is_of_each_document_in_it(document: Build, parse: Parse) -> None:
    relates = [{"code": "replaces", "target": {"reference": "DocumentReference/d0"}}]
    entries = [{"resource": document(relatesTo=relates)}, {"fullUrl": "DocumentReference/d2"}, None]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    own, replaced, named, broken = parse(ENVELOPE | {"type": "deleted", "subject": None, "data": bundle})
    reasons = [each.reason for each in (own, replaced, named) if isinstance(each, NoteEvent)]
    assert reasons == [RetractionReason.DELETED, RetractionReason.REPLACED, RetractionReason.DELETED]
    assert isinstance(broken, UnknownEventShape)


def test_a_deletion_without_data_and_subject_is_of_the_document_of_the_key() -> None:
    given = headers(ce_type=b"deleted", ce_subject=None, ce_time=b"yesterday")
    event = only(parse_events(None, b"ward|DocumentReference/k", headers=given, timestamp_ms=0))
    assert (event.document.key, event.document.version.last_updated) == (
        "ward|DocumentReference/k",
        "1970-01-01T00:00:00.000Z",
    )
    with pytest.raises(UnidentifiedDocument):
        parse_events(None, None, headers=given)


def test_a_null_value_whose_headers_tell_of_no_deletion_deletes_nothing() -> None:
    with pytest.raises(UnknownEventShape):
        parse_events(None, b"DocumentReference/k", headers=headers(ce_subject=None))


@pytest.mark.parametrize(
    ("kind", "deletes"),
    [
        ("deleted", True),
        ("com.example.document.delete", True),
        ("DocumentReferenceDELETED", True),
        ("document.deleted.v1", True),
        ("document.deleted/v2.1", True),
        ("document.undeleted", False),
        ("document.undelete.v1", False),
        ("deleted.and.restored", False),
        ("deletedness", False),
        ("created", False),
    ],
)
def test_the_type_says_whether_something_is_gone(kind: str, deletes: bool) -> None:
    assert CloudEvent(kind).deletes is deletes

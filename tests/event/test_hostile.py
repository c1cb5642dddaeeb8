"""Hostile values: each gives events or an EventError of a fixed text, in a time that grows as its size does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.errors import EventError, NotJson, UnidentifiedDocument
from medie_fhir.event import parse_events
from medie_fhir.model import EventKind, NoteEvent

Build = Callable[..., dict[str, Any]]

SECONDS = 20.0  # of this thread's own time: far above what is linear, far below what is not
MANY = 200_000
SOME = 20_000
REFERENCE = {"reference": "DocumentReference/1"}
ENVELOPE = {"specversion": "1.0", "type": "t", "source": "s", "id": "1"}
BATCH = (("content-type", b"application/cloudevents-batch+json"),)
DEEP = 100_000


def parsed(value: object, **options: Any) -> tuple[NoteEvent | EventError, ...]:
    """Events of a value, as bytes or as JSON, in bounded time; the error of the record as the only event."""
    sent = value if isinstance(value, bytes) else json.dumps(value).encode()
    began = time.thread_time()
    try:
        events = parse_events(sent, **options)
    except EventError as error:
        events = (error,)
    assert time.thread_time() - began < SECONDS
    return events


def test_a_note_of_five_megabytes_is_read(document: Build) -> None:
    (event,) = parsed(document(content=[{"attachment": {"contentType": "text/plain", "data": "QUJD" * 1_250_000}}]))
    assert isinstance(event, NoteEvent)
    assert len(event.attachments[0].data or "") == 5_000_000


@pytest.mark.parametrize(
    "text",
    [
        "A/" * 500_000,
        "https://a.example/" + "A/" * 500_000,
        "https://a.example/" + "A" * 1_000_000,
        "Patient?identifier=" + "%7C" * 300_000,
        "2024-01-01T00:00:00." + "0" * 1_000_000,
        'W/"' * 300_000,
        " " * 1_000_000,
        "deleted.v1" * 100_000,
        "\u00df" * 500_000,
    ],
    ids=lambda text: text[:20],
)
def test_a_string_of_a_megabyte_takes_no_long_time_wherever_it_stands(document: Build, text: str) -> None:
    entry = {
        "fullUrl": text,
        "request": {"method": "DELETE", "url": f"DocumentReference/{text}"},
        "response": {"etag": text},
    }
    values = [
        *({"reference": text}, {"resourceType": text}, {"resourceType": "Bundle", "type": "batch", "entry": [entry]}),
        *(document(id=text), document(date=text), document(subject={"reference": text}), document(status=text)),
        *(ENVELOPE | {"type": text, "subject": text}, ENVELOPE | {"data_base64": text}),
    ]
    for value in values:
        (event,) = parsed(value)
        assert isinstance(event, EventError)
        assert len(str(event)) < 200
    headers = (*((f"ce_{name}", each.encode()) for name, each in ENVELOPE.items()), ("ce_type", text.encode()))
    assert len(str(parsed(REFERENCE, headers=headers, key=text.encode())[0])) < 200


@pytest.mark.parametrize(
    ("entry", "entries", "events"),
    [
        (None, MANY, MANY),
        ({}, MANY, 0),
        ({"resource": REFERENCE}, MANY, 0),
        ({"request": {"url": "DocumentReference/1"}}, SOME, SOME),
    ],
)
def test_a_bundle_of_many_entries_is_read(entry: Any, entries: int, events: int) -> None:
    assert len(parsed({"resourceType": "Bundle", "type": "collection", "entry": [entry] * entries})) == events


def test_a_bundle_of_many_documents_is_read(document: Build) -> None:
    small = {name: document()[name] for name in ("resourceType", "status", "subject", "content")}
    entries = [{"fullUrl": f"urn:uuid:{n}", "resource": small | {"id": str(n)}} for n in range(SOME // 4)]
    events = parsed({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert {each.kind for each in events if isinstance(each, NoteEvent)} == {EventKind.NOTE}
    assert len(events) == len(entries)


def test_a_notification_of_many_events_is_read() -> None:
    focuses = [{"focus": {"reference": f"DocumentReference/{n}"}} for n in range(SOME)]
    status = {"resourceType": "SubscriptionStatus", "type": "event-notification", "notificationEvent": focuses}
    notification = {"resourceType": "Bundle", "type": "subscription-notification", "entry": [{"resource": status}]}
    assert len(parsed(notification)) == SOME


def test_a_batch_of_many_cloud_events_is_read() -> None:
    assert len(parsed([ENVELOPE | {"subject": "DocumentReference/1"}] * SOME, headers=BATCH)) == SOME


def test_a_record_of_many_headers_is_read() -> None:
    (event,) = parsed(REFERENCE, headers=(("x", b"y"),) * MANY)
    assert isinstance(event, NoteEvent)


def test_many_contained_resources_and_relations_take_no_long_time(document: Build) -> None:
    contained = [{"resourceType": "Patient", "id": f"p{n}"} for n in range(SOME)]
    relates = [{"code": "replaces", "target": {"reference": f"DocumentReference/o{n}"}} for n in range(SOME)]
    assert len(parsed(document(contained=contained, relatesTo=relates))) == 1 + SOME


@pytest.mark.parametrize(
    "value",
    [
        b'{"reference": ' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"reference":' * DEEP + b"1" + b"}" * DEEP,
        b'{"reference": ' + b"[" * DEEP,
        b'{"reference": "DocumentReference/1", "reference": "DocumentReference/2"}',
        b'{"reference": "DocumentReference/\\ud800"}',
        b'{"reference": "DocumentReference/1", "x": NaN}',
        b'{"reference": "DocumentReference/1", "x": ' + b"1" * 1_000_000 + b"}",
        b'{"reference": "DocumentReference/1", "x": 1' + b"0" * 1_000_000 + b".5}",
        b'{"reference": "DocumentReference/1", "x": 1e1000000}',
        b'{"reference": "DocumentReference/1\x00"}',
        b'{"reference": "DocumentReference/1"}\x00',
        b'\x00{"reference": "DocumentReference/1"}',
        json.dumps(REFERENCE).encode("utf-16"),
        json.dumps(REFERENCE).encode("utf-16-le"),
        json.dumps(REFERENCE).encode("utf-32"),
        b"\xef\xbb\xbf\xef\xbb\xbf" + json.dumps(REFERENCE).encode(),
        b"",
        b"\x00" * 1_000_000,
        b"\xff" * 1_000_000,
        b"\x1f\x8b\x08\x00",
    ],
    ids=lambda value: repr(value[:30]),
)
@pytest.mark.parametrize("headers", [(), (("content-type", b"application/cloudevents+json"),), BATCH])
def test_what_is_not_sound_json_is_refused(value: bytes, headers: tuple[tuple[str, bytes], ...]) -> None:
    (error,) = parsed(value, headers=headers)
    assert isinstance(error, NotJson)


@pytest.mark.parametrize("key", [None, b"", b"\xff\xfe", b"\x00", b"|", b"x" * 1_000_000, b"|" * 1_000_000])
def test_a_null_value_whose_key_names_nothing_is_refused(key: bytes | None) -> None:
    with pytest.raises(UnidentifiedDocument, match="a null value whose key names no document"):
        parse_events(None, key)


@pytest.mark.parametrize("key", [None, b"\xff", b"x" * 1_000_000])
def test_the_key_of_a_record_with_a_value_is_of_no_matter(key: bytes | None) -> None:
    assert parsed(REFERENCE, key=key) == parsed(REFERENCE)

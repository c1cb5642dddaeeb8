"""The station's law: every byte string gives events or raises an EventError, and nothing else ever escapes."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.errors import EventError, UnknownEventShape
from medie_fhir.event import EventOptions, parse_events
from medie_fhir.model import EventKind, NoteEvent

SEED: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "history",
    "entry": [
        {
            "fullUrl": "https://a.example/DocumentReference/d1",
            "resource": {
                "resourceType": "DocumentReference",
                "id": "d1",
                "contained": [{"resourceType": "Patient", "id": "p", "identifier": [{"system": "s", "value": "v"}]}],
                "meta": {"versionId": "1", "lastUpdated": "2024-01-01T00:00:00Z"},
                "masterIdentifier": {"system": "s", "value": "v", "type": {"text": "t"}},
                "identifier": [{"system": "s", "value": "v"}],
                "status": "current",
                "docStatus": "preliminary",
                "type": {"coding": [{"code": "c"}], "text": "t"},
                "category": [{"coding": [{"code": "c"}]}],
                "subject": {"reference": "#p", "identifier": {"value": "v"}},
                "date": "2024-01-01",
                "author": [{"reference": "Practitioner?identifier=s|v"}],
                "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/d0"}}],
                "content": [
                    {
                        "attachment": {"data": "QQ==", "size": 1, "_data": {"extension": [{"url": "u"}]}},
                        "format": {"code": "c"},
                    },
                    {"attachment": {"url": "urn:uuid:b", "hash": "h", "language": "de"}},
                ],
                "context": {"encounter": [{"reference": "Encounter/1"}], "period": {"start": "2024", "end": "2025"}},
            },
        },
        {"fullUrl": "urn:uuid:b", "resource": {"resourceType": "Binary", "id": "b", "data": "QQ=="}},
        {
            "request": {"method": "DELETE", "url": "DocumentReference/d2"},
            "response": {"etag": 'W/"1"', "lastModified": "2024-01-01T00:00:00Z"},
        },
    ],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value within a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


PLACES = places(SEED)


def replaced(path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.deepcopy(SEED)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return changed


def law(value: bytes | None, key: bytes | None = None) -> None:
    for policy in (EventOptions(), EventOptions(preliminary="skip")):
        try:
            events = parse_events(value, key, timestamp_ms=0, source="ward", policy=policy)
        except EventError:
            continue
        assert isinstance(events, tuple)
        for event in events:
            assert isinstance(event, NoteEvent | EventError)
            if isinstance(event, NoteEvent):
                assert event.document.model_validate_json(event.document.model_dump_json()) == event.document


@given(st.binary(), st.none() | st.binary())
def test_any_bytes(value: bytes, key: bytes | None) -> None:
    law(value, key)


@given(JSON)
def test_any_json(value: Any) -> None:
    law(json.dumps(value).encode())


@given(st.sampled_from(PLACES), JSON)
def test_any_value_in_the_place_of_any_part_of_a_bundle(path: tuple[Any, ...], new: Any) -> None:
    law(json.dumps(replaced(path, new)).encode())


@given(st.sampled_from(PLACES), JSON)
def test_any_value_in_the_place_of_any_part_of_a_document(path: tuple[Any, ...], new: Any) -> None:
    changed = replaced(path, new)
    try:
        changed = changed["entry"][0]["resource"]
    except (LookupError, TypeError):
        changed = new
    law(json.dumps(changed).encode())


@given(st.integers(0, 3000), st.integers(0, 255))
def test_any_byte_of_a_document_changed(place: int, byte: int) -> None:
    value = bytearray(json.dumps(SEED).encode())
    value[place % len(value)] = byte
    law(bytes(value))


@pytest.mark.parametrize("kind", ["Patient", "Parameters", "Observation"])
def test_another_resource_is_refused_by_its_type(kind: str) -> None:
    with pytest.raises(UnknownEventShape, match=kind):
        parse_events(json.dumps({"resourceType": kind}).encode())


@pytest.mark.parametrize("value", [{}, {"resourceType": "Jane Roe, born 1950"}, {"resourceType": 1, "reference": "x"}])
def test_what_is_no_resource_is_refused_without_being_told(value: dict[str, Any]) -> None:
    with pytest.raises(UnknownEventShape) as caught:
        parse_events(json.dumps(value).encode())
    assert "Roe" not in str(caught.value)


def test_no_value_is_a_deletion_by_the_key() -> None:
    (event,) = parse_events(None, b"ward|DocumentReference/1", timestamp_ms=0)
    assert isinstance(event, NoteEvent)
    assert (event.kind, event.document.key) == (EventKind.RETRACTION, "ward|DocumentReference/1")


def test_a_document_in_utf8_with_a_byte_order_mark_is_read() -> None:
    value = b"\xef\xbb\xbf" + json.dumps(SEED["entry"][0]["resource"]).encode()
    assert len(parse_events(value)) == 2


SERVER = EventOptions(server="https://ehr.example/fhir/")


@pytest.mark.parametrize(
    ("named", "reference"),
    [
        ("https://ehr.example/fhir/DocumentReference/d0", "DocumentReference/d0"),
        ("https://other.example/fhir/DocumentReference/d0", "https://other.example/fhir/DocumentReference/d0"),
    ],
)
def test_a_document_named_by_its_url_on_the_server_is_the_one_named_by_its_id(named: str, reference: str) -> None:
    document = copy.deepcopy(SEED["entry"][0]["resource"])
    document["relatesTo"][0]["target"]["reference"] = named
    replacing = parse_events(json.dumps(document).encode(), policy=SERVER)
    deleted = parse_events(None, named.encode(), policy=SERVER)
    referred = parse_events(json.dumps({"reference": named}).encode(), policy=SERVER)
    for event in (replacing[-1], *deleted, *referred):
        assert isinstance(event, NoteEvent)
        assert event.document.reference == reference


def test_a_document_does_not_replace_itself_by_its_url() -> None:
    document = copy.deepcopy(SEED["entry"][0]["resource"])
    document["relatesTo"][0]["target"]["reference"] = "https://ehr.example/fhir/DocumentReference/d1"
    (event,) = parse_events(json.dumps(document).encode(), policy=SERVER)
    assert isinstance(event, NoteEvent)
    assert event.kind is EventKind.NOTE

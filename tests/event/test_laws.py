"""The laws of the station, over the samples of every shape and whatever may become of them on their way.

Totality: events or an EventError, and nothing else. Silence: what an error says holds nothing of what was sent.
"""

from __future__ import annotations

import copy
import json
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.errors import EventError
from medie_fhir.event import EventOptions, Headers, parse_events
from medie_fhir.model import NoteEvent

FOLDER = Path(__file__).parents[2] / "examples/events"
SENTINEL = "Zyxomunda"


class Record(NamedTuple):
    """A sample: the record's value as JSON, its key and its headers."""

    value: Any
    key: bytes | None
    headers: Headers


def records() -> list[Record]:
    """The samples whose value is JSON as the parser takes it."""
    found = []
    for sample in yaml.safe_load((FOLDER / "index.yaml").read_text(encoding="utf-8")):
        value = json.loads((FOLDER / sample["file"]).read_bytes()) if "file" in sample else None
        headers = tuple((name, text.encode()) for name, text in sample.get("headers", []))
        found.append(Record(value, sample["key"].encode("latin-1") if "key" in sample else None, headers))
    return found


RECORDS = records()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = [*sorted({name for record in RECORDS for name, _ in record.headers}), "traceparent", "CE_ID"]
HEADERS = st.lists(st.tuples(st.sampled_from(NAMES) | st.text(), st.none() | st.binary(max_size=20)), max_size=4).map(
    tuple
)


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every place within a JSON value, as its parent and its key in it."""
    inner = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else []
    return [(tree, key) for key, _ in inner] + [place for _, each in inner for place in places(each)]


@st.composite
def broken(draw: st.DrawFn) -> Record:
    """A sample in which some places are gone, replaced, doubled, of another type, or from another sample."""
    record = draw(st.sampled_from(RECORDS))
    tree = [copy.deepcopy(record.value)]
    for _ in range(draw(st.integers(1, 3))):
        parent, key = draw(st.sampled_from(places(tree)))
        change = draw(st.sampled_from(["drop", "replace", "double", "retype", "splice", "rename"]))
        if change == "drop" and parent is not tree:
            del parent[key]
        elif change == "double":
            parent[key] = [parent[key], copy.deepcopy(parent[key])]
        elif change == "retype":
            parent[key] = draw(st.sampled_from([str, bool, lambda value: [value], lambda value: {"value": value}]))(
                parent[key]
            )
        elif change == "splice":
            other, name = draw(st.sampled_from(places([draw(st.sampled_from(RECORDS)).value])))
            parent[key] = copy.deepcopy(other[name])
        elif change == "rename" and isinstance(parent, dict):
            parent[draw(st.text(max_size=9) | st.sampled_from(["data", "resource", "reference", "entry"]))] = (
                parent.pop(key)
            )
        else:
            parent[key] = draw(JSON)
    headers = draw(st.sampled_from([record.headers, record.headers[1:]])) + draw(HEADERS)
    return Record(tree[0], draw(st.just(record.key) | st.none() | st.binary(max_size=20)), headers)


FORMS = [
    SENTINEL,
    f"{SENTINEL}/1",
    f"DocumentReference/{SENTINEL}",
    f"https://{SENTINEL}@a.example/DocumentReference/1",
    f"{SENTINEL}?identifier={SENTINEL}|{SENTINEL}",
    {SENTINEL: SENTINEL},
    [SENTINEL],
]


@st.composite
def telling(draw: st.DrawFn) -> Record:
    """A record with the sentinel in a few places of its value, as a value or a name, in its key and in its headers."""
    record = draw(st.sampled_from(RECORDS) | broken())
    tree = [copy.deepcopy(record.value)]
    for _ in range(draw(st.integers(1, 3))):
        parent, key = draw(st.sampled_from(places(tree)))
        if isinstance(parent, dict) and draw(st.integers(0, 3)) == 0:
            parent[SENTINEL] = parent.pop(key)
        else:
            parent[key] = copy.deepcopy(draw(st.sampled_from([*FORMS, f"{parent[key]}{SENTINEL}"])))
    sentinel = SENTINEL.encode()
    headers = [
        (name, draw(st.sampled_from([value, value, value, sentinel, (value or b"") + sentinel])))
        for name, value in record.headers
    ]
    return Record(tree[0], draw(st.sampled_from([record.key, sentinel, b"\xff" + sentinel])), tuple(headers))


def outcome(value: bytes | None, key: bytes | None, headers: Headers) -> tuple[NoteEvent | EventError, ...]:
    """The events, or the error that the whole record is. All else escapes, and fails the test."""
    policy = EventOptions(preliminary="skip", server="https://ehr.example/fhir")
    try:
        events = parse_events(value, key, headers=headers, timestamp_ms=0, source="ward", policy=policy)
    except EventError as error:
        return (error,)
    assert isinstance(events, tuple)
    return events


def check(events: tuple[NoteEvent | EventError, ...]) -> None:
    for event in events:
        assert isinstance(event, NoteEvent | EventError)
        if isinstance(event, NoteEvent):
            assert event.document.model_validate_json(event.document.model_dump_json()) == event.document


@given(st.none() | st.binary(), st.none() | st.binary(), HEADERS)
def test_any_bytes_with_any_headers_give_events_or_an_event_error(
    value: bytes | None, key: bytes | None, headers: Headers
) -> None:
    check(outcome(value, key, headers))


@given(JSON, st.sampled_from(RECORDS), HEADERS)
def test_any_json_in_any_envelope_gives_events_or_an_event_error(value: Any, record: Record, headers: Headers) -> None:
    sent = json.dumps(value).encode()
    check(outcome(sent, record.key, record.headers))
    check(outcome(sent, record.key, record.headers + headers))


@given(broken())
def test_any_sample_broken_anyhow_gives_events_or_an_event_error(record: Record) -> None:
    check(outcome(json.dumps(record.value).encode(), record.key, record.headers))


@given(broken(), st.data())
def test_any_sample_with_broken_bytes_gives_events_or_an_event_error(record: Record, data: st.DataObject) -> None:
    value = bytearray(json.dumps(record.value).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(value)))
        value[start : start + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    check(outcome(bytes(value), record.key, record.headers))


def tells(events: tuple[NoteEvent | EventError, ...]) -> list[str]:
    """What the errors among the events say of the sentinel, with all that led to them."""
    told = ["".join(traceback.format_exception(each)) for each in events if isinstance(each, EventError)]
    return [each for each in told if SENTINEL.lower() in each.lower()]


@pytest.mark.parametrize("number", range(len(RECORDS)))
def test_no_error_tells_what_stands_in_any_one_place(number: int) -> None:
    record = RECORDS[number]
    for place in range(len(places([record.value]))):
        for form in FORMS:
            tree = [copy.deepcopy(record.value)]
            parent, key = places(tree)[place]
            parent[key] = copy.deepcopy(form)
            assert not tells(outcome(json.dumps(tree[0]).encode(), record.key, record.headers))


@given(telling())
def test_no_error_tells_anything_of_what_was_sent(record: Record) -> None:
    assert not tells(outcome(json.dumps(record.value).encode(), record.key, record.headers))
    assert not tells(outcome(None, record.key, record.headers))

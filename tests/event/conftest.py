"""A valid DocumentReference to start from, and short ways to parse."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.errors import EventError
from medie_fhir.event import parse_events
from medie_fhir.model import NoteEvent

Build = Callable[..., dict[str, Any]]
Parse = Callable[..., tuple[NoteEvent | EventError, ...]]

DOCUMENT: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "id": "d1",
    "meta": {"versionId": "3", "lastUpdated": "2024-05-06T07:08:09.123Z"},
    "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"},
    "identifier": [{"system": "http://hospital.example/documents", "value": "D-1", "assigner": {"display": "Ward 7"}}],
    "status": "current",
    "docStatus": "final",
    "type": {"coding": [{"system": "http://loinc.org", "code": "34117-2"}], "text": "History and physical"},
    "category": [{"coding": [{"code": "clinical-note"}]}],
    "subject": {"reference": "Patient/p1", "display": "Jane Roe"},
    "date": "2024-05-06T07:08:09+02:00",
    "author": [{"reference": "Practitioner/a1", "display": "Dr Roe"}],
    "content": [{"attachment": {"contentType": "text/plain", "data": "VHVtb3I=", "size": 5, "language": "en"}}],
    "context": {
        "encounter": [{"reference": "Encounter/e1", "display": "Ward 7"}],
        "period": {"start": "2024-05-01", "end": "2024-05-06"},
    },
}


@pytest.fixture
def document() -> Build:
    """A DocumentReference with some elements replaced; None takes one away."""

    def build(**changes: Any) -> dict[str, Any]:
        changed = {**DOCUMENT, **changes}
        return {name: value for name, value in changed.items() if value is not None}

    return build


@pytest.fixture
def parse() -> Parse:
    """Parse a JSON object as the record's value."""

    def parse(value: object, **options: Any) -> tuple[NoteEvent | EventError, ...]:
        return parse_events(json.dumps(value).encode(), **options)

    return parse

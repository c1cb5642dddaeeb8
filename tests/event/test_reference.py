"""A bare reference → there is a document."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import UnknownEventShape
from medie_fhir.model import EventKind


@pytest.mark.parametrize(
    ("written", "reference", "version"),
    [
        ("DocumentReference/123", "DocumentReference/123", None),
        ("DocumentReference/123/_history/2", "DocumentReference/123", "2"),
        ("https://a.example/r4/DocumentReference/1", "https://a.example/r4/DocumentReference/1", None),
    ],
)
def test_a_reference_names_a_document_to_read(parse: Any, written: str, reference: str, version: str | None) -> None:
    (event,) = parse({"reference": written, "display": "Jane Roe"}, source="ward")
    assert (event.kind, event.document.reference) == (EventKind.REFERENCE, reference)
    assert (event.document.version.version_id, event.document.source) == (version, "ward")


@pytest.mark.parametrize(
    "written",
    [
        None,
        1,
        "",
        "Patient/1",
        "DocumentReference/",
        "DocumentReference/a/b",
        "Jane Roe",
        "JaneRoe/1",
        "https://roe:Roe@ehr.example/DocumentReference/1",
    ],
)
def test_another_reference_is_refused_without_being_told(parse: Any, written: object) -> None:
    with pytest.raises(UnknownEventShape) as caught:
        parse({"reference": written})
    assert "Roe" not in str(caught.value)

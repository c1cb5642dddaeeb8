"""A Bundle → the events of its DocumentReferences."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import InvalidDocumentReference, NoSubject, UnknownEventShape
from medie_fhir.model import EventKind, RetractionReason


def bundle(*entries: object, kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


@pytest.mark.parametrize("kind", ["transaction", "batch", "collection", "history", "searchset"])
def test_documents_are_read_and_other_resources_are_not(document: Any, parse: Any, kind: str) -> None:
    events = parse(
        bundle({"resource": {"resourceType": "Patient"}}, {"resource": document()}, {"search": {}}, kind=kind)
    )
    assert [event.document.reference for event in events] == ["DocumentReference/d1"]


def test_a_bundle_without_documents_is_no_event(parse: Any) -> None:
    assert parse(bundle()) == ()
    assert parse({"resourceType": "Bundle", "type": "searchset"}) == ()


def test_a_bad_entry_is_its_error_in_its_place(document: Any, parse: Any) -> None:
    events = parse(
        bundle({"resource": document()}, {"resource": document(subject=None)}, "x", {"resource": document(id="d2")})
    )
    assert isinstance(events[1], NoSubject)
    assert isinstance(events[2], UnknownEventShape)
    assert [events[0].document.reference, events[3].document.reference] == [
        "DocumentReference/d1",
        "DocumentReference/d2",
    ]


@pytest.mark.parametrize("kind", ["document", "message", "transaction-response", None, 1, []])
def test_a_bundle_of_another_type_is_refused(parse: Any, kind: Any) -> None:
    with pytest.raises(UnknownEventShape):
        parse(bundle(kind=kind))


def test_entries_that_are_no_array_are_refused(parse: Any) -> None:
    with pytest.raises(UnknownEventShape):
        parse({"resourceType": "Bundle", "type": "batch", "entry": {"resource": {}}})


def test_a_patient_of_the_bundle_is_the_subject_by_its_id(document: Any, parse: Any) -> None:
    patient = {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "p9"}}
    note = {"resource": document(subject={"reference": "urn:uuid:1"})}
    assert parse(bundle(patient, note))[0].document.subject == {"reference": "Patient/p9"}


def test_a_subject_of_the_bundle_that_is_no_patient_is_refused(document: Any, parse: Any) -> None:
    group = {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Group", "id": "g"}}
    (error,) = parse(bundle(group, {"resource": document(subject={"reference": "urn:uuid:1"})}))
    assert isinstance(error, NoSubject)
    assert "Group" in str(error)


def test_references_under_the_address_of_the_bundles_own_server_are_relative(document: Any, parse: Any) -> None:
    base = "https://ehr.example/fhir/"
    note = document(
        subject={"reference": f"{base}Patient/p1"},
        relatesTo=[{"code": "replaces", "target": {"reference": f"{base}DocumentReference/d0"}}],
    )
    event, retraction = parse(bundle({"fullUrl": f"{base}DocumentReference/d1", "resource": note}))
    assert event.document.subject == {"reference": "Patient/p1"}
    assert retraction.document.reference == "DocumentReference/d0"


def test_a_binary_sent_along_is_inline(document: Any, parse: Any) -> None:
    binary = {
        "fullUrl": "urn:uuid:b",
        "resource": {"resourceType": "Binary", "contentType": "text/plain", "data": "QQ=="},
    }
    note = {"resource": document(content=[{"attachment": {"url": "urn:uuid:b"}}])}
    (attachment,) = parse(bundle(binary, note))[0].attachments
    assert (attachment.data, attachment.url, attachment.content_type) == ("QQ==", None, "text/plain")


@pytest.mark.parametrize(
    ("url", "reference"),
    [
        ("DocumentReference/d1", "DocumentReference/d1"),
        ("https://ehr.example/DocumentReference/d1", "https://ehr.example/DocumentReference/d1"),
        ("DocumentReference?identifier=urn:x%7C7", "urn:x|7"),
    ],
)
def test_a_delete_takes_its_document_back(parse: Any, url: str, reference: str) -> None:
    entry = {
        "request": {"method": "DELETE", "url": url},
        "response": {"lastModified": "2024-01-01T00:00:00Z", "etag": 'W/"4"'},
    }
    (event,) = parse(bundle(entry, kind="history"), source="ward")
    assert (event.kind, event.reason) == (EventKind.RETRACTION, RetractionReason.DELETED)
    assert event.document.key == f"ward|{reference}"
    assert event.document.version.model_dump() == {"version_id": "4", "last_updated": "2024-01-01T00:00:00Z"}


def test_a_delete_without_a_time_has_the_records_time(parse: Any) -> None:
    entry = {"request": {"method": "DELETE", "url": "DocumentReference/d1"}}
    assert parse(bundle(entry), timestamp_ms=0)[0].document.version.last_updated == "1970-01-01T00:00:00.000Z"


def test_a_delete_of_something_else_is_ignored_and_one_of_no_single_document_is_refused(parse: Any) -> None:
    events = parse(
        bundle(
            {"request": {"method": "DELETE", "url": "Patient/1"}},
            {"request": {"method": "DELETE", "url": "DocumentReference?patient=1"}},
        )
    )
    assert [type(event) for event in events] == [InvalidDocumentReference]


def test_an_entry_that_names_a_written_document_without_telling_it_is_a_reference(parse: Any) -> None:
    events = parse(
        bundle(
            {"request": {"method": "PUT", "url": "DocumentReference/d1"}},
            {
                "request": {"method": "POST", "url": "DocumentReference"},
                "fullUrl": "https://a.example/DocumentReference/d2",
            },
            {"request": {"method": "GET", "url": "DocumentReference/d3"}},
            kind="history",
        )
    )
    assert [(event.kind, event.document.reference) for event in events] == [
        (EventKind.REFERENCE, "DocumentReference/d1"),
        (EventKind.REFERENCE, "https://a.example/DocumentReference/d2"),
    ]

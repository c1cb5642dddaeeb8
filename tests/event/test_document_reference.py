"""A DocumentReference → what happened to which document."""

from __future__ import annotations

from typing import Any

import pytest

from medie_fhir.errors import (
    InvalidDocumentReference,
    NoSubject,
    UnidentifiedDocument,
    UnsupportedFhirVersion,
)
from medie_fhir.event import EventOptions
from medie_fhir.model import Attachment, DocumentVersion, EventKind, NoteEvent, RetractionReason

ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}


def test_a_current_document_is_a_note_with_all_that_later_stations_need(document: Any, parse: Any) -> None:
    (event,) = parse(document(), source="ward")
    info = event.document
    assert event.kind is EventKind.NOTE
    assert info.key == "ward|DocumentReference/d1"
    assert info.version == DocumentVersion(version_id="3", last_updated="2024-05-06T07:08:09.123Z")
    assert (info.status, info.doc_status, info.date) == ("current", "final", "2024-05-06T07:08:09+02:00")
    assert info.type == {
        "coding": [{"system": "http://loinc.org", "code": "34117-2"}],
        "text": "History and physical",
    }
    assert info.category == ({"coding": [{"code": "clinical-note"}]},)
    assert info.period == {"start": "2024-05-01", "end": "2024-05-06"}
    assert info.subject == {"reference": "Patient/p1"}
    assert info.encounter == {"reference": "Encounter/e1"}
    assert info.author == ({"reference": "Practitioner/a1"},)
    assert [each["value"] for each in info.identifier] == ["urn:oid:1.2.3", "D-1"]
    assert event.attachments == (Attachment(content_type="text/plain", data="VHVtb3I=", size=5, language="en"),)


def test_no_name_is_kept_in_any_reference(document: Any, parse: Any) -> None:
    (event,) = parse(document())
    kept = event.document.model_dump_json()
    assert "Roe" not in kept
    assert "Ward 7" not in kept


@pytest.mark.parametrize(
    ("changes", "reference"),
    [
        ({}, "DocumentReference/d1"),
        ({"id": None}, "urn:ietf:rfc:3986|urn:oid:1.2.3"),
        ({"id": None, "masterIdentifier": None}, "http://hospital.example/documents|D-1"),
        ({"id": None, "masterIdentifier": {"value": "only"}}, "|only"),
        ({"id": None, "masterIdentifier": {"system": "s"}}, "http://hospital.example/documents|D-1"),
    ],
)
def test_a_document_is_known_by_its_id_else_by_an_identifier(
    document: Any, parse: Any, changes: dict[str, Any], reference: str
) -> None:
    assert parse(document(**changes))[0].document.reference == reference


def test_a_document_without_any_name_is_refused(document: Any, parse: Any) -> None:
    with pytest.raises(UnidentifiedDocument):
        parse(document(id=None, masterIdentifier=None, identifier=[{"system": "s"}]))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": None},
        {"status": None, "_status": ABSENT},
        {"status": "active"},
        {"status": 1},
        {"id": "a/b"},
        {"id": 7},
        {"content": None},
        {"content": []},
        {"content": [{}]},
        {"content": ["text"]},
        {"content": [{"attachment": {"data": 1}}]},
        {"content": [{"attachment": {"size": -1}}]},
        {"content": [{"attachment": {"size": True}}]},
        {"content": [{"attachment": {"size": 1.5}}]},
        {"content": [{"attachment": {"url": ["x"]}}]},
        {"meta": "x"},
        {"meta": {"lastUpdated": "yesterday"}},
        {"date": "soon"},
        {"type": "note"},
        {"context": {"period": {"start": 1}}},
        {"subject": "Patient/1"},
    ],
)
def test_a_missing_or_mistyped_element_is_refused(document: Any, parse: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocumentReference):
        parse(document(**changes))


@pytest.mark.parametrize(
    "subject",
    [
        None,
        {"display": "Jane Roe"},
        {"reference": "urn:uuid:0c3a"},
        {"reference": "#p"},
        {"reference": "Jane Roe"},
        {"reference": "Group/1"},
        {"reference": "https://a.example/Practitioner/1"},
        {"identifier": {"value": "1"}, "type": "Device"},
        {"identifier": {"system": "s"}},
    ],
)
def test_a_note_about_nobody_is_refused_without_a_name(document: Any, parse: Any, subject: object) -> None:
    with pytest.raises(NoSubject) as caught:
        parse(document(subject=subject))
    assert "Roe" not in str(caught.value)


def test_a_contained_patient_is_the_subject_by_its_identifier(document: Any, parse: Any) -> None:
    patient = {"resourceType": "Patient", "id": "p", "identifier": [{"system": "mrn", "value": "7"}]}
    (event,) = parse(document(subject={"reference": "#p"}, contained=[patient]))
    assert event.document.subject == {"type": "Patient", "identifier": {"system": "mrn", "value": "7"}}


def test_a_contained_patient_is_known_by_the_identifier_that_is_most_surely_hers(document: Any, parse: Any) -> None:
    old, bare, own = {"use": "old", "system": "mrn", "value": "6"}, {"value": "7"}, {"system": "mrn", "value": "8"}
    for given, best in ([old, bare, own], own), ([old, bare], bare), ([old], old):
        patient = {"resourceType": "Patient", "id": "p", "identifier": given}
        (event,) = parse(document(subject={"reference": "#p"}, contained=[patient]))
        assert event.document.subject == {"type": "Patient", "identifier": best}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "entered-in-error"}, RetractionReason.ENTERED_IN_ERROR),
        ({"docStatus": "entered-in-error"}, RetractionReason.ENTERED_IN_ERROR),
        ({"status": "superseded"}, RetractionReason.SUPERSEDED),
    ],
)
@pytest.mark.parametrize(
    "lost", [{}, {"subject": None, "content": None}, {"subject": 1, "content": 2, "author": 3, "contained": 4}]
)
def test_what_takes_a_document_back_needs_only_its_name(
    document: Any, parse: Any, changes: dict[str, Any], reason: RetractionReason, lost: dict[str, Any]
) -> None:
    (event,) = parse(document(**{**changes, **lost}))
    assert (event.kind, event.reason, event.attachments) == (EventKind.RETRACTION, reason, ())
    assert event.document.reference == "DocumentReference/d1"
    assert event.document.version.version_id == "3"


def test_a_fault_of_the_version_does_not_keep_an_error_standing(document: Any, parse: Any) -> None:
    (event,) = parse(document(status="entered-in-error", meta="x"))
    assert event.document.version == DocumentVersion()


@pytest.mark.parametrize(
    ("target", "reference"),
    [
        ({"reference": "DocumentReference/d0", "display": "Old note"}, "DocumentReference/d0"),
        ({"identifier": {"system": "s", "value": "v"}}, "s|v"),
        ({"identifier": {"value": "v"}, "type": "DocumentReference"}, "|v"),
    ],
)
def test_a_replaced_document_is_taken_back_beside_the_new_note(
    document: Any, parse: Any, target: dict[str, Any], reference: str
) -> None:
    note, retraction = parse(document(relatesTo=[{"code": "replaces", "target": target}]), source="ward")
    assert note.kind is EventKind.NOTE
    assert (retraction.kind, retraction.reason) == (EventKind.RETRACTION, RetractionReason.REPLACED)
    assert retraction.document.key == f"ward|{reference}"
    assert retraction.document.subject == note.document.subject
    assert retraction.document.version == DocumentVersion(last_updated=note.document.version.last_updated)


@pytest.mark.parametrize("code", ["appends", "transforms", "signs", None])
def test_other_relations_take_nothing_back(document: Any, parse: Any, code: str | None) -> None:
    assert len(parse(document(relatesTo=[{"code": code, "target": {"reference": "DocumentReference/d0"}}]))) == 1


def test_a_document_does_not_replace_itself(document: Any, parse: Any) -> None:
    assert len(parse(document(relatesTo=[{"code": "replaces", "target": {"reference": "DocumentReference/d1"}}]))) == 1


@pytest.mark.parametrize(
    "relation",
    [
        {"code": "replaces"},
        {"code": "replaces", "target": {"display": "the old one"}},
        {"code": "replaces", "target": {"reference": "Patient/1"}},
        {"code": 1},
    ],
)
def test_a_replaced_document_that_is_not_named_is_an_error_beside_the_note(
    document: Any, parse: Any, relation: dict[str, Any]
) -> None:
    note, error = parse(document(relatesTo=[relation]))
    assert isinstance(note, NoteEvent)
    assert isinstance(error, UnidentifiedDocument | InvalidDocumentReference)


def test_a_preliminary_document_is_processed_or_by_policy_no_event_at_all(document: Any, parse: Any) -> None:
    draft = document(
        docStatus="preliminary", relatesTo=[{"code": "replaces", "target": {"reference": "DocumentReference/d0"}}]
    )
    assert [event.kind for event in parse(draft)] == [EventKind.NOTE, EventKind.RETRACTION]
    assert parse(draft, policy=EventOptions(preliminary="skip")) == ()


def test_a_draft_entered_in_error_is_taken_back_even_where_drafts_are_skipped(document: Any, parse: Any) -> None:
    draft = document(docStatus="preliminary", status="entered-in-error")
    assert parse(draft, policy=EventOptions(preliminary="skip"))[0].kind is EventKind.RETRACTION


def test_without_last_updated_the_date_tells_the_version(document: Any, parse: Any) -> None:
    assert parse(document(meta=None))[0].document.version.last_updated == "2024-05-06T07:08:09+02:00"
    assert parse(document(meta=None, date=None))[0].document.version == DocumentVersion()
    (named,) = parse(document(meta={"versionId": "MTY1Mjc4"}))
    assert named.document.version == DocumentVersion(version_id="MTY1Mjc4", last_updated="2024-05-06T07:08:09+02:00")


def test_a_numbered_version_is_no_older_because_the_author_corrected_the_date(document: Any, parse: Any) -> None:
    (first,) = parse(document(meta={"versionId": "1"}, date="2024-01-05"))
    (second,) = parse(document(meta={"versionId": "2"}, date="2024-01-03"))
    assert first.document.version.older_than(second.document.version)
    assert not second.document.version.older_than(first.document.version)
    assert second.document.date == "2024-01-03"


@pytest.mark.parametrize("name", ["data", "url"])
def test_content_that_the_sender_masks_is_marked(document: Any, parse: Any, name: str) -> None:
    (event,) = parse(document(content=[{"attachment": {f"_{name}": ABSENT}}]))
    assert event.attachments == (Attachment(masked=True),)


def test_attachments_stay_in_the_order_of_the_sender(document: Any, parse: Any) -> None:
    contents = [{"attachment": {"url": f"Binary/{number}", "size": str(number)}} for number in range(3)]
    (event,) = parse(document(content=contents))
    assert [(each.url, each.size) for each in event.attachments] == [("Binary/0", 0), ("Binary/1", 1), ("Binary/2", 2)]


def test_empty_data_stays_empty_and_is_not_absent(document: Any, parse: Any) -> None:
    assert parse(document(content=[{"attachment": {"data": ""}}]))[0].attachments[0].data == ""


def test_a_contained_binary_is_inline(document: Any, parse: Any) -> None:
    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/html", "data": "PGI+"}
    (event,) = parse(document(content=[{"attachment": {"url": "#b"}}], contained=[binary]))
    assert event.attachments == (Attachment(content_type="text/html", data="PGI+"),)


def test_another_version_of_fhir_is_named(document: Any, parse: Any) -> None:
    with pytest.raises(UnsupportedFhirVersion):
        parse(document(docStatus={"coding": [{"code": "final"}]}))


def test_a_version_id_that_is_none_says_nothing(document: Any, parse: Any) -> None:
    (event,) = parse(document(meta={"versionId": "9" * 5000}))
    assert event.document.version.version_id is None

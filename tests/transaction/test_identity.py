"""Ids: the same thing has the same id, different things never share one."""

from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.model import DocumentInfo, DocumentVersion
from medie_fhir.transaction.identity import device_id, document_id, fact_id, provenance_id

text = st.text(max_size=20)


def document(reference: str, source: str | None = None, version: DocumentVersion | None = None) -> DocumentInfo:
    return DocumentInfo(reference=reference, source=source, version=version or DocumentVersion())


def test_an_id_is_a_uuid_that_any_fhir_server_takes() -> None:
    id_ = fact_id(document("DocumentReference/1"), "stage", "http://snomed.info/sct|258228008")
    assert len(id_) == 36
    assert not id_.isdigit()


def test_ids_never_change_over_releases() -> None:
    """Written down once: a release that changes these orphans every resource ever written."""
    assert fact_id(document("DocumentReference/1"), "stage", "x") == "05d2e4f5-f1d5-5660-b86d-00ad09ff53a7"
    assert document_id(document("DocumentReference/1")) == "2ad541c1-57fc-5f9c-b2e5-9cd570bd99cf"
    assert device_id("m", "a", "d", "s") == "a7a0154a-915b-5f1d-bfbc-0b1feaab6dff"


@given(text, text, text, text)
def test_the_same_meaning_in_the_same_document_has_the_same_id(ref: str, source: str, field: str, key: str) -> None:
    old = document(ref, source, DocumentVersion(version_id="1"))
    new = document(ref, source, DocumentVersion(version_id="2", last_updated="2026-01-01T00:00:00Z"))
    assert fact_id(old, field, key) == fact_id(new, field, key)
    assert document_id(old) == document_id(new)


@given(st.tuples(text, text, text, text), st.tuples(text, text, text, text))
def test_different_documents_fields_or_meanings_never_share_an_id(
    a: tuple[str, str, str, str], b: tuple[str, str, str, str]
) -> None:
    ids = [fact_id(document(ref, source), field, key) for ref, source, field, key in (a, b)]
    assert (ids[0] == ids[1]) == (a == b)


@given(text, text, text, text)
def test_a_field_of_another_tasks_is_another_field(ref: str, field: str, key: str, task: str) -> None:
    ids = {fact_id(document(ref), field, key, whose) for whose in (None, task, f"{task}x")}
    assert len(ids) == 3


@given(text, text, text)
def test_no_delimiter_in_a_part_shifts_the_border_between_parts(a: str, b: str, c: str) -> None:
    for delimiter in ("|", ",", '","', "\x00", "/"):
        left = fact_id(document(a), b + delimiter + c, "k")
        right = fact_id(document(a), b, c + delimiter + "k")
        assert left != right


def test_each_version_and_each_kind_of_work_has_its_own_provenance() -> None:
    one = document("DocumentReference/1", version=DocumentVersion(version_id="1"))
    two = document("DocumentReference/1", version=DocumentVersion(version_id="2"))
    ids = {
        provenance_id(one, "hash", "extract", "task", "adapter", "mapping"),
        provenance_id(two, "hash", "extract", "task", "adapter", "mapping"),
        provenance_id(one, "other", "extract", "task", "adapter", "mapping"),
        provenance_id(one, "hash", "retract", "task", "adapter", "mapping"),
        provenance_id(one, "hash", "extract", "task", None, "mapping"),
    }
    assert len(ids) == 5

"""How what is written refers to its note, and how it is found again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import FhirRejected
from medie_fhir.model import DocumentInfo, Json, TextInfo
from medie_fhir.transaction import document_id, transaction
from medie_fhir.transaction.source_document import DocumentMode, SourceDocuments, keyless

BY_ID = DocumentInfo(
    reference="DocumentReference/d1", source="ehr", identifier=({"use": "official", "system": "urn:doc", "value": "7"},)
)
BY_IDENTIFIER = DocumentInfo(reference="urn:doc|7", identifier=({"system": "urn:doc", "value": "7"},))
NAMELESS = DocumentInfo(reference="DocumentReference/d2", source="ehr", identifier=({"value": "7"},))
MODES: tuple[DocumentMode, ...] = ("copy", "copy-with-url", "reference", "logical")


@pytest.mark.parametrize("mode", ["copy", "copy-with-url"])
def test_a_copy_is_referred_to_by_its_own_id(mode: DocumentMode) -> None:
    documents = SourceDocuments(mode)
    assert documents.reference(BY_ID) == {"reference": f"DocumentReference/{document_id(BY_ID)}"}
    assert documents.copied(BY_ID)


def test_an_original_is_referred_to_by_its_id_and_not_copied() -> None:
    documents = SourceDocuments("reference")
    assert documents.reference(BY_ID) == {"reference": "DocumentReference/d1"}
    assert not documents.copied(BY_ID)


def test_an_original_without_an_id_is_copied() -> None:
    documents = SourceDocuments("reference")
    assert documents.reference(BY_IDENTIFIER) == {"reference": f"DocumentReference/{document_id(BY_IDENTIFIER)}"}
    assert documents.copied(BY_IDENTIFIER)


def test_a_logical_reference_names_the_document_by_the_identifier_that_others_know() -> None:
    documents = SourceDocuments("logical")
    assert documents.reference(BY_ID)["identifier"] == {"system": "urn:doc", "value": "7"}
    assert not documents.copied(BY_ID)
    assert not documents.copied(BY_IDENTIFIER)


def test_a_document_without_a_full_identifier_has_our_name_for_it() -> None:
    named = SourceDocuments("logical").reference(NAMELESS)["identifier"]
    assert named["value"] == "ehr|DocumentReference/d2"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("document", [BY_ID, BY_IDENTIFIER, NAMELESS])
async def test_earlier_work_is_found_again_and_no_other_documents(mode: DocumentMode, document: DocumentInfo) -> None:
    documents = SourceDocuments(mode)
    held = [{"resourceType": "Observation", "id": "o1"}, {"resourceType": "DocumentReference", "id": "d1"}]
    held += [{"resourceType": "DocumentReference", "id": id_} for id_ in ("d2", *map(document_id, _all()))]
    with FhirTwin() as twin:
        await twin.transact(transaction([*held, *(_provenance(documents, each) for each in _all())]))
        found = await twin.search("Provenance", documents.work(document))
    assert [each["id"] for each in found] == [f"work-{document_id(document)}"]


async def test_an_original_that_the_target_does_not_hold_is_named_and_nothing_is_written() -> None:
    documents = SourceDocuments("reference")
    with FhirTwin() as twin:
        await twin.transact(transaction([{"resourceType": "Observation", "id": "o1"}]))
        with pytest.raises(FhirRejected, match=r"missing DocumentReference.*load what is missing into this server"):
            await twin.transact(transaction([_provenance(documents, BY_ID)]))
        assert twin.current("Provenance") == []


@pytest.mark.parametrize("mode", MODES)
def test_what_is_written_names_its_source(mode: DocumentMode) -> None:
    resource: Json = {"resourceType": "Observation", "meta": {"tag": [{"code": "x"}]}}
    sourced = SourceDocuments(mode).sourced(resource, BY_ID)
    logical = {"source": f"DocumentReference/{document_id(BY_ID)}"} if mode == "logical" else {}
    assert sourced == resource | {"meta": {"tag": [{"code": "x"}]} | logical}


def _all() -> tuple[DocumentInfo, ...]:
    return BY_ID, BY_IDENTIFIER, NAMELESS


def _provenance(documents: SourceDocuments, document: DocumentInfo) -> Json:
    tag = documents.tag(document)
    return {
        "resourceType": "Provenance",
        "id": f"work-{document_id(document)}",
        **({"meta": {"tag": [tag]}} if tag else {}),
        "target": [{"reference": "Observation/o1"}],
        "entity": [{"role": "source", "what": documents.reference(document)}],
    }


@pytest.mark.parametrize(
    ("mode", "url", "base", "told"),
    [
        ("copy-with-url", "Binary/1", "https://ehr.example/fhir/", "https://ehr.example/fhir/Binary/1"),
        ("copy-with-url", "https://files.example/1", "https://ehr.example/fhir", "https://files.example/1"),
        ("copy-with-url", "Binary/1", None, None),
        ("copy-with-url", None, "https://ehr.example/fhir", None),
        ("copy", "Binary/1", "https://ehr.example/fhir", None),
    ],
)
def test_where_the_text_is_is_told_from_the_source_servers_address(
    make_record: Any, mode: DocumentMode, url: str | None, base: str | None, told: str | None
) -> None:
    text = TextInfo(sha256="0", characters=1, content_type="text/plain", url=url)
    record = make_record().model_copy(update={"text": text})
    assert SourceDocuments(mode, base).url(record) == told


@pytest.mark.parametrize("url", ["Binary/1", "/fhir/Binary/1", "https://files.example/notes/1.txt"])
def test_a_plain_url_is_kept(url: str) -> None:
    assert keyless(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example/1?sig=KEY",
        "Binary/1?token=KEY",
        "https://user:KEY@files.example/1",
        "https://files.example/1#KEY",
        "//user:KEY@files.example/1",
        "https:KEY",
        "file:///etc/notes/1",
        "data:text/plain,KEY",
        "https://[",
        "",
        None,
    ],
)
def test_a_url_that_may_be_a_key_or_leads_nowhere_is_not_kept(url: str | None) -> None:
    assert keyless(url) is None


@given(st.text())
def test_a_url_is_kept_whole_or_not_at_all(url: str) -> None:
    assert keyless(url) in (url, None)

"""A copy of a document's metadata: what it says, and what it leaves out."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.model import Json, RetractionReason
from medie_fhir.transaction import transaction
from medie_fhir.transaction.document_copy import document_copy


def test_a_copy_says_that_the_text_is_withheld(make_record: Any) -> None:
    attachment = document_copy(make_record(), None)["content"][0]["attachment"]
    assert attachment["_data"]["extension"][0]["valueCode"] == "masked"
    assert "url" not in attachment


def test_a_copy_with_a_url_says_where_the_text_is_and_holds_none(make_record: Any) -> None:
    url = "https://ehr.example/fhir/Binary/1"
    attachment = document_copy(make_record(), None, url=url)["content"][0]["attachment"]
    assert attachment == {"contentType": "text/plain", "url": url}


@pytest.mark.parametrize("url", [None, "https://ehr.example/fhir/Binary/1"])
def test_a_copy_is_valid_r4(make_record: Any, url: str | None) -> None:
    made = get_fhir_model_class("DocumentReference").model_validate(document_copy(make_record(), None, url=url))
    assert made.status == "current"


def test_a_day_alone_is_no_instant_and_left_out(make_record: Any) -> None:
    record = make_record()
    day = record.document.model_copy(update={"date": "2026-01-01"})
    assert "date" not in document_copy(record.model_copy(update={"document": day}), None)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (RetractionReason.ENTERED_IN_ERROR, "entered-in-error"),
        (RetractionReason.DELETED, "entered-in-error"),
        (RetractionReason.SUPERSEDED, "superseded"),
        (RetractionReason.REPLACED, "superseded"),
    ],
)
def test_a_retraction_changes_the_status_and_keeps_the_rest(
    make_record: Any, reason: RetractionReason, status: str
) -> None:
    standing = document_copy(make_record("1"), None, url="https://ehr.example/fhir/Binary/1")
    copy = document_copy(make_record("2", retracted=reason, subject=None), standing)
    assert copy["status"] == status
    assert (copy["subject"], copy["content"]) == (standing["subject"], standing["content"])


@pytest.mark.parametrize("reason", list(RetractionReason))
async def test_a_retraction_of_a_patient_known_by_identifier_alone_is_accepted(make_record: Any, reason: Any) -> None:
    """The patient is gone from the server, or never was there: the mark is made all the same."""
    record = make_record(retracted=reason)
    logical: Json = {"identifier": {"system": "urn:mrn", "value": "7"}}
    record = record.model_copy(update={"document": record.document.model_copy(update={"subject": logical})})
    with FhirTwin() as twin:
        await twin.transact(transaction([document_copy(record, None)]))
        (copy,) = twin.current("DocumentReference")
    assert copy["subject"] == logical

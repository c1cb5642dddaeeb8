"""Which records a filter lets through."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from consumers.remap import Selection
from medie_fhir.model import ExtractionRecord


@pytest.fixture
async def record(rig: Any) -> ExtractionRecord:
    """Of DocumentReference/d3, Patient/p1, 2026-01-04, with cancer type and stage."""
    return rig.records[3]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), True),
        (Selection(patients=frozenset({"Patient/p1", "Patient/p2"})), True),
        (Selection(patients=frozenset({"Patient/p2"})), False),
        (Selection(documents=frozenset({"DocumentReference/d3"})), True),
        (Selection(documents=frozenset({"DocumentReference/d4"})), False),
        (Selection(fields=frozenset({"stage"})), True),
        (Selection(fields=frozenset({"treatment"})), False),
        (Selection(since=date(2026, 1, 4), until=date(2026, 1, 4)), True),
        (Selection(since=date(2026, 1, 5)), False),
        (Selection(until=date(2026, 1, 3)), False),
        (Selection(fields=frozenset({"stage"}), until=date(2026, 1, 3)), False),
    ],
)
def test_each_filter_that_is_given_must_let_a_record_through(
    record: ExtractionRecord, selection: Selection, taken: bool
) -> None:
    assert selection.takes(record) is taken


def test_a_field_that_another_task_read_in_the_note_counts_as_well(record: ExtractionRecord) -> None:
    fact = record.facts[0].model_copy(update={"field": "rhythm"})
    both = record.read_also([record.model_copy(update={"facts": (fact,)})])
    assert Selection(fields=frozenset({"rhythm"})).takes(both)
    assert Selection(fields=frozenset({"stage"})).takes(both)
    assert not Selection(fields=frozenset({"rhythm"})).takes(record)


def test_a_patient_that_an_identifier_names_is_found_by_it(record: ExtractionRecord) -> None:
    subject = {"identifier": {"system": "urn:mrn", "value": "7"}}
    named = record.model_copy(update={"document": record.document.model_copy(update={"subject": subject})})
    assert Selection(patients=frozenset({"urn:mrn|7"})).takes(named)
    assert not Selection(patients=frozenset({"urn:mrn|8", "|"})).takes(named)


def test_a_note_without_a_date_counts_by_its_version_then_by_its_reading(record: ExtractionRecord) -> None:
    undated = record.model_copy(update={"document": record.document.model_copy(update={"date": None})})
    assert Selection(since=date(2026, 2, 1), until=date(2026, 2, 1)).takes(undated)


@pytest.mark.parametrize(
    ("made_by", "taken"),
    [(None, True), ("site", True), ("site@1.0.0", True), ("site@1.0.0#ab", True), ("site@1", False), ("sit", False)],
)
def test_a_mapping_is_named_by_name_version_or_label(made_by: str | None, taken: bool) -> None:
    assert Selection(made_by=made_by).takes_work_of({"site@1.0.0#ab"}) is taken

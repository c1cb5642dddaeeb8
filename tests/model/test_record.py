"""One record holds what several tasks read, and a task's reading is a record of its own."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.model import Alignment, DocumentInfo, ExtractionRecord, Fact, Outcome, Produced, Usage

NAMES = st.sampled_from(["oncology", "cardiology", "nephrology", "a-b"])


@st.composite
def records(draw: st.DrawFn) -> ExtractionRecord:
    """What one task read in the document d1."""
    task = f"{draw(NAMES)}@{draw(st.integers(1, 9))}"
    values = draw(st.lists(st.text(min_size=1, max_size=5), max_size=3))
    return ExtractionRecord(
        document=DocumentInfo(reference="DocumentReference/d1"),
        produced=Produced(at="2026-01-01T00:00:00Z", software="s", task=task, task_digest="d", model="m"),
        outcome=draw(st.sampled_from([Outcome.EXTRACTED, Outcome.TRIAGED])),
        facts=tuple(Fact(field="f", value=v, alignment=Alignment.NONE, readers=("model",)) for v in values),
        usage=Usage(prompt_tokens=draw(st.integers(0, 9))),
    )


@given(records(), st.lists(records(), max_size=3))
def test_what_was_put_together_comes_apart_as_it_was_on_the_other_side_of_a_topic(
    first: ExtractionRecord, others: list[ExtractionRecord]
) -> None:
    together = ExtractionRecord.of_json(first.read_also(others).to_json().encode())
    assert together.readings == (first, *others)
    assert together.document.key == first.document.key


@given(records())
def test_a_record_of_one_task_is_what_it_was_before_there_could_be_several(record: ExtractionRecord) -> None:
    assert record.read_also([]) == record
    assert record.readings == (record,)
    assert "also" not in json.loads(record.to_json())


@given(records())
def test_a_tasks_name_is_told_without_its_version(record: ExtractionRecord) -> None:
    assert f"{record.produced.task_name}@" in record.produced.task
    assert "@" not in record.produced.task_name

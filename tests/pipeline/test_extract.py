"""From an event to the extraction record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import (
    BrokenBase64,
    ModelOutputError,
    NoSubject,
    NoteSkipped,
    RecordError,
)
from medie_fhir.model import EventKind, ExtractionRecord, NoteEvent, Outcome
from medie_fhir.pipeline import Pipeline, Published

Event = Callable[..., bytes]

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected. No liver metastases."


async def test_what_is_negated_or_not_in_the_note_stays_in_the_record_and_is_not_written(
    pipeline: Pipeline, event: Event
) -> None:
    (note,) = await pipeline.events(event(LUNG))
    assert isinstance(note, NoteEvent)
    record = await pipeline.extract(note)
    held_back = {c.fact.value: c.reason for c in pipeline.coded(record) if not c.written}
    assert held_back == {"liver": "asserted absent", "osimertinib": "not found in the note"}


async def test_every_evidence_is_the_source_text_at_its_place(pipeline: Pipeline, event: Event) -> None:
    (note,) = await pipeline.events(event(LUNG))
    assert isinstance(note, NoteEvent)
    record = await pipeline.extract(note)
    evidence = [e for fact in record.facts for e in fact.evidence]
    assert len(evidence) >= 5
    assert all(LUNG[e.start : e.end] == e.text for e in evidence)


async def test_a_note_without_malignancy_does_not_ask_the_model_and_writes_nothing(
    pipeline: Pipeline, twin: FhirTwin, event: Event, model: Any
) -> None:
    before = twin.count_versions()
    (note,) = await pipeline.events(event("Right knee arthroscopy for a torn meniscus. Uneventful recovery."))
    assert isinstance(note, NoteEvent)
    record = await pipeline.extract(note)
    assert (record.outcome, model.asked) == (Outcome.TRIAGED, 0)
    assert await pipeline.publish(record) == Published("empty")
    assert twin.count_versions() == before


async def test_the_headers_of_a_record_tell_of_a_cloud_event(pipeline: Pipeline) -> None:
    attributes = {
        "specversion": "1.0",
        "type": "example.deleted",
        "source": "/",
        "id": "1",
        "subject": "DocumentReference/d1",
    }
    headers = tuple((f"ce_{name}", value.encode()) for name, value in attributes.items())
    (event,) = await pipeline.events(None, headers=headers)
    assert isinstance(event, NoteEvent)
    assert (event.kind, event.document.reference) == (EventKind.RETRACTION, "DocumentReference/d1")


async def test_bad_content_is_refused_by_its_class(pipeline: Pipeline, event: Event) -> None:
    (note,) = await pipeline.events(event(LUNG, content=[{"attachment": {"contentType": "text/plain", "data": "!!!"}}]))
    assert isinstance(note, NoteEvent)
    with pytest.raises(BrokenBase64):
        await pipeline.extract(note)
    (nobody,) = _parsed_or_raised(pipeline, event(LUNG, subject=None))
    assert isinstance(nobody, NoSubject)


def _parsed_or_raised(pipeline: Pipeline, value: bytes) -> tuple[Any, ...]:
    try:
        return pipeline.parse(value)
    except NoSubject as error:
        return (error,)


async def test_an_image_is_skipped_with_its_reason(pipeline: Pipeline, event: Event) -> None:
    (note,) = await pipeline.events(
        event(LUNG, content=[{"attachment": {"contentType": "image/png", "data": "iVBORw0KGgo="}}])
    )
    assert isinstance(note, NoteEvent)
    assert note.kind is EventKind.NOTE
    with pytest.raises(NoteSkipped) as skipped:
        await pipeline.extract(note)
    assert skipped.value.reason == "image"


async def test_unreadable_model_output_is_an_error_and_never_no_findings(
    pipeline: Pipeline, event: Event, model: Any
) -> None:
    model.answer = "I found nothing."
    (note,) = await pipeline.events(event(LUNG))
    assert isinstance(note, NoteEvent)
    with pytest.raises(ModelOutputError):
        await pipeline.extract(note)


def test_a_record_of_another_schema_is_refused_by_element_and_not_by_content(pipeline: Pipeline) -> None:
    with pytest.raises(RecordError) as caught:
        pipeline.record(b'{"schema": "medie.extraction/9", "document": {"reference": "SENTINEL", "odd": 1}}')
    assert "schema" in str(caught.value)
    assert "SENTINEL" not in str(caught.value)


async def test_the_record_goes_to_json_and_back(pipeline: Pipeline, event: Event) -> None:
    (note,) = await pipeline.events(event(LUNG))
    assert isinstance(note, NoteEvent)
    record = await pipeline.extract(note)
    assert ExtractionRecord.model_validate_json(record.to_json()) == record

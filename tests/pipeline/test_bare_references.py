"""The document behind a bare reference, and what becomes of a record whose document can't be had."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import ContentNotFound
from medie_fhir.model import NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import Content

Event = Callable[..., bytes]

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected. No liver metastases."


async def test_a_bare_reference_is_read_from_the_source_server(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    resource = json.loads(event(LUNG, "remote"))
    request = {"method": "PUT", "url": "DocumentReference/remote"}
    entry = {"resource": resource, "request": request}
    await twin.transact({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    (published,) = await acts.through(pipeline, b'{"reference": "DocumentReference/remote"}')
    assert published.outcome == "written"
    with pytest.raises(ContentNotFound):
        await pipeline.events(b'{"reference": "DocumentReference/nowhere"}')


async def test_a_document_that_is_not_there_keeps_no_other_of_its_record_from_being_read(
    pipeline: Pipeline, event: Event
) -> None:
    lost = {"request": {"method": "PUT", "url": "DocumentReference/nowhere"}}
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [lost, {"resource": json.loads(event(LUNG))}]}
    error, note = await pipeline.events(json.dumps(bundle).encode())
    assert isinstance(error, ContentNotFound)
    assert isinstance(note, NoteEvent)


async def test_a_reference_that_leads_to_another_reference_is_no_document(pipeline: Pipeline) -> None:
    class Leading:
        """A source that has a reference behind a URL."""

        async def content(self, url: str) -> Content:
            del url
            return Content(b'{"reference": "DocumentReference/d1"}', "application/json")

    pipeline.source = Leading()  # type: ignore[assignment]
    with pytest.raises(ContentNotFound, match="leads to another reference"):
        await pipeline.events(b'{"reference": "https://ehr.example/fhir/DocumentReference/d1"}')

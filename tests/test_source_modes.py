"""A note's whole life, in each of the ways to refer to its document."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from medie_fhir.settings import Settings
from medie_fhir.transaction import DocumentMode, SourceDocuments, transaction
from medie_fhir.wiring import assemble_pipeline

NOTE = "Assessment: adenocarcinoma of the lung, stage IIIA."


@pytest.mark.parametrize("mode", get_args(DocumentMode))
async def test_a_note_is_written_once_known_again_and_taken_back(
    pipeline: Any, model: Any, twin: Any, event: Any, mode: DocumentMode
) -> None:
    model.script = {"adenocarcinoma": {"cancer_type": "adenocarcinoma of the lung", "stage": "IIIA"}}
    pipeline.options = replace(pipeline.options, documents=SourceDocuments(mode, "https://ehr.example/fhir"))
    original = {"resourceType": "DocumentReference", "id": "d1", "status": "current", "content": [{"attachment": {}}]}
    data = {"resourceType": "Binary", "id": "b1", "contentType": "text/plain"}
    data["data"] = base64.b64encode(NOTE.encode()).decode()
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in (original, data)
    ]
    await twin.transact({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    content = [{"attachment": {"contentType": "text/plain", "url": "Binary/b1"}}]
    assert await published(pipeline, event("", content=content)) == "written"
    stage = {"Condition", "Observation"} & {r["resourceType"] for r in twin.current()}
    assert stage == {"Condition", "Observation"}
    before = twin.count_versions()
    assert await published(pipeline, event("", content=content)) == "written"
    assert twin.count_versions() == before
    urls = [r["content"][0]["attachment"].get("url") for r in twin.current("DocumentReference") if r["id"] != "d1"]
    told = {"copy": [None], "copy-with-url": ["https://ehr.example/fhir/Binary/b1"]}
    assert urls == told.get(mode, [])
    for _ in range(2):
        assert await published(pipeline, event("", version="2", status="entered-in-error")) == "retracted"
    assert all(o["status"] == "entered-in-error" for o in twin.current("Observation"))
    assert await published(pipeline, event("", content=content)) == "stale"


async def test_an_original_can_be_taken_back_by_its_identifier(
    pipeline: Any, model: Any, twin: Any, event: Any
) -> None:
    model.script = {"adenocarcinoma": {"cancer_type": "lung adenocarcinoma", "stage": "IIIA"}}
    pipeline.options = replace(pipeline.options, documents=SourceDocuments("reference"))
    named = {"masterIdentifier": {"system": "urn:ehr", "value": "7"}}
    await twin.transact(transaction([{"resourceType": "DocumentReference", "id": "d1", "status": "current", **named}]))
    assert await published(pipeline, event(NOTE, **named)) == "written"
    assert await published(pipeline, event("", None, version="2", status="entered-in-error", **named)) == "retracted"
    assert [o["status"] for o in twin.current("Observation")] == ["entered-in-error"]


@pytest.mark.parametrize("mode", get_args(DocumentMode))
async def test_a_retraction_without_a_patient_is_remembered_of_a_document_that_is_known(
    pipeline: Any, model: Any, twin: Any, event: Any, *, configuration: Any, mode: DocumentMode
) -> None:
    """Another member, to which an older version then comes late, must know of it."""
    model.script = {"adenocarcinoma": {"cancer_type": "lung adenocarcinoma", "stage": "IIIA"}}
    await twin.transact(transaction([{"resourceType": "DocumentReference", "id": "d1", "status": "current"}]))
    another = assemble_pipeline(Settings(readers=("model",)), configuration, model=model, source=twin, target=twin)
    for each in (pipeline, another):
        each.options = replace(each.options, documents=SourceDocuments(mode))
    await published(pipeline, event(NOTE, version="1"))
    await published(pipeline, event("A torn meniscus.", version="2"))
    (gone,) = await pipeline.events(event("", version="4", status="entered-in-error", subject=None))
    await pipeline.publish(await pipeline.extract(gone))
    assert await published(another, event(NOTE, version="3")) == "stale"


async def published(pipeline: Any, value: bytes) -> str:
    (said,) = await pipeline.events(value)
    record = pipeline.record((await pipeline.extract(said)).to_json().encode())
    assert json.loads(record.to_json())["document"]["subject"] == {"reference": "Patient/p1"}
    return str((await pipeline.publish(record)).outcome)

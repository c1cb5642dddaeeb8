"""A note's whole life, in each of the ways to refer to its document."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from medie_fhir.transaction import DocumentMode, SourceDocuments

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


async def published(pipeline: Any, value: bytes) -> str:
    (said,) = await pipeline.events(value)
    record = pipeline.record((await pipeline.extract(said)).to_json().encode())
    assert json.loads(record.to_json())["document"]["subject"] == {"reference": "Patient/p1"}
    return str((await pipeline.publish(record)).outcome)

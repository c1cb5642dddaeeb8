"""Stored extraction records of several documents, and a remap of them onto a FHIR twin."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from consumers.dependencies import Dependency
from consumers.records import StoredRecord
from consumers.remap import Progress, Remap, RemapOptions
from consumers.retrying import RetryOptions
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.unwritten import Unwritten
from medie_fhir.configuration import Configuration
from medie_fhir.errors import FhirError
from medie_fhir.model import ExtractionRecord, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import FhirServer
from medie_fhir.settings import Settings
from medie_fhir.wiring import assemble_pipeline

NOTES = {
    "ASSESSMENT: Lung adenocarcinoma, stage IV.": {"cancer_type": "lung adenocarcinoma", "stage": "IV"},
    "ASSESSMENT: Colon adenocarcinoma, EGFR L858R.": {
        "cancer_type": "colon adenocarcinoma",
        "gene_mutation": "EGFR L858R",
    },
    "Knee pain after a fall.": {},
}
QUICK = RetryOptions(initial_s=0.001, max_s=0.001, outage_after=2, probe_s=0.001, longest_probe_s=0.001, spread_s=0.0)


def event(number: int, text: str, version: int = 1) -> bytes:
    attachment = {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}
    return json.dumps(
        {
            "resourceType": "DocumentReference",
            "id": f"d{number}",
            "status": "current",
            "subject": {"reference": "Patient/p1"},
            "date": f"2026-01-{number % 28 + 1:02}T09:00:00Z",
            "meta": {"versionId": str(version), "lastUpdated": f"2026-02-0{version}T09:00:00Z"},
            "content": [{"attachment": attachment}],
        }
    ).encode()


@dataclass
class Rig:
    """Records as they are stored, a server, and remaps of them by this mapping or an edited one."""

    configuration: Configuration
    model: Any
    twin: FhirTwin
    records: list[ExtractionRecord] = field(default_factory=list)

    def pipeline(self, server: FhirServer | None = None, **policy: Any) -> Pipeline:
        """One by the mapping, ``policy`` of its fields edited; None: the field is dropped."""
        target = server or self.twin
        pipeline = assemble_pipeline(Settings(), self.configuration, model=self.model, source=self.twin, target=target)
        if policy:
            mapping = pipeline.mapping
            file = mapping.file.model_copy(
                update={
                    "policy": {f: p for f, p in mapping.file.policy.items() if f not in policy},
                    "templates": tuple(t for t in mapping.file.templates if t.field not in policy),
                }
            )
            pipeline.use(replace(mapping, file=file, digest="edited" * 10), pipeline.tables)
        return pipeline

    def remap(self, pipeline: Pipeline, progress: Progress | None = None, **options: Any) -> Remap:
        dependency = Dependency("fhir", (FhirError,), pipeline.target.capabilities, lambda: 0)
        return Remap(pipeline, RemapOptions(retry=QUICK, **options), progress or Progress(), dependencies=[dependency])

    async def stored(self, progress: Progress | None = None) -> AsyncIterator[StoredRecord]:
        first = (progress.position or {}).get("0", 0) if progress else 0
        for offset, record in enumerate(self.records):
            if offset >= first:
                yield StoredRecord(record, {"0": offset + 1}, len(self.records) - first)

    async def done(self, pipeline: Pipeline | None = None, **options: Any) -> Remap:
        work = self.remap(pipeline or self.pipeline(), **options)
        await work.run(self.stored())
        return work

    async def tried(self, **policy: Any) -> Remap:
        return await self.done(self.pipeline(Unwritten(self.twin), **policy))

    async def read(self, number: int, version: int = 1, text: str | None = None) -> ExtractionRecord:
        pipeline = self.pipeline()
        (note,) = await pipeline.events(event(number, text or list(NOTES)[number % len(NOTES)], version))
        assert isinstance(note, NoteEvent)
        return await pipeline.extract(note)


@pytest.fixture
async def rig(configuration: Configuration, model: Any, twin: FhirTwin) -> Rig:
    model.script = {text: said for text, said in NOTES.items() if said}
    made = Rig(configuration, model, twin)
    made.records = [await made.read(number) for number in range(9)]
    return made


Make = Callable[..., Awaitable[Rig]]

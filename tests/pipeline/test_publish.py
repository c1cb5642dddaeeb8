"""What is written of a note, and what is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.errors import (
    SubjectMissing,
)
from medie_fhir.model import NoteEvent
from medie_fhir.pipeline import Pipeline, Published
from medie_fhir.settings import FhirSettings, Settings
from medie_fhir.telemetry import Silent
from medie_fhir.transaction import transaction
from medie_fhir.wiring import assemble_pipeline

Event = Callable[..., bytes]

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected. No liver metastases."
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
COLON = "ASSESSMENT: Colon adenocarcinoma, stage III."


async def test_a_note_becomes_resources_with_evidence_and_provenance(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    (published,) = await acts.through(pipeline, event(LUNG))
    assert published == Published("written", 4, 0)
    assert acts.shown(twin) == {"lung adenocarcinoma", "IV", "EGFR L858R", "brain"}
    (provenance,) = await twin.search("Provenance", {"target": f"Condition/{twin.current('Condition')[0]['id']}"})
    assert {t["reference"].split("/")[1] for t in provenance["target"]} == set(acts.current(twin))


async def test_done_again_nothing_changes_on_the_server(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    """Though the clock has moved on: the same work keeps the time of its first doing."""
    await acts.through(pipeline, event(LUNG))
    versions = twin.count_versions()
    for _ in range(3):
        await acts.through(pipeline, event(LUNG))
    assert twin.count_versions() == versions


async def test_what_others_derived_from_the_same_document_is_left_alone(
    configuration: Configuration, model: Any, twin: FhirTwin, event: Event, acts: Any
) -> None:
    where_it_is = Settings(fhir=FhirSettings(documents="reference"))
    pipeline = assemble_pipeline(where_it_is, configuration, model=model, source=twin, target=twin)
    confirmed = {"coding": [{"system": VERIFICATION, "code": "confirmed"}]}
    theirs = {"resourceType": "Condition", "id": "theirs", "verificationStatus": confirmed, "code": {"text": "asthma"}}
    said_so = {
        "resourceType": "Provenance",
        "id": "theirs",
        "target": [{"reference": "Condition/theirs"}],
        "entity": [{"role": "source", "what": {"reference": "DocumentReference/d1"}}],
    }
    await twin.transact(transaction([json.loads(event(LUNG)), theirs, said_so]))
    assert await acts.through(pipeline, event(LUNG)) == [Published("written", 4, 0)]
    assert acts.current(twin)["theirs"]["verificationStatus"] == confirmed


async def test_a_fact_that_a_new_release_or_a_stricter_mapping_no_longer_writes_is_taken_back(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    """The same record, published again: it is the mapping that lets fewer facts through."""
    (note,) = await pipeline.events(event(LUNG))
    assert isinstance(note, NoteEvent)
    record = await pipeline.extract(note)
    await pipeline.publish(record)
    strict = pipeline.mapping.file.policy["stage"].model_copy(update={"minimal_confidence": 1.0})
    policy = pipeline.mapping.file.policy | {"stage": strict}
    file = pipeline.mapping.file.model_copy(update={"policy": policy})
    pipeline.mapping = replace(pipeline.mapping, file=file, digest="another")
    assert await pipeline.publish(record) == Published("written", 3, 1)
    assert acts.shown(twin) == {"lung adenocarcinoma", "EGFR L858R", "brain"}
    (why,) = [p for p in twin.current("Provenance") if "No longer holds" in p["activity"].get("text", "")]
    (stage,) = [r for r in twin.current("Observation") if r["status"] == "entered-in-error"]
    assert why["target"] == [{"reference": f"Observation/{stage['id']}"}]


async def test_a_document_never_seen_costs_one_read_and_one_transaction(
    pipeline: Pipeline, twin: FhirTwin, event: Event, monkeypatch: pytest.MonkeyPatch, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG, "other"))
    asked: list[str] = []
    for name in ("read", "search", "history", "transact"):
        method = getattr(twin, name)

        async def counted(*args: Any, name: str = name, method: Any = method) -> Any:
            asked.append(name)
            return await method(*args)

        monkeypatch.setattr(twin, name, counted)
    await acts.through(pipeline, event(LUNG))
    assert asked == ["read", "transact"]


async def test_what_another_model_reads_is_another_provenance_and_keeps_the_first(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    (note,) = await pipeline.events(event(COLON))
    assert isinstance(note, NoteEvent)
    record = await pipeline.extract(note)
    for name in ("medical-ie-1", "medical-ie-2"):  # as vLLM names them: without a digest
        produced = record.produced.model_copy(update={"adapter": name, "adapter_digest": None})
        await pipeline.publish(record.model_copy(update={"produced": produced}))
    by = {p["agent"][0]["who"]["reference"] for p in twin.current("Provenance")}
    assert len(by) == 2


async def test_two_documents_of_one_patient_do_not_touch_each_other(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(LUNG, "a"))
    await acts.through(pipeline, event(LUNG, "b"))
    await acts.through(pipeline, event(LUNG, "a", "2", status="entered-in-error"))
    assert len(acts.current(twin)) == 4


async def test_a_patient_that_the_target_does_not_hold_is_refused_with_nothing_written(
    pipeline: Pipeline, twin: FhirTwin, event: Event, acts: Any
) -> None:
    await acts.through(pipeline, event(COLON, "other"))
    versions = twin.count_versions()
    with pytest.raises(SubjectMissing):
        await acts.through(pipeline, event(LUNG, subject={"reference": "Patient/stranger"}))
    assert twin.count_versions() == versions


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.stations: list[str] = []
        self.spent: list[tuple[int, int]] = []

    @contextmanager
    def station(self, name: str) -> Iterator[None]:
        self.stations.append(name)
        yield

    def tokens(self, prompt: int, completion: int) -> None:
        self.spent.append((prompt, completion))


async def test_every_station_tells_that_it_works(pipeline: Pipeline, event: Event, acts: Any) -> None:
    pipeline.telemetry = heard = Heard()
    await acts.through(pipeline, event(LUNG))
    read, written = heard.stations[:5], heard.stations[5:]
    assert read == ["event", "document", "lexicon", "extraction", "grounding"]
    assert written == ["fhir", "coding", "fhir", "mapping", "transaction", "fhir"], "it stands, whose, written"
    assert heard.spent == [(10, 5)]


async def test_of_two_tumours_each_has_its_own_stage_and_ids_are_as_they_were(
    pipeline: Pipeline, twin: FhirTwin, event: Event, model: Any
) -> None:
    model.script = {"adenocarcinoma": {"cancer_type": "lung adenocarcinoma; colon adenocarcinoma", "stage": "IV; III"}}
    text = "ASSESSMENT:\n1. Lung adenocarcinoma, stage IV.\n2. Colon adenocarcinoma, stage III."
    (note,) = await pipeline.events(event(text))
    assert isinstance(note, NoteEvent)
    record = await pipeline.extract(note)
    assert {f.value: f.group for f in record.facts} == {
        "lung adenocarcinoma": 1,
        "colon adenocarcinoma": 2,
        "IV": 1,
        "III": 2,
    }
    ungrouped = tuple(f.model_copy(update={"group": None}) for f in record.facts)
    before = pipeline.coded(record.model_copy(update={"facts": ungrouped}))
    assert [c.id for c in pipeline.coded(record)] == [c.id for c in before]
    await pipeline.publish(record)
    cancers = {f"Condition/{c['id']}": c["code"]["text"] for c in twin.current("Condition")}
    staged = {o["valueCodeableConcept"]["text"]: o["focus"][0]["reference"] for o in twin.current("Observation")}
    assert {stage: cancers[of] for stage, of in staged.items()} == {
        "IV": "lung adenocarcinoma",
        "III": "colon adenocarcinoma",
    }

"""The whole way of a note, over a real FHIR twin: what is written, what is taken back, what is left alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import (
    BrokenBase64,
    ContentNotFound,
    FhirConflict,
    ModelOutputError,
    NoSubject,
    NoteSkipped,
    RecordError,
    SubjectMissing,
)
from medie_fhir.model import EventKind, ExtractionRecord, Json, NoteEvent, Outcome
from medie_fhir.pipeline import Pipeline, Published
from medie_fhir.ports import ModelDescription
from medie_fhir.settings import FhirSettings, Settings
from medie_fhir.telemetry import Silent
from medie_fhir.transaction import transaction
from medie_fhir.wiring import Configuration, assemble_pipeline

Event = Callable[..., bytes]

LUNG = "ASSESSMENT: Lung adenocarcinoma, stage IV, with brain metastases. EGFR L858R detected. No liver metastases."
SAID_OF_LUNG = {
    "cancer_type": "lung adenocarcinoma",
    "stage": "IV",
    "gene_mutation": "EGFR L858R",
    "metastasis_site": "brain; liver",
    "treatment": "osimertinib",
}
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
NOTHING = "Right knee arthroscopy for a torn meniscus. Uneventful recovery."
COLON = "ASSESSMENT: Colon adenocarcinoma, stage III."
SAID_OF_COLON = {"cancer_type": "colon adenocarcinoma", "stage": "III"}


@pytest.fixture
def another(configuration: Configuration, model: Any, twin: FhirTwin) -> Pipeline:
    """That of another member."""
    return assemble_pipeline(Settings(), configuration, model=model, source=twin, target=twin)


@pytest.fixture(autouse=True)
def script(model: Any) -> None:
    model.script = {"Lung adenocarcinoma": SAID_OF_LUNG, "Colon adenocarcinoma": SAID_OF_COLON}


async def through(pipeline: Pipeline, value: bytes | None, key: bytes | None = None, ms: int = 0) -> list[Published]:
    """What publishing each record of a Kafka record's value came to."""
    done = []
    for event in await pipeline.events(value, key, timestamp_ms=ms):
        assert isinstance(event, NoteEvent), event
        record = await pipeline.extract(event)
        done.append(await pipeline.publish(pipeline.record(record.to_json().encode())))
    return done


def current(twin: FhirTwin) -> dict[str, Json]:
    """The facts that hold, by id."""
    return {
        r["id"]: r
        for kind in ("Condition", "Observation")
        for r in twin.current(kind)
        if r.get("status") != "entered-in-error"
        and r.get("verificationStatus", {}).get("coding", [{}])[0].get("code") != "entered-in-error"
    }


def shown(twin: FhirTwin) -> set[str]:
    """The text of each fact that holds."""
    return {
        (r.get("valueCodeableConcept", {}).get("text") or r["code"].get("text", "")).removeprefix("Metastasis: ")
        for r in current(twin).values()
    }


async def test_a_note_becomes_resources_with_evidence_and_provenance(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    (published,) = await through(pipeline, event(LUNG))
    assert published == Published("written", 4, 0)
    assert shown(twin) == {"lung adenocarcinoma", "IV", "EGFR L858R", "brain"}
    (provenance,) = await twin.search("Provenance", {"target": f"Condition/{twin.current('Condition')[0]['id']}"})
    assert {t["reference"].split("/")[1] for t in provenance["target"]} == set(current(twin))


async def test_what_is_negated_or_not_in_the_note_stays_in_the_record_and_is_not_written(
    pipeline: Pipeline, event: Event
) -> None:
    (note,) = await pipeline.events(event(LUNG))
    assert isinstance(note, NoteEvent)
    record = await pipeline.extract(note)
    held_back = {c.fact.value: c.reason for c in pipeline.coded(record) if not c.written}
    assert held_back == {"liver": "asserted absent", "osimertinib": "not found in the note"}


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


async def test_every_evidence_is_the_source_text_at_its_place(pipeline: Pipeline, event: Event) -> None:
    (note,) = await pipeline.events(event(LUNG))
    assert isinstance(note, NoteEvent)
    record = await pipeline.extract(note)
    evidence = [e for fact in record.facts for e in fact.evidence]
    assert len(evidence) >= 5
    assert all(LUNG[e.start : e.end] == e.text for e in evidence)


async def test_done_again_nothing_changes_on_the_server(pipeline: Pipeline, twin: FhirTwin, event: Event) -> None:
    """Though the clock has moved on: the same work keeps the time of its first doing."""
    await through(pipeline, event(LUNG))
    versions = twin.count_versions()
    for _ in range(3):
        await through(pipeline, event(LUNG))
    assert twin.count_versions() == versions


async def test_an_amended_note_takes_back_what_it_no_longer_says(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    await through(pipeline, event(LUNG, version="1"))
    (published,) = await through(pipeline, event(LUNG.replace("EGFR L858R detected.", ""), version="2"))
    assert published == Published("written", 3, 1)
    assert shown(twin) == {"lung adenocarcinoma", "IV", "brain"}


async def test_a_fact_that_comes_back_revives_the_same_resource(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    await through(pipeline, event(LUNG, version="1"))
    before = set(current(twin))
    await through(pipeline, event(COLON, version="2"))
    await through(pipeline, event(LUNG, version="3"))
    assert set(current(twin)) == before
    said = [p for p in twin.current("Provenance") if {t["reference"].split("/")[1] for t in p["target"]} == before]
    assert len(said) == 3, "written, taken back, written again: each by a Provenance of its own"


@pytest.mark.parametrize("order", list(itertools.permutations("123")))
async def test_in_whatever_order_versions_come_the_newest_stands(
    pipeline: Pipeline, twin: FhirTwin, event: Event, order: tuple[str, ...]
) -> None:
    texts = {"1": LUNG, "2": COLON, "3": LUNG.replace("EGFR L858R detected.", "")}
    for version in order:
        await through(pipeline, event(texts[version], version=version))
    assert shown(twin) == {"lung adenocarcinoma", "IV", "brain"}


async def test_an_older_version_that_comes_late_is_stale(pipeline: Pipeline, event: Event) -> None:
    await through(pipeline, event(LUNG, version="2"))
    assert await through(pipeline, event(COLON, version="1")) == [Published("stale")]


@pytest.mark.parametrize("known", [False, True])
async def test_what_was_held_up_on_its_way_does_not_overwrite_what_another_wrote_meanwhile(
    pipeline: Pipeline, another: Pipeline, twin: FhirTwin, event: Event, known: bool
) -> None:
    """A member is frozen between reading what stands and writing: another takes its partition, and goes on."""
    if known:
        await through(pipeline, event(COLON, version="1"))
    sent = twin.transact
    with pytest.MonkeyPatch.context() as patch:

        async def overtaken(bundle: Json) -> Json:
            if bundle["entry"][0]["resource"]["resourceType"] == "Device":
                return await sent(bundle)
            patch.setattr(twin, "transact", sent)
            for version, text in (("2", LUNG), ("3", LUNG.replace("EGFR L858R detected.", ""))):
                await through(another, event(text, version=version))
            return await sent(bundle)

        patch.setattr(twin, "transact", overtaken)
        with pytest.raises(FhirConflict):
            await through(pipeline, event(LUNG, version="2"))
    assert shown(twin) == {"lung adenocarcinoma", "IV", "brain"}
    assert await through(pipeline, event(LUNG, version="2")) == [Published("stale")]


@pytest.mark.parametrize("first", ["note", "retraction"])
async def test_entered_in_error_leaves_nothing_current_whichever_comes_first(
    pipeline: Pipeline, twin: FhirTwin, event: Event, first: str
) -> None:
    values = [event(LUNG, version="1"), event(LUNG, version="2", status="entered-in-error")]
    for value in values if first == "note" else reversed(values):
        await through(pipeline, value)
    assert current(twin) == {}
    versions = twin.count_versions()
    for value in values:
        await through(pipeline, value)
    assert twin.count_versions() == versions


async def test_a_tombstone_takes_everything_back_and_one_of_nothing_does_nothing(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    late = 1_800_000_000_000
    assert await through(pipeline, None, b"DocumentReference/never-seen", late) == [Published("empty")]
    await through(pipeline, event(LUNG))
    (published,) = await through(pipeline, None, b"DocumentReference/d1", late)
    assert published.outcome == "retracted"
    assert current(twin) == {}


async def test_a_document_that_replaces_another_takes_back_the_other(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    await through(pipeline, event(LUNG, "old"))
    replaces = [{"code": "replaces", "target": {"reference": "DocumentReference/old"}}]
    done = await through(pipeline, event(COLON, "new", "2", relatesTo=replaces))
    assert [p.outcome for p in done] == ["written", "retracted"]
    assert shown(twin) == {"colon adenocarcinoma", "III"}


async def test_a_document_that_is_replaced_by_its_identifier_is_the_one_that_came_with_an_id(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    named = {"system": "urn:ehr", "value": "A,1"}
    await through(pipeline, event(LUNG, "old", identifier=[named]))
    replaces = [{"code": "replaces", "target": {"identifier": named}}]
    done = await through(pipeline, event(COLON, "new", "2", relatesTo=replaces))
    assert done[1] == Published("retracted", 0, 4)
    assert shown(twin) == {"colon adenocarcinoma", "III"}


async def test_what_others_derived_from_the_same_document_is_left_alone(
    configuration: Configuration, model: Any, twin: FhirTwin, event: Event
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
    assert await through(pipeline, event(LUNG)) == [Published("written", 4, 0)]
    assert current(twin)["theirs"]["verificationStatus"] == confirmed


async def test_a_fact_that_a_new_release_or_a_stricter_mapping_no_longer_writes_is_taken_back(
    pipeline: Pipeline, twin: FhirTwin, event: Event
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
    assert shown(twin) == {"lung adenocarcinoma", "EGFR L858R", "brain"}
    (why,) = [p for p in twin.current("Provenance") if "No longer holds" in p["activity"].get("text", "")]
    (stage,) = [r for r in twin.current("Observation") if r["status"] == "entered-in-error"]
    assert why["target"] == [{"reference": f"Observation/{stage['id']}"}]


async def test_a_document_that_is_known_and_says_nothing_any_more_keeps_older_versions_out(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    """Nothing stands when version 4 comes, and it says nothing: it must be known even so, for version 3 is late."""
    for version, text in (("1", LUNG), ("2", NOTHING), ("4", NOTHING)):
        assert (await through(pipeline, event(text, version=version)))[0].outcome == "written"
    assert await through(pipeline, event(LUNG, version="3")) == [Published("stale")]
    assert current(twin) == {}


async def test_an_older_version_of_a_document_that_said_nothing_is_stale_while_the_process_remembers(
    pipeline: Pipeline, twin: FhirTwin, event: Event, configuration: Configuration, model: Any
) -> None:
    before = twin.count_versions()
    assert await through(pipeline, event(NOTHING, version="2")) == [Published("empty")]
    assert await through(pipeline, event(LUNG, version="1")) == [Published("stale")]
    assert twin.count_versions() == before, "no mark on the server"
    assert (await through(pipeline, event(LUNG, version="3")))[0].outcome == "written"
    another = assemble_pipeline(Settings(), configuration, model=model, source=twin, target=twin)
    await through(pipeline, event(NOTHING, "d2", version="2"))
    late = await through(another, event(LUNG, "d2", version="1"))
    assert late[0].outcome == "written", "the limit of it (docs/adr/0005)"


async def test_a_document_never_seen_costs_one_read_and_one_transaction(
    pipeline: Pipeline, twin: FhirTwin, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    await through(pipeline, event(LUNG, "other"))
    asked: list[str] = []
    for name in ("read", "search", "history", "transact"):
        method = getattr(twin, name)

        async def counted(*args: Any, name: str = name, method: Any = method) -> Any:
            asked.append(name)
            return await method(*args)

        monkeypatch.setattr(twin, name, counted)
    await through(pipeline, event(LUNG))
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


async def test_two_documents_of_one_patient_do_not_touch_each_other(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    await through(pipeline, event(LUNG, "a"))
    await through(pipeline, event(LUNG, "b"))
    await through(pipeline, event(LUNG, "a", "2", status="entered-in-error"))
    assert len(current(twin)) == 4


async def test_a_bare_reference_is_read_from_the_source_server(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    resource = json.loads(event(LUNG, "remote"))
    request = {"method": "PUT", "url": "DocumentReference/remote"}
    entry = {"resource": resource, "request": request}
    await twin.transact({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    (published,) = await through(pipeline, b'{"reference": "DocumentReference/remote"}')
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


async def test_a_patient_that_the_target_does_not_hold_is_refused_with_nothing_written(
    pipeline: Pipeline, twin: FhirTwin, event: Event
) -> None:
    await through(pipeline, event(COLON, "other"))
    versions = twin.count_versions()
    with pytest.raises(SubjectMissing):
        await through(pipeline, event(LUNG, subject={"reference": "Patient/stranger"}))
    assert twin.count_versions() == versions


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


async def test_every_station_tells_that_it_works(pipeline: Pipeline, event: Event) -> None:
    pipeline.telemetry = heard = Heard()
    await through(pipeline, event(LUNG))
    read, written = heard.stations[:4], heard.stations[4:]
    assert read == ["event", "document", "extraction", "grounding"]
    assert written == ["fhir", "coding", "mapping", "transaction", "fhir", "fhir"]  # the patient, and the writing
    assert heard.spent == [(10, 5)]


async def test_another_model_behind_the_same_url_is_seen_in_time(
    pipeline: Pipeline, event: Event, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = pipeline.clock.now()
    pipeline.clock = clock = StoodClock(now)
    (note,) = await pipeline.events(event(LUNG))
    assert isinstance(note, NoteEvent)

    async def adapter() -> str | None:
        return (await pipeline.extract(note)).produced.adapter_digest

    def serving(digest: str) -> None:
        async def describe() -> ModelDescription:
            return ModelDescription("scripted", "medical-ie", digest)

        monkeypatch.setattr(model, "describe", describe)

    serving("first")
    assert await adapter() == "first"
    serving("second")
    clock.moment += timedelta(minutes=4)
    assert await adapter() == "first", "not asked for every note"
    clock.moment += timedelta(minutes=1)
    assert await adapter() == "second"
    serving("third")
    model.answer = "not JSON"
    with pytest.raises(ModelOutputError):
        await pipeline.extract(note)
    model.answer = None
    assert await adapter() == "third", "after a fault it may be another"


class StoodClock:
    """A clock that stands until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


async def test_a_server_that_has_forgotten_the_device_is_given_it_again(
    configuration: Configuration, model: Any, twin: FhirTwin, event: Event
) -> None:
    """A server that was emptied meanwhile refuses a reference to it; the record is not to blame."""

    class Restored:
        """The twin until it is replaced by an empty one."""

        now = twin

        def __getattr__(self, name: str) -> Any:
            return getattr(self.now, name)

    server = Restored()
    pipeline = assemble_pipeline(Settings(), configuration, model=model, source=twin, target=server)  # type: ignore[arg-type]
    await through(pipeline, event(LUNG))
    server.now = FhirTwin()
    await server.now.transact(transaction([{"resourceType": "Patient", "id": "p1"}]))
    assert await through(pipeline, event(LUNG)) == [Published("written", 4, 0)]
    assert len(server.now.current("Device")) == 1

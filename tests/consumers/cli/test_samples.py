"""The sample notes, from the package to a topic and a server."""

from __future__ import annotations

from contextlib import closing

from consumers.cli.samples import sample_events, seed, send
from consumers.memory_broker import MemoryBroker
from medie_fhir.adapters.fhir_twin import FhirTwin


async def test_every_event_lies_on_the_topic_with_its_key_and_its_own_time():
    broker = MemoryBroker()
    broker.create_topics({"events": 1})
    events = sample_events()
    await send(broker.producer(), "events", events)
    records = broker.records("events")
    assert len(records) == len(events)
    assert [record.key.decode() if record.key else None for record in records] == [e.get("key") for e in events]
    assert len({record.timestamp_ms for record in records}) > 1
    assert any(record.value is None for record in records), "a tombstone is among them"
    assert any(record.value and b'"DocumentReference"' in record.value for record in records)


async def test_the_events_patients_are_on_the_server_and_seeding_again_changes_nothing():
    with closing(FhirTwin()) as twin:
        await seed(twin)
        versions = twin.count_versions()
        await seed(twin)
        assert twin.count_versions() == versions
        patients = {f"Patient/{patient['id']}" for patient in twin.current("Patient")}
    values = [event["value"] for event in sample_events() if isinstance(event.get("value"), dict)]
    subjects = {v["subject"]["reference"] for v in values if v.get("resourceType") == "DocumentReference"}
    assert subjects
    assert subjects <= patients

"""``medie-fhir samples``: the sample notes as events on a real topic, and their patients on a real FHIR server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import datetime

from consumers.broker import Producer
from consumers.cli.options import Config, err, run_async, settings_of
from consumers.kafka_broker import KafkaBroker
from medie_fhir.fhir_servers import open_target
from medie_fhir.model import Json
from medie_fhir.ports import FhirServer
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped

__all__ = ["sample_events", "samples", "seed", "send"]


def samples(config: Config = None) -> None:
    """Write the sample patients to the FHIR server and the sample note events to Kafka: synthetic, and for trying out.

    Again, it changes nothing on the FHIR server, and the same events come once more.
    """
    run_async(_samples(settings_of(config)))


async def _samples(settings: Settings) -> None:
    kafka, events = settings.kafka, sample_events()
    broker = KafkaBroker.of(kafka)
    await asyncio.to_thread(broker.check_topics, [kafka.events])
    async with open_target(settings) as target:
        await seed(target)
    err.print(f"FHIR server  {settings.fhir.base_url}: the sample patients are there", highlight=False, soft_wrap=True)
    producer = broker.producer()
    try:
        await send(producer, kafka.events, events)
    finally:
        producer.close()
    err.print(f"broker       {len(events)} records on {kafka.events}", highlight=False, soft_wrap=True)


def sample_events() -> list[Json]:
    """The shipped events: ``key``, ``timestamp`` and ``value``, or ``raw`` where a value is no JSON."""
    return [json.loads(line) for line in shipped("notes", "events.jsonl").read_text(encoding="utf-8").splitlines()]


async def seed(target: FhirServer) -> None:
    """Write what the sample notes refer to: their patients, and the content that lies behind a URL."""
    for name in ("patients.json", "binaries.json"):
        await target.transact(json.loads(shipped("notes", name).read_text(encoding="utf-8")))


async def send(producer: Producer, topic: str, events: Iterable[Json]) -> None:
    """Write events to a topic one after another, each with its own time."""
    for event in events:
        value = event.get("value")
        await producer.send(
            topic,
            key=event["key"].encode() if event.get("key") else None,
            value=event["raw"].encode() if "raw" in event else None if value is None else json.dumps(value).encode(),
            timestamp_ms=int(datetime.fromisoformat(event["timestamp"]).timestamp() * 1000),
        )

"""The consumers, with a real vLLM as their model server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consumers.cli.samples import sample_events, seed, send
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import Report
from consumers.programs import extract_loop, publish_loop, run_together
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.errors import ModelRefused
from medie_fhir.model import Json
from medie_fhir.settings import Settings
from medie_fhir.wiring import assemble_pipeline

pytestmark = pytest.mark.vllm

ADAPTER = Path(__file__).parents[3] / "models" / "medical-ie-smollm2-135m"
SETTINGS = Settings()
KAFKA = SETTINGS.kafka


@pytest.fixture
def broker() -> MemoryBroker:
    broker = MemoryBroker()
    broker.create_topics({KAFKA.events: 2, KAFKA.extractions: 2, KAFKA.dead_letters: 1})
    return broker


def records(broker: MemoryBroker) -> list[Json]:
    return [json.loads(message.value) for message in broker.records(KAFKA.extractions) if message.value is not None]


async def test_sample_notes_go_all_the_way_and_every_field_is_read(vllm: Any, broker: MemoryBroker) -> None:
    short = {"note-24", "note-26", "note-29"}  # between them, they tell of every field
    await send(broker.producer(), KAFKA.events, [e for e in sample_events() if (e["value"] or {}).get("id") in short])
    twin = FhirTwin()
    await seed(twin)
    async with vllm.client(timeout=600.0) as model:
        # The model reads alone: what the lexical reader sees needs no server.
        alone = SETTINGS.model_copy(update={"readers": ("model",)})
        pipeline = assemble_pipeline(alone, Configuration(alone), model=model, source=twin, target=twin)
        report = Report()
        with (
            extract_loop(alone, broker, pipeline, report) as extracting,
            publish_loop(alone, broker, pipeline, report) as publishing,
        ):

            def stop() -> None:
                extracting.stop()
                publishing.stop()

            await run_together([extracting, publishing], stop, until_end=True)
        fields = set(pipeline.fields)
    made = records(broker)
    assert {record["document"]["reference"] for record in made} == {f"DocumentReference/{name}" for name in short}
    assert {fact["field"] for record in made for fact in record["facts"]} == fields
    assert all(fact["confidence"] is not None for record in made for fact in record["facts"])
    assert broker.records(KAFKA.dead_letters) == []
    assert await twin.search("Condition", {})


async def test_an_adapter_is_exchanged_while_events_flow_and_none_is_lost(
    vllm: Any, broker: MemoryBroker, event: Callable[..., bytes]
) -> None:
    """The consumer whose adapter is gone stops, and its next, with the new name, reads what it had not."""
    producer = broker.producer()
    for number in range(8):
        text = f"Stage IV melanoma, BRAF V600E, on vemurafenib. Visit {number}."
        await producer.send(KAFKA.events, key=b"%d" % number, value=event(text, f"d{number}"))

    async def consume(name: str, report: Report) -> None:
        async with vllm.client(name=name, concurrency=4) as model:
            twin = FhirTwin()
            pipeline = assemble_pipeline(SETTINGS, Configuration(SETTINGS), model=model, source=twin, target=twin)
            with extract_loop(SETTINGS, broker, pipeline, report) as loop:
                await loop.run(until_end=True)

    async with vllm.raw() as raw:
        for name in ("old", "new"):
            await raw.post("/v1/load_lora_adapter", json={"lora_name": name, "lora_path": str(ADAPTER)})
        some = asyncio.Event()
        old = asyncio.create_task(consume("old", Report(lambda outcome: some.set())))
        await some.wait()
        (await raw.post("/v1/unload_lora_adapter", json={"lora_name": "old"})).raise_for_status()
        with pytest.raises(ModelRefused):
            await old
        await consume("new", Report())
        (await raw.post("/v1/unload_lora_adapter", json={"lora_name": "new"})).raise_for_status()
    made = records(broker)
    assert {record["document"]["reference"] for record in made} == {f"DocumentReference/d{n}" for n in range(8)}
    assert {record["produced"]["adapter"] for record in made} == {"old", "new"}
    assert broker.records(KAFKA.dead_letters) == []

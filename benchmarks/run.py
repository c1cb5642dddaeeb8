"""Measures, and writes one row a figure to build/bench.json: {"name", "value", "unit", "baseline", "ratio"}.

Machines differ and are noisy: a figure means something only by its ratio to the baseline of the same run. The baseline
here is the least that any consumer of such events must do: parse the event's JSON, decode its base64.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.configuration import Configuration
from medie_fhir.errors import MedieError
from medie_fhir.model import ExtractionRecord, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest
from medie_fhir.settings import Settings
from medie_fhir.shipped import shipped
from medie_fhir.wiring import assemble_pipeline

OUT = Path("build/bench.json")
SECONDS = 4.0


class GoldModel:
    """Answers at once with the note's gold facts, so that every station after the model has its real work."""

    def __init__(self, answers: dict[str, str], empty: str) -> None:
        self._answers, self._empty = answers, empty

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """The gold facts of the note that the text begins."""
        text = request.messages[-1]["content"].split("Text: ", 1)[1]
        return ModelAnswer(next((a for t, a in self._answers.items() if text[:200] in t), self._empty), "stop")

    async def describe(self) -> ModelDescription:
        """A name."""
        return ModelDescription("gold")


def lines(name: str) -> list[dict[str, Any]]:
    """The objects of a shipped JSON Lines file."""
    return [json.loads(line) for line in shipped("notes", name).read_text(encoding="utf-8").splitlines()]


async def per_second(work: Callable[[], Awaitable[int]]) -> tuple[float, float]:
    """Notes a second, and CPU milliseconds a note, of repeating ``work`` for a while."""
    done, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < SECONDS:
        done += await work()
    return done / (time.perf_counter() - began), 1000 * (time.process_time() - cpu) / done


class Notes:
    """The sample events, and the work of each stage on all of them. Each returns how many notes it did."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._values = [json.dumps(e["value"]).encode() for e in lines("events.jsonl") if e.get("value")]
        self._records: list[ExtractionRecord] = []

    async def baseline(self) -> int:
        """Parse the JSON and decode the base64, and no more."""
        for value in self._values:
            for content in json.loads(value)["content"]:
                with suppress(binascii.Error):  # one of the samples is broken on purpose
                    base64.b64decode(content["attachment"].get("data", ""))
        return len(self._values)

    async def extract(self) -> int:
        """Bytes to extraction records: event, text, chunks, parse, grounding, assertion."""
        self._records = [r for value in self._values for r in await extracted(self._pipeline, value)]
        return len(self._values)

    async def render(self) -> int:
        """Extraction records to Bundles: codes, templates, validation, identity, Provenance."""
        for record in self._records:
            self._pipeline.bundle(record)
        return len(self._records)

    async def publish(self) -> int:
        """The same, and the transaction with the twin, in memory."""
        for record in self._records:
            await self._pipeline.publish(record)
        return len(self._records)


async def build() -> Pipeline:
    """A pipeline over the twin, with a model that answers at once."""
    configuration = Configuration(Settings())
    fields = tuple(configuration.task.fields)
    answers = {
        gold["text"]: json.dumps({field: "; ".join(gold["gold"].get(field, [])) or None for field in fields})
        for gold in lines("gold.jsonl")
    }
    twin = FhirTwin()
    for seed in ("patients.json", "binaries.json"):
        await twin.transact(json.loads(shipped("notes", seed).read_text(encoding="utf-8")))
    model = GoldModel(answers, json.dumps(dict.fromkeys(fields)))
    return assemble_pipeline(Settings(), configuration, model=model, source=twin, target=twin)


async def main() -> list[dict[str, Any]]:
    """Measure every stage against the baseline."""
    notes = Notes(await build())
    loaded = peak_memory()
    stages = {
        "extract without the model": notes.extract,
        "code and render": notes.render,
        "publish to the twin": notes.publish,
    }
    base_rate, base_cpu = await per_second(notes.baseline)
    rows = []
    for name, work in stages.items():
        print(f"{name} …", file=sys.stderr)
        rate, cpu = await per_second(work)
        rows += [
            row(f"{name}: notes a second", rate, "1/s", base_rate),
            row(f"{name}: CPU a note", cpu, "ms", base_cpu),
        ]
    return [*rows, row("peak memory, against that when all is loaded", peak_memory(), "MiB", loaded)]


def peak_memory() -> float:
    """The most memory that this process has had until now, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def extracted(pipeline: Pipeline, value: bytes) -> list[ExtractionRecord]:
    """The extraction records of one event; a bad one has none."""
    made = []
    for event in await pipeline.events(value):
        if isinstance(event, NoteEvent):
            try:
                made.append(await pipeline.extract(event))
            except MedieError:
                continue
    return made


def row(name: str, value: float, unit: str, baseline: float) -> dict[str, Any]:
    """One figure, beside its baseline."""
    ratio, baseline = round(value / baseline, 4), round(baseline, 3)
    return {"name": name, "value": round(value, 3), "unit": unit, "baseline": baseline, "ratio": ratio}


if __name__ == "__main__":
    measured = asyncio.run(main())
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text("".join(json.dumps(r) + "\n" for r in measured), encoding="utf-8")
    for r in measured:
        print(f"{r['name']:<46} {r['value']:>10} {r['unit']:<4} ratio to baseline {r['ratio']}")

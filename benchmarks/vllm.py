"""vLLM through the pipeline against vLLM alone, at the same number of requests at once.

Writes build/bench-vllm.json: {"name", "value", "unit", "baseline", "ratio"} a row. Alone: the very requests that the
pipeline makes of the sample notes, posted by a bare HTTP client, and nothing done with the answers. Through the
pipeline: the notes as events, to extraction records. Both are run in turns, after one run that counts for neither, so
that each finds the server's prefix cache as warm as the other does; a side's figure is of all its runs together.
Before and after, vLLM's queue is looked at: how many waited at most while the pipeline ran.

    python benchmarks/vllm.py [--url http://127.0.0.1:8105] [--name medical-ie] [--concurrency 8] [--notes 12]
        [--rounds 2]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from run import lines, row

from medie_fhir.adapters.engine_pace import load_of
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.openai_http import OpenAiHttp
from medie_fhir.configuration import Configuration
from medie_fhir.errors import MedieError
from medie_fhir.model import ExtractionRecord, NoteEvent
from medie_fhir.pipeline import Pipeline
from medie_fhir.ports import ModelAnswer, ModelDescription, ModelRequest
from medie_fhir.settings import Settings
from medie_fhir.wiring import assemble_pipeline

OUT = Path("build/bench-vllm.json")


class Counted:
    """A ModelServer that passes all on, and counts the tokens of the answers."""

    def __init__(self, server: OpenAiHttp) -> None:
        self._server = server
        self.tokens = 0
        self.requests: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """One answer."""
        self.requests.append(request)
        answer = await self._server.complete(request)
        self.tokens += answer.completion_tokens
        return answer

    async def describe(self) -> ModelDescription:
        """Which model answers."""
        return await self._server.describe()


@dataclass
class Side:
    """What one way of asking came to."""

    tokens: int = 0
    seconds: float = 0.0

    async def run(self, work: Callable[[], Awaitable[int]]) -> None:
        """Do it once more."""
        began = time.perf_counter()
        self.tokens += await work()
        self.seconds += time.perf_counter() - began

    @property
    def rate(self) -> float:
        """Tokens of answers a second."""
        return self.tokens / self.seconds


async def at_once(number: int, works: list[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """All of them, so many at once."""
    free = asyncio.Semaphore(number)

    async def one(work: Callable[[], Awaitable[Any]]) -> Any:
        async with free:
            return await work()

    return await asyncio.gather(*(one(work) for work in works))


async def notes_of(pipeline: Pipeline, most: int) -> list[NoteEvent]:
    """The sample stream's notes that the model is asked about."""
    values = [json.dumps(e["value"]).encode() for e in lines("events.jsonl") if e.get("value")]
    found = [event for value in values for event in await pipeline.events(value) if isinstance(event, NoteEvent)]
    kept = []
    for event in found:
        if any(a.data for a in event.attachments):
            try:
                await pipeline.note(event)
            except MedieError:  # an image, a broken attachment: the sample stream has them on purpose
                continue
            kept.append(event)
    return kept[:most]


async def alone(client: httpx.AsyncClient, name: str, requests: list[ModelRequest], number: int) -> int:
    """Post the same requests, and give the number of tokens that came back."""

    def body(asked: ModelRequest) -> dict[str, Any]:
        schema = {"name": "answer", "schema": asked.json_schema, "strict": True}
        return {
            "model": name,
            "messages": list(asked.messages),
            "temperature": 0,
            "seed": 0,
            "max_tokens": asked.max_tokens,
            "logprobs": True,
            "top_logprobs": 1,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }

    bodies = [body(request) for request in requests]
    answers = await at_once(number, [partial(client.post, "/v1/chat/completions", json=b) for b in bodies])
    return sum(answer.json()["usage"]["completion_tokens"] for answer in answers)


async def longest_queue(client: httpx.AsyncClient, done: asyncio.Event) -> float:
    """The most that waited at any reading."""
    longest = 0.0
    while not done.is_set():
        longest = max(longest, load_of((await client.get("/metrics")).text).waiting)
        await asyncio.wait([asyncio.create_task(done.wait())], timeout=0.5)
    return longest


async def main(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure both in turns."""
    number, ours, bare = given.concurrency, Side(), Side()
    limits = httpx.Limits(max_connections=number + 1)
    async with (
        OpenAiHttp(given.url, given.name, timeout=900, concurrency=number) as server,
        httpx.AsyncClient(base_url=given.url, timeout=900, limits=limits, trust_env=False) as client,
    ):
        model = Counted(server)
        with FhirTwin() as twin:
            pipeline = assemble_pipeline(Settings(), Configuration(Settings()), model=model, source=twin, target=twin)
            notes = await notes_of(pipeline, given.notes)

            async def through() -> int:
                before = model.tokens
                records: list[ExtractionRecord] = await at_once(
                    number, [lambda n=note: pipeline.extract(n) for note in notes]
                )
                assert len(records) == len(notes)
                return model.tokens - before

            await Side().run(through)
            requests = list(model.requests)
            print(f"{len(notes)} notes, {len(requests)} requests", file=sys.stderr)
            done = asyncio.Event()
            queue = asyncio.create_task(longest_queue(client, done))
            for _ in range(given.rounds):
                await bare.run(lambda: alone(client, given.name, requests, number))
                await ours.run(through)
                print(f"alone {bare.rate:.1f}, through the pipeline {ours.rate:.1f} tokens/s", file=sys.stderr)
            done.set()
            longest = await queue
    return [
        row("vLLM through the pipeline: tokens of answers a second", ours.rate, "1/s", bare.rate),
        row("vLLM's queue at its longest, to requests at once", longest, "", float(number)),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", default="http://127.0.0.1:8105")
    parser.add_argument("--name", default="medical-ie")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--notes", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    measured = asyncio.run(main(parser.parse_args()))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text("".join(json.dumps(r) + "\n" for r in measured), encoding="utf-8")
    for r in measured:
        print(f"{r['name']:<56} {r['value']:>8} {r['unit']:<4} baseline {r['baseline']}, ratio {r['ratio']}")

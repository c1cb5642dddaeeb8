"""Writing: our writer, and all of publishing, against a bare httpx loop on the same real server.

Writes build/bench-write.json: {"name", "value", "unit", "baseline", "ratio"} a row. The baseline is a bare httpx loop,
which has ready-made Bundles as bytes and looks at no more than the status. ``write`` is our writer (pace, guard,
retries, the answer read and judged) with the same Bundles. ``publish`` is all of publishing, from extraction records:
what stands on the server is looked up, facts are coded, rendered and validated, and then written. Each round all write
documents that no one wrote before, so that each really creates; they take turns, and the fastest of each counts, for
other work on the machine only ever slows. The CPU is that of this process.

    python benchmarks/write.py [--documents 120] [--rounds 5] [--at-once 8] [--fhir URL] [--profile]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import os
import pstats
import statistics
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx

REPO = Path(__file__).resolve().parents[1]
sys.path += [str(REPO / "tests" / "proof"), str(REPO / "tests" / "faults")]

from documents import amended  # noqa: E402 - found by the line above
from oracle import Known  # noqa: E402
from server import JvmError, lacking, real_fhir  # noqa: E402
from stand import MODEL, each_of, put  # noqa: E402

from medie_fhir.adapters.fhir_http import FhirHttp  # noqa: E402
from medie_fhir.adapters.fhir_twin import FhirTwin  # noqa: E402
from medie_fhir.adapters.fhir_wire import Patience  # noqa: E402
from medie_fhir.configuration import Configuration  # noqa: E402
from medie_fhir.model import ExtractionRecord, Json, NoteEvent  # noqa: E402
from medie_fhir.pipeline import Pipeline  # noqa: E402
from medie_fhir.settings import Settings  # noqa: E402
from medie_fhir.transaction import Standing, guarded  # noqa: E402
from medie_fhir.wiring import assemble_pipeline  # noqa: E402

__all__ = ["Race", "Round"]

OUT = Path("build/bench-write.json")
_PATIENTS = tuple({"resourceType": "Patient", "id": f"bench-p{number}"} for number in range(40))  # as many as on a ward


@dataclass(frozen=True, slots=True)
class Round:
    """One run of one writer."""

    seconds: float
    cpu: float
    documents: int

    @property
    def per_second(self) -> float:
        """Documents a second."""
        return self.documents / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a document."""
        return 1000 * self.cpu / self.documents


class Race:
    """All three on one server; ``rounds`` are theirs, by name."""

    def __init__(self, base_url: str, documents: int, at_once: int) -> None:
        self.base_url, self.documents, self.at_once = base_url, documents, at_once
        self.configuration = Configuration(Settings())
        self.rounds: dict[str, list[Round]] = {"bare": [], "write": [], "publish": []}
        self._records: list[ExtractionRecord] = []

    async def prepare(self) -> None:
        """The records, read once; patients and the Device, there already for both."""
        pipeline = self._pipeline(FhirTwin())
        for (value,) in amended(self.documents, 1, seed=5):
            for event in await pipeline.events(value):
                if isinstance(event, NoteEvent):
                    self._records.append(await pipeline.extract(event))
        device = next(r for r in _resources(pipeline.bundle(self._records[0])) if r["resourceType"] == "Device")
        async with self._client() as http:
            (await http.post(self.base_url, json=put([*_PATIENTS, device]))).raise_for_status()

    async def run(self, rounds: int, *, warm_up: int = 1) -> None:
        """Take turns, so many rounds; those to warm up don't count."""
        runs = {"bare": self.run_bare, "write": self.run_write, "publish": self.run_publish}
        for number in range(-warm_up, rounds):
            for name in sorted(runs, reverse=bool(number % 2)):
                done = await runs[name]()
                if number >= 0:
                    self.rounds[name].append(done)
                said = f"{done.per_second:.1f} documents/s, {done.cpu_ms:.1f} ms CPU each"
                sys.stderr.write(f"  {name} {said}{'' if number >= 0 else ' (to warm up)'}\n")

    async def run_bare(self) -> Round:
        """The baseline."""
        bundles = [json.dumps(bundle, separators=(",", ":")).encode() for bundle in self._bundles()]
        headers = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}
        async with self._client() as http:

            async def post(bundle: bytes) -> None:
                (await http.post(self.base_url, content=bundle, headers=headers)).raise_for_status()

            return await self._timed(bundles, post)

    async def run_write(self) -> Round:
        """The writer, with ready-made Bundles."""
        bundles = self._bundles()
        async with FhirHttp(self.base_url, patience=Patience(timeout=120.0)) as server:
            target = self._pipeline(server).target

            async def write(bundle: Json) -> None:
                await target.transact(bundle)

            return await self._timed(bundles, write)

    async def run_publish(self) -> Round:
        """All of publishing, as the consumers run it."""
        records = self._fresh()
        async with FhirHttp(self.base_url, patience=Patience(timeout=120.0)) as server:
            pipeline = self._pipeline(server)

            async def publish(record: ExtractionRecord) -> None:
                published = await pipeline.publish(record)
                if published.outcome != "written":
                    raise RuntimeError(f"not written, but {published.outcome}")

            return await self._timed(records, publish)

    def rows(self) -> list[Json]:
        """The figures of the writer, and of publishing, by the baseline."""
        return [row for name in ("write", "publish") for row in self._rows(name)]

    def _rows(self, name: str) -> list[Json]:
        both = (self.rounds[name], self.rounds["bare"])
        fastest = [max(r.per_second for r in rounds) for rounds in both]
        median = [statistics.median(r.per_second for r in rounds) for rounds in both]
        cpu = [min(r.cpu_ms for r in rounds) for rounds in both]
        return [
            _row(f"{name}: documents a second, fastest round", fastest, "1/s"),
            _row(f"{name}: documents a second, median round", median, "1/s"),
            _row(f"{name}: CPU a document", cpu, "ms"),
        ]

    def _bundles(self) -> list[Json]:
        """Ready-made: what a first publishing posts, under the guard that no copy of the document is there yet."""
        pipeline = self._pipeline(FhirTwin())
        made = (put(_without_device(pipeline.bundle(record))) for record in self._fresh())
        return [guarded(bundle, Standing()) for bundle in made]

    def _fresh(self) -> list[ExtractionRecord]:
        """The same records of documents that no one has written: of another source, so all ids are other ones."""
        source = f"bench-{uuid.uuid4().hex[:12]}"
        return [_of(record, source, patient) for record, patient in zip(self._records, cycle(_PATIENTS), strict=False)]

    async def _timed(self, items: Sequence[Any], work: Callable[[Any], Awaitable[None]]) -> Round:
        gc.collect()
        gc.freeze()  # as `medie-fhir run` does
        began, cpu = time.perf_counter(), time.process_time()
        await each_of(items, work, self.at_once)
        return Round(time.perf_counter() - began, time.process_time() - cpu, len(items))

    def _pipeline(self, server: FhirTwin | FhirHttp) -> Pipeline:
        return assemble_pipeline(Settings(), self.configuration, model=Known(MODEL), source=server, target=server)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=120, trust_env=False)


def _of(record: ExtractionRecord, source: str, patient: Json) -> ExtractionRecord:
    told = {"source": source, "subject": {"reference": f"Patient/{patient['id']}"}}
    return record.model_copy(update={"document": record.document.model_copy(update=told)})


def _resources(bundle: Json | None) -> list[Json]:
    return [entry["resource"] for entry in bundle["entry"]] if bundle else []


def _without_device(bundle: Json | None) -> list[Json]:
    return [r for r in _resources(bundle) if r["resourceType"] != "Device"]


def _row(name: str, values: Sequence[float], unit: str) -> Json:
    ours, baseline = values
    return {"name": name, "value": round(ours, 3), "unit": unit, "baseline": round(baseline, 3),
            "ratio": round(ours / baseline, 4)}  # fmt: skip


async def measured(base_url: str, asked: argparse.Namespace) -> list[Json]:
    """Run, and give the rows."""
    race = Race(base_url, asked.documents, asked.at_once)
    await race.prepare()
    if asked.profile:
        await race.run_publish()
        with cProfile.Profile() as profile:
            await race.run_publish()
        pstats.Stats(profile, stream=sys.stderr).sort_stats("cumulative").print_stats(60)
        return []
    await race.run(asked.rounds)
    return race.rows()


def main() -> int:
    """Measure, and write the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--fhir", help="base URL of a server for tests; none: one is started here")
    parser.add_argument("--profile", action="store_true", help="no figures, but where our writer's time goes")
    asked = parser.parse_args()
    if asked.fhir:
        os.environ["MEDIE_TEST_FHIR_URL"] = asked.fhir
    if not os.environ.get("MEDIE_TEST_FHIR_URL") and not os.environ.get("CI") and (missing := lacking()):
        print(f"not measured: a real FHIR server needs {', '.join(missing)}, or --fhir URL", file=sys.stderr)
        return 0
    try:
        with real_fhir() as base_url:
            rows = asyncio.run(measured(base_url, asked))
    except JvmError as error:
        print(f"fhir: {error}", file=sys.stderr)
        return 1
    OUT.parent.mkdir(exist_ok=True)
    for row in rows:
        print(json.dumps(row))
    OUT.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

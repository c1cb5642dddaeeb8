"""Re-mapping: extraction records → coding → rendering → Bundle, on one core and without a FHIR server.

Writes build/bench-remap.json: {"name", "value", "unit", "baseline", "ratio"} a row. The baseline, in the same rounds,
parses the same records' JSON and serialises Bundles that are ready-made: what any program between a topic and a server
must do. Both are taken by their fastest round. The records are the sample notes' as the real extraction gives them,
each for other documents, dates, patients and spellings, so that nothing is known from the record before.

    python benchmarks/remap.py [--records 2000] [--rounds 5] [--mapping default] [--profile]
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
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path += [str(REPO / "tests" / "proof"), str(REPO / "tests" / "faults")]

from documents import amended  # noqa: E402 - found by the line above
from oracle import Known  # noqa: E402
from stand import MODEL  # noqa: E402

from medie_fhir.adapters.fhir_twin import FhirTwin  # noqa: E402
from medie_fhir.configuration import Configuration  # noqa: E402
from medie_fhir.model import ExtractionRecord, Fact, Json, NoteEvent  # noqa: E402
from medie_fhir.pipeline import Pipeline  # noqa: E402
from medie_fhir.settings import Settings  # noqa: E402
from medie_fhir.wiring import assemble_pipeline  # noqa: E402

__all__ = ["Race"]

OUT = Path("build/bench-remap.json")
_SAMPLES = 60


class Race:
    """Remapping and its baseline, over the same records; seconds of CPU by name."""

    def __init__(self, records: int, mapping: str) -> None:
        settings = Settings(mapping=mapping)
        twin = FhirTwin()
        self._pipeline: Pipeline = assemble_pipeline(
            settings, Configuration(settings), model=Known(MODEL), source=twin, target=twin
        )
        self.values: list[bytes] = asyncio.run(self._read(records))
        self.facts = self.resources = 0
        self._bundles = [self._mapped(value) for value in self.values]
        self.seconds: dict[str, list[float]] = {"remap": [], "baseline": []}

    async def _read(self, count: int) -> list[bytes]:
        read: list[ExtractionRecord] = []
        for (value,) in amended(_SAMPLES, 1, seed=5):
            for event in await self._pipeline.events(value):
                if isinstance(event, NoteEvent):
                    record = await self._pipeline.extract(event)
                    read += [record] if record.facts else []
        return [_another(read[n % len(read)], n).to_json().encode() for n in range(count)]

    def run(self, rounds: int, *, warm_up: int = 1) -> None:
        """Take turns, so many rounds; those to warm up don't count."""
        for number in range(-warm_up, rounds):
            for name, work in (("remap", self.remap), ("baseline", self.baseline)):
                seconds = _timed(work)
                if number >= 0:
                    self.seconds[name].append(seconds)
                sys.stderr.write(f"  {name} {len(self.values) / seconds:.0f} notes/s\n")

    def remap(self) -> None:
        """From the record's bytes to the Bundle's."""
        for value in self.values:
            _dumped(self._mapped(value))

    def baseline(self) -> None:
        """The same bytes parsed, and ready-made Bundles serialised."""
        for value, bundle in zip(self.values, self._bundles, strict=True):
            json.loads(value)
            _dumped(bundle)

    def _mapped(self, value: bytes) -> Json | None:
        return self._pipeline.bundle(self._pipeline.record(value))

    def rows(self) -> list[Json]:
        """The figures."""
        both = self.seconds["remap"], self.seconds["baseline"]
        fastest, median = [min(s) for s in both], [statistics.median(s) for s in both]
        notes, resources = len(self.values), sum(len(b["entry"]) if b else 0 for b in self._bundles)
        return [
            _row("remap: notes a second, fastest round", [notes / s for s in fastest], "1/s"),
            _row("remap: notes a second, median round", [notes / s for s in median], "1/s"),
            _row("remap: CPU a note", [1000 * s / notes for s in fastest], "ms"),
            _row("remap: CPU a resource", [1000 * s / resources for s in fastest], "ms"),
        ]


def _another(record: ExtractionRecord, number: int) -> ExtractionRecord:
    """The record as another document's, of another day and patient, its values in another spelling."""
    day = (date(2020, 1, 1) + timedelta(days=number)).isoformat()
    document = record.document.model_copy(
        update={
            "reference": f"DocumentReference/n{number}",
            "subject": {"reference": f"Patient/p{number // 3}"},
            "date": f"{day}T09:00:00Z",
        }
    )
    facts = tuple(_spelt(fact, number) for fact in record.facts)
    return record.model_copy(update={"document": document, "facts": facts})


def _spelt(fact: Fact, number: int) -> Fact:
    ways: tuple[Callable[[str], str], ...] = (str, str.upper, str.title, lambda v: v.replace(" ", "  "))
    evidence = tuple(e.model_copy(update={"start": e.start + number, "end": e.end + number}) for e in fact.evidence)
    return fact.model_copy(update={"value": ways[number % len(ways)](fact.value), "evidence": evidence})


def _dumped(bundle: Any) -> bytes:
    return json.dumps(bundle, separators=(",", ":"), ensure_ascii=False).encode()


def _timed(work: Callable[[], None]) -> float:
    gc.collect()
    gc.freeze()  # as `medie-fhir run` does
    began = time.process_time()
    work()
    return time.process_time() - began


def _row(name: str, values: Sequence[float], unit: str) -> Json:
    ours, baseline = values
    return {"name": name, "value": round(ours, 3), "unit": unit, "baseline": round(baseline, 3),
            "ratio": round(ours / baseline, 4)}  # fmt: skip


def main() -> int:
    """Measure, and write the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mapping", default="default")
    parser.add_argument("--profile", action="store_true", help="no figures, but where the time goes")
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, as the figure says
    race = Race(asked.records, asked.mapping)
    if asked.profile:
        with cProfile.Profile() as profile:
            race.remap()
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(45)
        return 0
    race.run(asked.rounds)
    OUT.parent.mkdir(exist_ok=True)
    for row in race.rows():
        print(json.dumps(row))
    OUT.write_text("".join(json.dumps(row) + "\n" for row in race.rows()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

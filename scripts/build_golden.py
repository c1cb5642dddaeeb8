"""Build tests/golden/ from its cases and the sample notes; ``--check`` exits 1 where a file is out of date.

``extractions/`` holds an extraction record a case, ``bundles/`` what a first publishing of it would post by each of our
mappings; by mcode.yaml only where that is something else than by default.yaml, and by cardiology.yaml of its own notes,
whose reader is examples/cardiology/answers.yaml. The same sources give the same bytes: no clock, no random, no model.
The sample notes' records are their gold values, grounded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from medie_fhir.configuration import Configuration
from medie_fhir.document import note_text
from medie_fhir.grounding import ground
from medie_fhir.model import (
    Alignment,
    Assertion,
    DocumentInfo,
    Evidence,
    Experiencer,
    ExtractionRecord,
    Fact,
    Json,
    Outcome,
    Produced,
    RawValue,
    Span,
    TextInfo,
)
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings
from medie_fhir.wiring import SystemClock

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden"
SAMPLES = ROOT / "examples" / "notes" / "gold.jsonl"
CARDIOLOGY = ROOT / "examples" / "cardiology"
MARK = re.compile(r"\[\[(?P<field>\w+)(?P<said>(:\w+)*)\|(?P<text>.+?)(=>(?P<value>.+?))?\]\]", re.DOTALL)
PRODUCED = Produced(
    at="2025-03-02T10:00:00.000Z",
    software="medie-fhir golden",
    task="oncology@1.0.0",
    task_digest="0" * 64,
    model="golden",
)
MAPPINGS = ("default", "mcode")


def records(pipeline: Pipeline) -> Iterator[tuple[str, ExtractionRecord]]:
    """Every golden record, by its name: the cases first, then the sample notes."""
    cases: dict[str, Json] = yaml.safe_load((GOLDEN / "cases.yaml").read_text(encoding="utf-8"))
    for name, case in cases.items():
        yield name, _record(name, *_read(case, pipeline), case.get("document", {}))
    for line in SAMPLES.read_text(encoding="utf-8").splitlines():
        sample = json.loads(line)
        name = f"sample-{sample['id']}"
        yield name, _record(name, sample["text"], _grounded(sample, pipeline), {})


def build() -> dict[Path, str]:
    """Every file of extractions/ and bundles/, and what should stand in it."""
    pipelines = {name: _publisher(Configuration(Settings(mapping=name))) for name in MAPPINGS}
    files: dict[Path, str] = {}
    for name, record in records(pipelines["default"]):
        files[GOLDEN / "extractions" / f"{name}.json"] = _json(json.loads(record.to_json()))
        bundles = {mapping: pipeline.bundle(record) for mapping, pipeline in pipelines.items()}
        plain = bundles["default"]
        for mapping, bundle in bundles.items():
            if bundle is not None and (bundle is plain or _facts(bundle) != _facts(plain)):
                files[GOLDEN / "bundles" / mapping / f"{name}.json"] = _json(bundle)
    return files | cardiology()


def cardiology() -> dict[Path, str]:
    """The Bundles of the second speciality's notes: what their reader says, grounded."""
    pipeline = _publisher(Configuration(Settings(task="cardiology", mapping="cardiology")))
    answers: dict[str, Json] = yaml.safe_load((CARDIOLOGY / "answers.yaml").read_text(encoding="utf-8"))
    produced = PRODUCED.model_copy(update={"task": "cardiology@1"})
    files: dict[Path, str] = {}
    for name, said in answers.items():
        text = (CARDIOLOGY / f"{name}.txt").read_text(encoding="utf-8")
        gold = {field: value.split("; ") for field, value in said.items()}
        record = _record(name, text, _grounded({"text": text, "gold": gold}, pipeline), {})
        bundle = pipeline.bundle(record.model_copy(update={"produced": produced}))
        files[GOLDEN / "bundles" / "cardiology" / f"{name}.json"] = _json(bundle or {})
    return files


def _facts(bundle: Json | None) -> list[Json]:
    """What a Bundle says, without who said it by which mapping."""
    resources = [entry["resource"] for entry in (bundle or {"entry": []})["entry"]]
    return [resource for resource in resources if resource["resourceType"] != "Provenance"]


def _read(case: Json, pipeline: Pipeline) -> tuple[str, tuple[Fact, ...]]:
    """A case's note without its marks, and the facts that they mark."""
    marked: str = case["note"]
    text, facts, end = "", [], 0
    for mark in MARK.finditer(marked):
        text += marked[end : mark.start()]
        facts.append(_fact(mark, len(text), case.get("confidence")))
        text, end = text + mark["text"], mark.end()
    text += marked[end:]
    return text, pipeline.grouped(tuple(facts), note_text(text))


def _fact(mark: re.Match[str], start: int, confidence: float | None) -> Fact:
    text = mark["text"]
    value = mark["value"] or text
    said = set(mark["said"].split(":")[1:])
    return Fact(
        field=mark["field"],
        value=value,
        evidence=(Evidence(start=start, end=start + len(text), text=text),),
        alignment=Alignment.EXACT if value == text else Alignment.FUZZY,
        assertion=next((a for a in Assertion if a in said), Assertion.PRESENT),
        experiencer=next((e for e in Experiencer if e in said), Experiencer.PATIENT),
        confidence=confidence,
        readers=("model",),
    )


def _grounded(sample: Json, pipeline: Pipeline) -> tuple[Fact, ...]:
    note = note_text(sample["text"])
    window = Span(0, len(note.text))
    values = [RawValue(f, v, window, "model") for f, found in sample["gold"].items() for v in found]
    return pipeline.grouped(ground(values, note, pipeline.rules, pipeline.cues), note)


def _record(name: str, text: str, facts: tuple[Fact, ...], known: Json) -> ExtractionRecord:
    document: Json = {
        "reference": f"DocumentReference/golden-{name}",
        "version": {"version_id": "1", "last_updated": "2025-03-01T12:00:00Z"},
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11506-3", "display": "Progress note"}]},
        "date": "2025-03-01T10:00:00Z",
        "subject": {"reference": "Patient/golden"},
        "identifier": [{"system": "https://ehr.example.org/documents", "value": f"golden-{name}"}],
    }
    return ExtractionRecord(
        document=DocumentInfo.model_validate({k: v for k, v in (document | known).items() if v is not None}),
        text=TextInfo(
            sha256=hashlib.sha256(text.encode()).hexdigest(), characters=len(text), content_type="text/plain"
        ),
        produced=PRODUCED,
        outcome=Outcome.EXTRACTED,
        facts=facts,
    )


def _publisher(configuration: Configuration) -> Pipeline:
    """A pipeline that only renders: it has no server to ask."""
    nobody: Any = None
    return Pipeline(
        task=configuration.task,
        rules=configuration.rules,
        cues=configuration.cues,
        tables=replace(configuration.tables, digest="0" * 64),  # else every edit of a table rewrites every Bundle
        mapping=configuration.mapping,
        model=nobody,
        source=nobody,
        target=nobody,
        clock=SystemClock(),
    )


def _json(what: Json) -> str:
    return json.dumps(what, ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    """Write what is out of date, or with ``--check`` only name it. The exit status: 1 for drift found by a check."""
    parser = argparse.ArgumentParser(description="Build tests/golden/ from its cases and the sample notes.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is out of date")
    check: bool = parser.parse_args().check
    files = build()
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    gone = [
        path for kind in ("extractions", "bundles") for path in (GOLDEN / kind).rglob("*.json") if path not in files
    ]
    for path in (*stale, *gone):
        print(f"{path.relative_to(ROOT)} {'is out of date: run scripts/build_golden.py' if check else 'written anew'}")
    if check:
        return 1 if stale or gone else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
    for path in gone:
        path.unlink()
    print(f"{len(files)} files, {len(stale)} written, {len(gone)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

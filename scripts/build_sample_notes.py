"""Build the sample stream in examples/notes/ from its index and texts; ``--check`` exits 1 where it is out of date.

Writes events.jsonl (one Kafka record a line), patients.json and binaries.json (transaction Bundles for the FHIR
server that stands in for the hospital's) and gold.jsonl (every fact of every accepted plain-text note). The same
sources give the same bytes: no clock, no random, no machine's paths.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml

__all__ = ["FIELDS", "build", "main"]

Json = dict[str, Any]

NOTES = Path(__file__).resolve().parent.parent / "examples" / "notes"
FIELDS = ("cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site")
CONTENT_TYPES = {".txt": "text/plain", ".html": "text/html", ".png": "image/png"}
TYPES = {  # LOINC codes of the index, with their display names
    "11488-4": "Consult note",
    "11504-8": "Surgical operation note",
    "11506-3": "Progress note",
    "11526-1": "Pathology study",
    "18748-4": "Diagnostic imaging study",
    "18842-5": "Discharge summary",
}
CATEGORY = {
    "coding": [
        {
            "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
            "code": "clinical-note",
            "display": "Clinical Note",
        }
    ]
}
# What an interface engine leaves of a field that was too long. It adds nine characters of the base64 alphabet to a
# multiple of four, so that even a decoder that passes over the strange ones is left with a broken last group.
CUT_SHORT = "...[truncated]"


def build(notes: Path) -> dict[str, str]:
    """The built files of a folder of sources, by name. Raises KeyError or OSError for a source that is incomplete."""
    index = yaml.safe_load((notes / "index.yaml").read_text(encoding="utf-8"))
    events = index["events"]
    return {
        "events.jsonl": _lines(_record(event, notes) for event in events),
        "patients.json": _bundle(_patient(patient) for patient in index["patients"]),
        "binaries.json": _bundle(_binary(event, notes) for event in events if "binary" in event),
        "gold.jsonl": _lines(_gold(event, notes) for event in events if "gold" in event),
    }


def _record(event: Json, notes: Path) -> Json:
    """One Kafka record. A null value is a tombstone."""
    return {
        "key": f"DocumentReference/{event['document']}",
        "value": None if event["event"] == "deletion" else _document(event, notes),
        "timestamp": _instant(event["timestamp"]),
    }


def _document(event: Json, notes: Path) -> Json:
    """The DocumentReference (R4), elements in the order of the specification."""
    authored: date = event["authored"] if "authored" in event else event["date"]
    document: Json = {
        "resourceType": "DocumentReference",
        "id": event["document"],
        "meta": {
            "versionId": str(event["version"]),
            "lastUpdated": _instant(event["timestamp"] - timedelta(seconds=2)),
        },
        "identifier": [{"system": "https://ehr.example.org/documents", "value": event["document"]}],
        "status": event.get("status", "current"),
        "docStatus": event.get("doc_status", "final"),
        "type": {"coding": [{"system": "http://loinc.org", "code": event["type"], "display": TYPES[event["type"]]}]},
        "category": [CATEGORY],
        "subject": {"reference": f"Patient/{event['patient']}"},
        "date": _instant(datetime.combine(authored, time(16), UTC)),
        "author": [{"reference": "Practitioner/demo-practitioner"}],
    }
    if event.get("status") == "entered-in-error":
        del document["docStatus"]
    if "replaces" in event:
        target = {"reference": f"DocumentReference/{event['replaces']}"}
        document["relatesTo"] = [{"code": "replaces", "target": target}]
    document["content"] = [{"attachment": _attachment(event, notes)}]
    document["context"] = {"period": {"start": event["date"].isoformat()}}
    return document


def _attachment(event: Json, notes: Path) -> Json:
    """The attachment: inline data, a relative URL, or neither. R4: ``hash`` is the base64 of the SHA-1's 20 bytes."""
    if "file" not in event:
        return {"contentType": "text/plain", "title": "Progress note"}
    content = _content(event, notes)
    attachment: Json = {"contentType": _content_type(event)}
    if "binary" in event:
        attachment["url"] = f"Binary/{event['binary']}"
    else:
        attachment["data"] = _base64(content)
    attachment["size"] = len(content)
    attachment["hash"] = _base64(hashlib.sha1(content, usedforsecurity=False).digest())
    if event.get("damage") == "base64":
        attachment["data"] = attachment["data"][: len(content) // 8 * 4] + CUT_SHORT
    return attachment


def _content(event: Json, notes: Path) -> bytes:
    """The bytes as sent: in the event's charset, with the newlines of the source."""
    source = notes.joinpath(event["file"]).read_bytes()
    charset: str | None = event.get("charset")
    return source.decode("utf-8").encode(charset) if charset else source


def _content_type(event: Json) -> str:
    content_type = CONTENT_TYPES[Path(event["file"]).suffix]
    return f"{content_type}; charset={event.get('charset', 'utf-8')}" if content_type != "image/png" else content_type


def _patient(patient: Json) -> Json:
    return {
        "resourceType": "Patient",
        "id": patient["id"],
        "name": [{"family": patient["family"], "given": [patient["given"]]}],
        "gender": patient["gender"],
        "birthDate": patient["birthDate"],
    }


def _binary(event: Json, notes: Path) -> Json:
    return {
        "resourceType": "Binary",
        "id": event["binary"],
        "contentType": _content_type(event),
        "data": _base64(_content(event, notes)),
    }


def _gold(event: Json, notes: Path) -> Json:
    """A note with its facts, and (``forbid``) what must not be read as one. ``id`` is the source's name."""
    forbid = [
        {"field": fact["field"], "value": fact["contains"], "trap": fact["why"]}
        for fact in event["expect"]
        if not fact["written"]
    ]
    return {
        "id": Path(event["file"]).stem,
        "document": event["document"],
        "version": str(event["version"]),
        "text": notes.joinpath(event["file"]).read_text(encoding="utf-8"),
        "gold": {field: event["gold"].get(field, []) for field in FIELDS},
        "forbid": forbid,
    }


def _bundle(resources: Iterable[Json]) -> str:
    """A transaction that puts every resource at its own id, so that posting it twice changes nothing."""
    entries = [
        {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}
        for resource in resources
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    return json.dumps(bundle, ensure_ascii=False, indent=1) + "\n"


def _lines(rows: Iterable[Json]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _instant(moment: datetime) -> str:
    """A FHIR instant in UTC, with ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    """Write what is out of date, or with ``--check`` only name it. The exit status: 1 for drift found by a check."""
    parser = argparse.ArgumentParser(description="Build the sample stream in examples/notes/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is out of date")
    parser.add_argument("--notes", type=Path, default=NOTES, help="the folder of the sources (default: %(default)s)")
    options = parser.parse_args(arguments)
    stale = {
        name: text
        for name, text in build(options.notes).items()
        if not (options.notes / name).exists() or (options.notes / name).read_bytes() != text.encode("utf-8")
    }
    for name, text in stale.items():
        if options.check:
            say(f"{name} is out of date: run python scripts/build_sample_notes.py")
        else:
            (options.notes / name).write_bytes(text.encode("utf-8"))
            say(f"{name} written")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

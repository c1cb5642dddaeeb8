"""The sample of every shape, and the hostile ones, give what is written beside them (examples/events/index.yaml)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from medie_fhir.errors import EventError
from medie_fhir.event import parse_events
from medie_fhir.model import NoteEvent

FOLDER = Path(__file__).parents[2] / "examples/events"
SAMPLES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "index.yaml").read_text(encoding="utf-8"))


def summary(event: NoteEvent | EventError) -> dict[str, str]:
    """An event, without what is not there."""
    if isinstance(event, EventError):
        return {"error": type(event).__name__, "says": str(event)}
    version = event.document.version
    told = {
        "kind": event.kind.value,
        "reference": event.document.reference,
        "version": version.version_id,
        "at": version.last_updated,
        "reason": event.reason.value if event.reason else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def outcome(sample: dict[str, Any]) -> dict[str, Any]:
    """What becomes of a sample, in the words of the index."""
    value = (FOLDER / sample["file"]).read_bytes() if "file" in sample else None
    headers = tuple((name, text.encode()) for name, text in sample.get("headers", []))
    key = sample["key"].encode("latin-1") if "key" in sample else None
    try:
        events = parse_events(value, key, headers=headers, timestamp_ms=sample.get("timestamp"))
    except EventError as error:
        return {"raises": summary(error)}
    return {"events": [summary(event) for event in events]}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_a_sample_gives_what_is_written_beside_it(sample: dict[str, Any]) -> None:
    assert outcome(sample) == {name: sample[name] for name in ("events", "raises") if name in sample}


def test_every_sample_file_is_listed() -> None:
    listed = {sample.get("file") for sample in SAMPLES} - {None}
    assert listed == {path.name for path in FOLDER.iterdir()} - {"index.yaml"}

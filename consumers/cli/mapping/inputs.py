"""What a mapping is tried on: a note that the model reads, or an extraction record that is there."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from consumers.cli.extract import read_note
from medie_fhir.errors import MedieError
from medie_fhir.model import ExtractionRecord, NoteEvent
from medie_fhir.pipeline import Pipeline

__all__ = ["ExtractionOption", "Input", "NoteOption", "input_of"]

NoteOption = Annotated[
    str | None,
    typer.Option("--note", metavar="FILE", help="A note: text, or a DocumentReference as JSON; - is standard input."),
]
ExtractionOption = Annotated[
    str | None,
    typer.Option(
        "--extraction",
        metavar="FILE[:LINE]",
        help="An extraction record as JSON, or a line of an NDJSON file; no model is asked. - is standard input.",
    ),
]

_LINE = re.compile(r"(.+):(\d+)")
_SUBJECT = "Patient/example"


@dataclass(frozen=True, slots=True)
class Input:
    """A note, or an extraction record (``asks_model`` false), as it was given."""

    name: str
    data: bytes
    asks_model: bool

    async def record(self, pipeline: Pipeline) -> ExtractionRecord:
        """Its extraction record. Raises RecordError; for a note NoteSkipped, EventError, DocumentError, ModelError."""
        if not self.asks_model:
            return pipeline.record(self.data)
        if not _is_json(self.data):
            try:
                text = self.data.decode("utf-8-sig")
            except UnicodeDecodeError:
                raise typer.BadParameter(f"{self.name}: is not UTF-8 text", param_hint="--note") from None
            return await read_note(pipeline, self.name, text, _SUBJECT)
        found = await pipeline.events(self.data)
        if len(found) != 1:
            raise typer.BadParameter(f"{self.name}: holds {len(found)} documents; give one", param_hint="--note")
        (event,) = found
        if isinstance(event, MedieError):
            raise event
        if not isinstance(event, NoteEvent):
            raise TypeError(type(event).__name__)
        return await pipeline.extract(event)


def input_of(note: str | None, extraction: str | None) -> Input:
    """What was given to try a mapping on; exactly one of the two."""
    if note is not None and extraction is None:
        return Input("-" if note == "-" else Path(note).name, _read(note, "--note"), asks_model=True)
    if extraction is not None and note is None:
        return Input(extraction, _one_record(extraction), asks_model=False)
    raise typer.BadParameter("give either --note or --extraction")


def _is_json(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False


def _one_record(given: str) -> bytes:
    """The one record of a file, or that of a line of it."""
    lined = _LINE.fullmatch(given)
    if lined is None or Path(given).exists():
        data = _read(given, "--extraction")
        lines = [line for line in data.splitlines() if line.strip()]
        if len(lines) > 1 and _is_json(lines[0]):
            raise typer.BadParameter(f"{given}: holds {len(lines)} records; name one: {given}:LINE")
        return data
    number = int(lined[2])
    lines = _read(lined[1], "--extraction").split(b"\n")
    if not 1 <= number <= len(lines) or not lines[number - 1].strip():
        raise typer.BadParameter(f"{given}: has no such line", param_hint="--extraction")
    return lines[number - 1]


def _read(name: str, hint: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{name}: {error.strerror}", param_hint=hint) from None

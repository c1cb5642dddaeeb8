"""A run, kept: NDJSON of a header and a line a note, so that it can be scored again, compared, and gone on with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeVar

import typer
from pydantic import ConfigDict, Field, ValidationError

from medie_fhir.model import ExtractionRecord, Frozen

__all__ = ["Run", "RunHeader", "RunLine", "RunWriter", "read_run"]

T = TypeVar("T", bound=Frozen)

_SCHEMA: Literal["medie.evaluation/1"] = "medie.evaluation/1"


class RunHeader(Frozen):
    """By what a run was made, and of which gold file.

    ``gold``, ``lexicon``, ``calibration``, ``cues`` and ``tables`` are digests (SHA-256) of what they name.
    """

    schema_: Literal["medie.evaluation/1"] = Field(default=_SCHEMA, alias="schema")
    software: str
    task: str
    task_digest: str
    fields: tuple[str, ...]
    model: str
    adapter: str | None = None
    adapter_digest: str | None = None
    server: str | None = None
    readers: tuple[str, ...]
    lexicon: str | None = None
    calibration: str | None = None
    cues: str
    tables: str
    mapping: str
    gold: str

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def differs_in(self, other: RunHeader) -> list[str]:
        """The names of what is not the same."""
        return [name for name in type(self).model_fields if getattr(self, name) != getattr(other, name)]


class RunLine(Frozen):
    """One note of a run: its record, or the class of the error that it met. ``seconds`` of waiting for it."""

    id: str
    seconds: float
    record: ExtractionRecord | None = None
    error: str | None = None


class Run(Frozen):
    """A header and the notes by id."""

    header: RunHeader
    lines: Mapping[str, RunLine]


def read_run(file: Path, hint: str) -> Run:
    """The run in a file; a last line that was cut off in writing is no line yet."""
    try:
        content = file.read_text(encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint=hint) from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file}: is not UTF-8 text", param_hint=hint) from None
    lines = content.split("\n")[:-1]
    header = _parsed(RunHeader, lines[0] if lines else "", f"{file}:1", hint)
    notes = [_parsed(RunLine, line, f"{file}:{number}", hint) for number, line in enumerate(lines[1:], start=2)]
    return Run(header=header, lines={note.id: note for note in notes})


def _parsed(kind: type[T], line: str, place: str, hint: str) -> T:
    try:
        return kind.model_validate_json(line)
    except ValidationError:
        raise typer.BadParameter(f"{place}: is not a saved run's {kind.__name__}", param_hint=hint) from None


class RunWriter:
    """Writes a run note by note; one that is there already, of the same header, goes on. Its file is its owner's alone.

    ``done``: the lines that were there.
    """

    def __init__(self, file: Path, header: RunHeader) -> None:
        self.done: Mapping[str, RunLine] = {}
        new = not file.exists() or b"\n" not in file.read_bytes()
        if not new:
            before = read_run(file, "--save")
            if names := before.header.differs_in(header):
                raise typer.BadParameter(
                    f"{file}: holds a run of another {', '.join(names)}; give another file, or delete it",
                    param_hint="--save",
                )
            self.done = before.lines
        try:
            self._file = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        except OSError as error:
            raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="--save") from None
        if new:
            self._file.truncate(0)
            self._put(header.model_dump_json(by_alias=True, exclude_none=True))
        else:
            whole = self._file.read().rfind(b"\n") + 1
            self._file.truncate(whole)
            self._file.seek(whole)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, line: RunLine) -> None:
        """One note, on the disk on return."""
        self._put(line.model_dump_json(by_alias=True, exclude_none=True))

    def _put(self, line: str) -> None:
        self._file.write(line.encode() + b"\n")
        self._file.flush()

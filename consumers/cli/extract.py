"""``medie-fhir extract``: what is read in notes, without Kafka and without a FHIR server."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from consumers.cli.options import Config, err, out, progress, run_async, settings_of
from consumers.cli.views import fields_view, note_table
from consumers.kept_records import append
from medie_fhir.blame import task_of
from medie_fhir.document import note_text
from medie_fhir.errors import MedieError, NoteSkipped, Policy
from medie_fhir.model import DocumentInfo, ExtractionRecord, Json, NoteText
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings
from medie_fhir.watched_pipeline import WatchedPipeline
from medie_fhir.wiring import open_pipeline

__all__ = ["extract", "read_note"]

Show = Callable[[WatchedPipeline, str, ExtractionRecord], None]

_FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")  # FHIR R4 §2.24.0.1
_NEXT = {
    "empty": ": there is no text in it; nothing is to be read, and nothing to be done unless there should be",
    "image": ": images are not read; give the text",
    "masked": ": the sender holds the text back; ask there, if it should come",
    "no-content": ": neither data nor url; ask the sender, if there should be",
    "unsupported-content-type": ": this kind of file is not read; convert it to text, HTML or CDA first",
    "OtherLanguage": ": its negations would not be understood; see notes.languages and notes.other_language",
}
"""What may be done about a note that was skipped, by its reason (docs/events.md)."""
_PATIENT = re.compile(rf"(https?://\S+/)?Patient/{_FHIR_ID.pattern}")


def extract(  # noqa: PLR0917 - one parameter an option
    notes: Annotated[
        list[str] | None,
        typer.Argument(
            help="Text files; - is standard input. With --fhir a file's name is the document's whole identity.",
            metavar="NOTE",
        ),
    ] = None,
    jsonl: Annotated[
        Path | None, typer.Option(help='A file of {"id", "text"} lines; the id is the document\'s identity.')
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a note.")] = False,
    fhir: Annotated[
        bool,
        typer.Option(
            help="Print the transaction Bundle of each note; two notes of one name are versions of one document."
        ),
    ] = False,
    subject: Annotated[
        str, typer.Option(help="The patient that --fhir writes for, and whom --records names.")
    ] = "Patient/example",
    records: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Append the extraction records to an NDJSON file, as `mapping diff --on` and `remap --on` take them.",
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Print the fields of notes with their evidence."""
    if bool(notes) == (jsonl is not None):
        raise typer.BadParameter("give either notes (text files, or -) or --jsonl FILE")
    if fhir and as_json:
        raise typer.BadParameter("--fhir and --json exclude each other")
    if not _PATIENT.fullmatch(subject):
        raise typer.BadParameter("--subject: must be Patient/{id}")
    texts = list(_lines(jsonl) if jsonl else _files(notes or []))
    shown = partial(_print, as_json=as_json, fhir=fhir)
    failed = run_async(_extract(settings_of(config), texts, subject, _shown(shown, records), as_json=as_json))
    if failed:
        err.print(f"medie-fhir: {failed} of {len(texts)} notes could not be read", highlight=False)
        raise typer.Exit(1)


def _files(names: list[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        except OSError as error:
            raise typer.BadParameter(f"{name}: {error.strerror}") from None
        try:
            yield ("-" if name == "-" else Path(name).name), data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise typer.BadParameter(f"{name}: is not UTF-8 text") from None


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    try:
        content = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file}: is not UTF-8 text") from None
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            match _json(line):
                case {"id": str() | int() as name, "text": str(text)} if not isinstance(name, bool):
                    yield str(name), text
                case _:
                    raise typer.BadParameter(f'{file}:{number}: is not a {{"id", "text"}} object of strings')


def _json(line: str) -> object:
    """The line's value, or None where it is no JSON, nested without end, or holds half a surrogate pair."""
    try:
        value: object = json.loads(line)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value


def _shown(show: Show, records: Path | None) -> Show:
    """The same, and each record is kept before it is shown, where a file is named for them."""
    if records is None:
        return show
    append(records, ())  # that it can't be written is known before a model is started

    def kept(pipeline: WatchedPipeline, name: str, record: ExtractionRecord) -> None:
        append(records, [record.to_json().encode()])
        show(pipeline, name, record)

    return kept


async def _extract(settings: Settings, texts: list[tuple[str, str]], subject: str, show: Show, *, as_json: bool) -> int:
    failed = 0
    async with open_pipeline(settings) as pipeline:
        fields = pipeline.fields_of_all
        with progress() as bar:
            task = bar.add_task("notes", total=len(texts))
            for name, text in texts:
                try:
                    record = await pipeline.extract_by_routes(_document(name, subject), _note(pipeline, text))
                except MedieError as error:
                    if error.policy not in (Policy.SKIP, Policy.DEAD_LETTER):
                        raise
                    failed += not isinstance(error, NoteSkipped)
                    _print_failure(name, error, fields, as_json=as_json)
                else:
                    show(pipeline, name, record)
                bar.advance(task)
    return failed


async def read_note(pipeline: Pipeline, name: str, text: str, subject: str) -> ExtractionRecord:
    """What the pipeline's own task reads in a text that no DocumentReference came with.

    Raises NoteSkipped, DocumentError, ModelError.
    """
    return await pipeline.extract_text(_document(name, subject), _note(pipeline, text))


def _document(name: str, subject: str) -> DocumentInfo:
    return DocumentInfo(reference=_reference(name), status="current", subject={"reference": subject})


def _note(pipeline: Pipeline, text: str) -> NoteText:
    return note_text(text, limits=pipeline.options.limits)


def _reference(name: str) -> str:
    """A note's reference: its name; where that is no FHIR id, what is left of it and a digest that tells it apart."""
    if _FHIR_ID.fullmatch(name):
        return f"DocumentReference/{name}"
    left = re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-")[:40] or "note"
    return f"DocumentReference/{left}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _print(pipeline: WatchedPipeline, name: str, record: ExtractionRecord, *, as_json: bool, fhir: bool) -> None:
    if fhir:
        bundle = pipeline.bundle(record) or {"resourceType": "Bundle", "type": "transaction"}
        typer.echo(json.dumps(bundle, ensure_ascii=False, indent=2))
        return
    facts = pipeline.coded(record)
    if as_json:
        line: Json = {"id": name, "fields": fields_view(facts, pipeline.fields_of_all)}
        typer.echo(json.dumps(line, ensure_ascii=False))
    elif facts:
        out.print(note_table(name, facts, pipeline.fields_of_all))
    else:
        out.print(f"{name}: nothing found ({record.outcome})", highlight=False)


def _print_failure(name: str, error: MedieError, fields: tuple[str, ...], *, as_json: bool) -> None:
    kind = error.reason if isinstance(error, NoteSkipped) else type(error).__name__
    if as_json:
        typer.echo(json.dumps({"id": name, "fields": {f: [] for f in fields}, "error": kind}))
    else:
        told = f"{error}{_NEXT.get(error.reason, '')}" if isinstance(error, NoteSkipped) else str(error)
        by = f" in the task {task}" if (task := task_of(error)) else ""
        err.print(f"{name}: {type(error).__name__}{by}: {told}", highlight=False, soft_wrap=True)

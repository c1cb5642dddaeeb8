"""``medie-fhir inspect``: what the pipeline would make of events, without running the model."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from consumers.cli.options import Config, out, run_async, settings_of
from medie_fhir.document import check_url, choose, inline
from medie_fhir.errors import MedieError, NoteSkipped, Policy
from medie_fhir.event import Headers
from medie_fhir.fhir_servers import allowed_hosts
from medie_fhir.model import EventKind, Json, NoteEvent, RetractionReason
from medie_fhir.pipeline import Pipeline
from medie_fhir.settings import Settings
from medie_fhir.wiring import open_pipeline

__all__ = ["inspect"]

_COLUMNS = ("file", "outcome", "class", "document", "content_type", "characters", "sha256")
_SHOWN = ("file", "outcome", "document", "what")  # the table's; the others are in --json


def inspect(
    events: Annotated[list[Path], typer.Argument(help="Files that each hold one event, as a Kafka record's value.")],
    header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="A header of their records, such as content-type or ce_type; repeatable."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    fetch: Annotated[bool, typer.Option(help="Get content that lies behind an allowed URL.")] = False,
    config: Config = None,
) -> None:
    """Print what each event is: a note, one to fetch, skipped, a retraction, or refused, and why."""
    headers = tuple(map(_header, header or ()))
    run_async(_inspect(settings_of(config), events, headers, as_json=as_json, fetch=fetch))


def _header(written: str) -> tuple[str, bytes]:
    name, equals, value = written.partition("=")
    if not (name and equals):
        raise typer.BadParameter("a header is written NAME=VALUE", param_hint="--header")
    return name, os.fsencode(value)


async def _inspect(settings: Settings, files: list[Path], headers: Headers, *, as_json: bool, fetch: bool) -> None:
    table = Table(*(Column(name, overflow="fold") for name in _SHOWN))
    async with AsyncExitStack() as stack:
        pipeline = await stack.enter_async_context(open_pipeline(settings, with_model=False))
        hosts = allowed_hosts(settings)
        for file in files:
            async for line in _lines(pipeline, file, headers, hosts, fetch=fetch):
                if as_json:
                    typer.echo(json.dumps(line, ensure_ascii=False))
                else:
                    table.add_row(*(str(line.get(c) or "") for c in _SHOWN[:-1]), _what(line))
    if not as_json:
        out.print(table)


async def _lines(
    pipeline: Pipeline, file: Path, headers: Headers, hosts: frozenset[str], *, fetch: bool
) -> AsyncIterator[Json]:
    blank: Json = dict.fromkeys(_COLUMNS) | {"file": str(file)}
    value = await asyncio.to_thread(_read, file)
    try:
        events = await pipeline.events(value, headers=headers) if fetch else pipeline.parse(value, headers=headers)
    except MedieError as error:
        yield blank | _failure(error)
        return
    for event in events:
        if not _is_replaced(event):
            yield blank | await _outcome(pipeline, event, hosts, fetch=fetch) | _replaces(events, event)


def _what(line: Json) -> str:
    """A line in words: why it is no note, or what was read, and what it takes the place of."""
    read = f"{line['characters']} characters of {line['content_type']}" if line["outcome"] == "note" else ""
    why = ": ".join(str(line[key]) for key in ("class", "reason") if line.get(key))
    replaced = f"replaces {', '.join(line['replaces'])}" if line.get("replaces") else ""
    return "; ".join(filter(None, (read, why, replaced)))


def _is_replaced(event: NoteEvent | MedieError) -> bool:
    return isinstance(event, NoteEvent) and event.reason is RetractionReason.REPLACED


def _replaces(events: Sequence[NoteEvent | MedieError], event: NoteEvent | MedieError) -> Json:
    """The documents that an event's own document takes the place of: they come right behind it."""
    behind = itertools.takewhile(_is_replaced, events[events.index(event) + 1 :])
    replaced = [e.document.reference for e in behind if isinstance(e, NoteEvent)]
    return {"replaces": replaced} if replaced else {}


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None


async def _outcome(pipeline: Pipeline, event: NoteEvent | MedieError, hosts: frozenset[str], *, fetch: bool) -> Json:
    if not isinstance(event, NoteEvent):
        return _failure(event)
    document = {"document": event.document.reference}
    if event.kind is EventKind.RETRACTION:
        return document | {"outcome": "retraction", "reason": event.reason}
    try:
        if event.kind is EventKind.REFERENCE:
            if not event.document.reference.startswith("DocumentReference/"):
                check_url(event.document.reference, hosts)
            return document | {"outcome": "fetch"}
        attachment = choose(event)
        document["content_type"] = attachment.content_type or ""
        if inline(attachment) is None and not fetch:
            check_url(attachment.url or "", hosts)
            return document | {"outcome": "fetch"}
        note = await pipeline.note(event)
    except MedieError as error:
        return document | _failure(error)
    read = {"outcome": "note", "content_type": note.content_type, "characters": len(note.text), "sha256": note.sha256}
    return document | read


def _failure(error: MedieError) -> Json:
    if isinstance(error, NoteSkipped):
        return {"outcome": "skipped", "class": type(error).__name__, "reason": error.reason}
    if error.policy is not Policy.DEAD_LETTER:
        raise error
    return {"outcome": "refused", "class": type(error).__name__, "reason": str(error)}

"""How dead letters are shown: facts for everyone, a patient's data only where it is asked for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import typer
from rich.table import Column, Table

from consumers.broker import Message
from consumers.cli.options import err, out
from consumers.dead_letters import NAMES, Letter, LetterId, Settled
from medie_fhir.model import Json

__all__ = ["as_json", "counts", "legible", "show_facts", "show_payload", "show_table"]

_ROWS: Final = 200  # of a table that a person reads
_NOT_OURS: Final = "not ours"
_OURS: Final = re.compile(rb"[A-Za-z0-9._:-]{1,300}")
_TRACE: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def when(ms: int) -> str:
    """An instant in UTC, to the second."""
    try:
        return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return "?"


def show_table(letters: Sequence[Letter], settled: Mapping[LetterId, Settled], *, with_state: bool) -> None:
    """One line a letter; of very many the latest."""
    if not letters:
        return
    table = Table(
        *(Column(name, no_wrap=True) for name in ("id", "written", "stage")),
        *(Column(name, overflow="fold") for name in ("class", "came from")),
        *(Column(name, justify="right", no_wrap=True) for name in ("tries", "sent")),
        Column("document", no_wrap=True),
        Column("bytes", justify="right", no_wrap=True),
        *(("settled",) if with_state else ()),
        box=None,
        pad_edge=False,
    )
    for letter in letters[-_ROWS:]:
        state = (settled.get(letter.id, ""),) if with_state else ()
        table.add_row(str(letter.id), when(letter.written_ms), *_cells(letter), *state)
    out.print(table)
    if len(letters) > _ROWS:
        out.print(f"the latest {_ROWS} of {len(letters)}; `list --json` shows all", highlight=False)


def _cells(letter: Letter) -> tuple[str, ...]:
    facts = letter.facts
    if facts is None:
        return ("", _NOT_OURS, "", "", "", "", str(letter.size))
    place = f"{facts.topic}[{facts.partition}]@{facts.offset}"
    size = "omitted" if facts.omitted else str(letter.size)
    return facts.stage, facts.error, place, str(facts.attempts), str(facts.redrives), facts.document or "", size


def as_json(letter: Letter, settled: Settled | None) -> Json:
    """A letter for programs; its facts are null where it is not ours."""
    names = ("stage", "error", "topic", "partition", "offset", "attempts", "redrives", "document", "omitted")
    facts = {name: getattr(letter.facts, name, None) for name in names}
    facts["class"] = facts.pop("error")
    line = {"id": str(letter.id), "written": when(letter.written_ms), **facts, "bytes": letter.size}
    return {**line, "settled": settled.value if settled else None, "ours": letter.facts is not None}


def counts(letters: Iterable[Letter], settled: Mapping[LetterId, Settled]) -> str:
    """How many of which class are open, and how many are settled."""
    found = list(letters)
    of = Counter(x.facts.error if x.facts else _NOT_OURS for x in found if x.id not in settled)
    classes = ", ".join(f"{name} {count}" for name, count in of.most_common())
    done = sum(x.id in settled for x in found)
    return f"open: {of.total()}{f' ({classes})' if classes else ''}; settled: {done}"


def show_facts(letter: Letter, message: Message, settled: Settled | None, *, revealed: bool) -> None:
    """All that a letter says; of its key and the sender's headers only the sizes, unless ``revealed``."""
    facts = as_json(letter, settled)
    console = err if revealed else out
    lines: dict[str, Any] = {**facts, "came at": _came_at(letter), "key": _content(message.key, revealed=revealed)}
    width = max(map(len, lines))
    for name, value in lines.items():
        console.print(f"{name:{width}}  {'' if value is None else value}", highlight=False, soft_wrap=True)
    console.print(f"headers:{'' if message.headers else ' none'}", highlight=False)
    for name, value in message.headers:
        open_to_all = letter.facts is not None and _tells_nothing(name, value)
        console.print(
            f"  {_safe(name)}: {_content(value, revealed=revealed or open_to_all)}", highlight=False, soft_wrap=True
        )


def show_payload(value: bytes | None) -> None:
    """The record's value: its very bytes for a file or a pipe; on a terminal legible, and with a warning."""
    if value is None:
        err.print("no value: a tombstone", highlight=False)
    elif out.is_terminal:
        err.print("what follows is a patient's data", style="bold", highlight=False)
        typer.echo(legible(value))
    else:
        typer.echo(value, nl=False)


def _came_at(letter: Letter) -> str | None:
    at = letter.facts.timestamp_ms if letter.facts else None
    return None if at is None else when(at)


def _tells_nothing(name: str, value: bytes | None) -> bool:
    """Whether a header is one of ours, or a trace's, and of a form that holds nothing of a patient's."""
    form = _TRACE if name == "traceparent" else _OURS if name in NAMES else None
    return value is not None and form is not None and form.fullmatch(value) is not None


def _content(value: bytes | None, *, revealed: bool) -> str:
    if value is None:
        return "null"
    return _safe(value.decode("utf-8", "backslashreplace")) if revealed else f"{len(value)} bytes"


def legible(value: bytes) -> str:
    """JSON laid out, unless that would hide something of it; else the text, with what a terminal would obey escaped."""
    text = value.decode("utf-8", "backslashreplace")
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text, object_pairs_hook=_once), indent=2, ensure_ascii=False)
    return "\n".join(map(_safe, text.split("\n")))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a repeated key")
    return found


def _safe(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

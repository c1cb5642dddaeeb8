"""``medie-fhir mapping watch``: at each save of a mapping, what changes in the resources of one note."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from consumers.cli.mapping.check import settings_with
from consumers.cli.mapping.inputs import ExtractionOption, Input, NoteOption, input_of
from consumers.cli.mapping.render import ResourceOption
from consumers.cli.mapping.rendering import Made, Rendering, rendering
from consumers.cli.options import Config, out, run_async
from medie_fhir.errors import InvalidMapping, RenderError
from medie_fhir.model import ExtractionRecord
from medie_fhir.settings import Settings
from medie_fhir.wiring import Configuration, WatchedPipeline, open_pipeline, read_mapping

__all__ = ["watch"]

_POLL_S = 0.3
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def watch(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The mapping file.")],
    note: NoteOption = None,
    extraction: ExtractionOption = None,
    resource: ResourceOption = None,
    config: Config = None,
) -> None:
    """Show at each save of a mapping what it changes in a note's resources, or its faults, until Ctrl-C.

    The note is read once: what the model sees in it does not hang on the mapping.
    """
    source, settings = input_of(note, extraction), settings_with(file, config)
    try:
        run_async(_watch(settings, Saves(file), source, resource))
    except KeyboardInterrupt:
        out.print("stopped", highlight=False)


class Saves:
    """The saves of a file, by polling: editors write in place, or put another file in its place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._digest = b""

    def happened(self) -> bool:
        """Whether its content is another than when last asked; an empty or missing file is one that is being saved."""
        try:
            found = self.path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen == self._seen or not found.st_size:
                return False
            digest = hashlib.sha256(self.path.read_bytes()).digest()
        except OSError:
            return False
        before, self._seen, self._digest = self._digest, seen, digest
        return digest != before

    async def next(self) -> None:
        """Wait for a save."""
        while not self.happened():  # noqa: ASYNC110 - a file system has no event that all have
            await asyncio.sleep(_POLL_S)


async def _watch(settings: Settings, saves: Saves, source: Input, resource: str | None) -> None:
    configuration = await _first_good(settings, saves)
    async with open_pipeline(
        settings, with_model=source.asks_model, with_target=False, configuration=configuration
    ) as pipeline:
        record = await source.record(pipeline)
        last: dict[str, Made] | None = None
        while True:
            last = _tried(settings, pipeline, record, resource, last)
            await saves.next()


async def _first_good(settings: Settings, saves: Saves) -> Configuration:
    """The configuration, as soon as the mapping has no faults."""
    while True:
        saves.happened()
        try:
            return Configuration(settings)
        except InvalidMapping as error:
            _tell(error.faults)
        await saves.next()


def _tried(
    settings: Settings,
    pipeline: WatchedPipeline,
    record: ExtractionRecord,
    resource: str | None,
    last: dict[str, Made] | None,
) -> dict[str, Made] | None:
    """Render once and show it; gives the last good rendering, to which the next is compared."""
    try:
        pipeline.mapping = read_mapping(settings, pipeline.task)
        made = rendering(pipeline, record)
    except InvalidMapping as error:
        _tell(error.faults)
        return last
    except RenderError as error:
        _tell([str(error)])
        return last
    now = {one.reference: one for one in _of_interest(made, resource)}
    if last is None:
        _show_first(pipeline, made, now)
        out.print(f"watching {settings.mapping}: save it to see what changes; Ctrl-C ends", highlight=False)
    else:
        _show_changes(pipeline.mapping.label, last, now)
    return now


def _tell(faults: list[str]) -> None:
    for fault in faults:
        out.print(fault, style="red", highlight=False, soft_wrap=True)
    out.print(f"faults: {len(faults)}; save it again", highlight=False)


def _of_interest(made: Rendering, resource: str | None) -> tuple[Made, ...]:
    """What was asked for, else what templates make: of the engine's own, Provenance is another after every edit."""
    if resource is None:
        return tuple(one for one in made.resources if one.explained)
    try:
        return made.chosen(resource)
    except typer.BadParameter:
        return ()  # the edit took it away, or has not made it yet


def _show_first(pipeline: WatchedPipeline, made: Rendering, now: dict[str, Made]) -> None:
    out.print(f"{pipeline.mapping.label}: resources {len(now)}", highlight=False)
    for one in now.values():
        by = f"'{one.explained.template}'" if one.explained else "the engine's own"
        out.print(f"  {one.number} {one.reference}: {by}", highlight=False, soft_wrap=True)
    for held in made.explanation.held_back:
        out.print(f"  held back: {held.fact.field}: {held.reason}", highlight=False, soft_wrap=True)


def _show_changes(label: str, last: dict[str, Made], now: dict[str, Made]) -> None:
    changed = [key for key in dict.fromkeys([*last, *now]) if _lines(last.get(key)) != _lines(now.get(key))]
    for key in changed:
        for line in _difference(key, last.get(key), now.get(key)):
            out.print(line, style=_STYLES.get(line[:1]), highlight=False, soft_wrap=True)
    out.print(f"{label}: resources {len(now)}, changed {len(changed)}", highlight=False)


def _difference(key: str, before: Made | None, after: Made | None) -> Iterator[str]:
    was, is_ = (key if before else "nothing"), (key if after else "nothing")
    yield from difflib.unified_diff(_lines(before), _lines(after), was, is_, lineterm="")


def _lines(made: Made | None) -> list[str]:
    if made is None:
        return []
    resource = made.explained.resource if made.explained else made.resource  # without the stamp, a digest of the rest
    return json.dumps(resource, ensure_ascii=False, indent=2).splitlines()

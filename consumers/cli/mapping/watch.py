"""``medie-fhir mapping watch``: at each save of a mapping or its tables, what changes in one note's resources."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from consumers.cli.mapping.check import settings_with
from consumers.cli.mapping.inputs import ExtractionOption, Input, NoteOption, input_of
from consumers.cli.mapping.render import ResourceOption
from consumers.cli.mapping.rendering import Made, Rendering, rendering
from consumers.cli.mapping.saves import Saves
from consumers.cli.options import Config, out, run_async
from medie_fhir.coding import Tables, digest_of
from medie_fhir.configuration import Configuration, read_mapping, read_tables, read_task, terminology_of
from medie_fhir.errors import InvalidMapping, InvalidTerminology, RenderError, SettingsError
from medie_fhir.mapping import Mapping
from medie_fhir.model import ExtractionRecord
from medie_fhir.settings import Settings
from medie_fhir.wiring import WatchedPipeline, open_pipeline

__all__ = ["watch"]

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def watch(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The mapping file.")],
    note: NoteOption = None,
    extraction: ExtractionOption = None,
    resource: ResourceOption = None,
    config: Config = None,
) -> None:
    """Show at each save of a mapping what it changes in a note's resources, or its faults, until Ctrl-C.

    So at each save of a terminology table, the site's own rows (site_terminology) among them.

    The note is read once: what the model sees in it does not hang on the mapping.
    """
    source, settings = input_of(note, extraction), settings_with(file, config)
    try:
        run_async(_watch(settings, Saves(file), source, resource))
    except KeyboardInterrupt:
        out.print("stopped", highlight=False)


async def _watch(settings: Settings, saves: Saves, source: Input, resource: str | None) -> None:
    configuration = await _first_good(settings, saves)
    async with open_pipeline(
        settings, with_model=source.asks_model, with_target=False, configuration=configuration
    ) as pipeline:
        record = await source.record(pipeline)
        last: dict[str, Made] | None = None
        while True:
            last = _tried(settings, saves, pipeline, record, resource, last)
            await saves.next(lambda: _tell_gone(saves.path))


async def _first_good(settings: Settings, saves: Saves) -> Configuration:
    """The configuration, as soon as the mapping has no faults."""
    while True:
        saves.happened()
        try:
            return Configuration(settings)
        except InvalidMapping as error:
            _tell(error.faults)
        except InvalidTerminology as error:
            mapping = read_mapping(settings, read_task(settings))
            saves.also(terminology_of(settings, mapping), settings.site_terminology)
            _tell(str(error).splitlines())
        await saves.next(lambda: _tell_gone(saves.path))


def _tell_gone(path: Path) -> None:
    out.print(f"{path}: is gone or empty; save it again", style="red", highlight=False, soft_wrap=True)


def _tried(  # noqa: PLR0917 - what a rendering hangs on
    settings: Settings,
    saves: Saves,
    pipeline: WatchedPipeline,
    record: ExtractionRecord,
    resource: str | None,
    last: dict[str, Made] | None,
) -> dict[str, Made] | None:
    """Render once and show it; gives the last good rendering, to which the next is compared."""
    try:
        pipeline.use(*_read(settings, saves, pipeline))
        made = rendering(pipeline, record)
    except InvalidMapping as error:
        _tell(error.faults)
        return last
    except (InvalidTerminology, RenderError, SettingsError) as error:
        _tell(str(error).splitlines())
        return last
    except OSError as error:  # gone between two looks
        _tell([f"{error.filename}: {error.strerror}"])
        return last
    now = {one.reference: one for one in _of_interest(made, resource)}
    if last is None:
        _show_first(pipeline, made, now)
        out.print(f"watching {settings.mapping}: save it to see what changes; Ctrl-C ends", highlight=False)
    else:
        _show_changes(pipeline.mapping.label, last, now)
    return now


def _read(settings: Settings, saves: Saves, pipeline: WatchedPipeline) -> tuple[Mapping, Tables]:
    """The mapping and its tables as they are now; these are loaded where they are others than before."""
    mapping, tables = read_mapping(settings, pipeline.task), pipeline.tables
    folders = terminology_of(settings, mapping), settings.site_terminology
    saves.also(*folders)
    if digest_of(*folders) != tables.digest:
        tables = read_tables(settings, pipeline.task, mapping)
    return mapping, tables


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

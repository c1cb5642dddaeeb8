"""``medie-fhir mapping render``: what one note becomes by a mapping, and where each element comes from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from consumers.cli.mapping.check import settings_with, tell_faults
from consumers.cli.mapping.explained import explained_json, show_explained
from consumers.cli.mapping.inputs import ExtractionOption, Input, NoteOption, input_of
from consumers.cli.mapping.rendering import Made, Rendering, rendering
from consumers.cli.options import Config, err, run_async
from medie_fhir.errors import InvalidMapping
from medie_fhir.model import Json
from medie_fhir.settings import Settings
from medie_fhir.wiring import open_pipeline

__all__ = ["ResourceOption", "render"]

ResourceOption = Annotated[
    str | None,
    typer.Option("--resource", metavar="N|ID|TYPE", help="Only this one: its number in the Bundle, its id, or a type."),
]

_EMPTY: Json = {"resourceType": "Bundle", "type": "transaction"}


def render(  # noqa: PLR0917 - one parameter an option
    file: Annotated[Path | None, typer.Argument(help="A mapping file; none: the one of the settings.")] = None,
    note: NoteOption = None,
    extraction: ExtractionOption = None,
    resource: ResourceOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Where each element comes from, and what is left out.")] = (
        False
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="On one line: the Bundle, each resource, or all said.")
    ] = False,
    config: Config = None,
) -> None:
    """Print the Bundle that a first publishing of a note would post, or one resource of it.

    Exit codes: 0 done, 1 faults in the mapping, or it fails on this note, 2 wrong use, 3 the model is not reachable.
    """
    source = input_of(note, extraction)
    try:
        run_async(_render(settings_with(file, config), source, resource, explain=explain, as_json=as_json))
    except InvalidMapping as error:
        tell_faults(error)
        raise typer.Exit(1) from None


async def _render(settings: Settings, source: Input, resource: str | None, *, explain: bool, as_json: bool) -> None:
    async with open_pipeline(settings, with_model=source.asks_model, with_target=False) as pipeline:
        made = rendering(pipeline, await source.record(pipeline))
        chosen = made.resources if resource is None else made.chosen(resource)
        if explain and as_json:
            typer.echo(json.dumps(explained_json(pipeline, made, chosen), ensure_ascii=False))
        elif explain:
            show_explained(pipeline, made, chosen)
        else:
            _print(made, None if resource is None else chosen, as_json=as_json)


def _print(made: Rendering, chosen: Sequence[Made] | None, *, as_json: bool) -> None:
    indent = None if as_json else 2
    for shown in [made.bundle or _EMPTY] if chosen is None else [one.resource for one in chosen]:
        typer.echo(json.dumps(shown, ensure_ascii=False, indent=indent))
    if made.bundle is None:
        err.print("nothing would be written; --explain says why", highlight=False)

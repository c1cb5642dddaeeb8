"""``medie-fhir codes``: what a wording is coded to, and which row or rule of the terminology says so."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Column, Table

from consumers.cli.options import Config, out, run_async, settings_of
from medie_fhir.asking import with_answer
from medie_fhir.coding import code
from medie_fhir.configuration import Configuration
from medie_fhir.model import Concept, Json
from medie_fhir.settings import Settings
from medie_fhir.terminology_server import open_terminology

__all__ = ["codes"]


def codes(
    text: Annotated[str, typer.Argument(help='A value as the model gives it, such as "breast cancer (IDC)".')],
    *,
    field: Annotated[str, typer.Option(help="The field that it is a value of, such as cancer_type.")],
    evidence: Annotated[
        str | None, typer.Option(help="The passage around it, where that says by what system a stage is.")
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask the terminology server of the settings for what no row knows.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    config: Config = None,
) -> None:
    """Show what a value is coded to and why: the table's row, how it was reached, all codings."""
    settings = settings_of(config)
    configuration = Configuration(settings)
    if field not in configuration.task.fields:
        known = ", ".join(sorted(configuration.task.fields))
        raise typer.BadParameter(f"no field of the task {configuration.task.name}: {known}", param_hint="--field")
    concept = code(field, text, configuration.tables, evidence=evidence)
    if ask and concept.match == "none":
        concept = run_async(_asked(field, text, concept, settings))
    answer = explanation(field, concept, configuration)
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    else:
        _show(answer)


async def _asked(field: str, text: str, concept: Concept, settings: Settings) -> Concept:
    """The concept with the terminology server's code, where it has one. Raises TerminologyError, required or not."""
    async with open_terminology(settings, [field, *settings.terminology_server.fields]) as terminology:
        if terminology is None:
            raise typer.BadParameter("the settings name no terminology_server.base_url", param_hint="--ask")
        answer = await terminology.http.code(field, text)
    return with_answer(field, text, concept, {(field, text): answer} if answer else {})


def explanation(field: str, concept: Concept, configuration: Configuration) -> Json:
    """What a concept is and where it comes from, as one JSON object."""
    table, _, slug = (concept.row or "").partition(":")
    known = configuration.tables.tables.get(table)  # a row of another place is a terminology server's
    entry = known.entries.get(slug) if known else None
    return {
        "field": field,
        "key": concept.key,
        "match": concept.match,
        "row": concept.row,
        "place": entry.place if entry else None,
        "name": entry.name if entry else None,
        "codings": {
            role: [coding.model_dump(exclude_none=True) for coding in found] for role, found in concept.codings.items()
        },
        "attributes": dict(concept.attributes),
        "tables": configuration.tables.digest,
    }


_HOW = {
    "exact": "it is the name of the row",
    "normalised": "it is the name of the row but for case, space, hyphen, plural or spelling",
    "synonym": "it is another wording of the row",
    "rule": "a rule of the field reached the row: what only qualifies was left out, or a grammar read it",
    "none": "no row and no rule: it stays text",
}


def _show(answer: Json) -> None:
    how = _HOW[answer["match"]] if answer["place"] or not answer["row"] else "the terminology server says so"
    out.print(f"{answer['match']}: {how}", highlight=False)
    if answer["row"] and not answer["place"]:
        out.print(f"server: {answer['row']}", highlight=False, soft_wrap=True)
    elif answer["row"]:
        out.print(f"row: {answer['row']} ({answer['name']}), {answer['place']}", highlight=False, soft_wrap=True)
    out.print(f"key: {answer['key']}", highlight=False, soft_wrap=True)
    for name, value in answer["attributes"].items():
        out.print(f"{name}: {value}", highlight=False, soft_wrap=True)
    if answer["codings"]:
        table = Table(*(Column(name, overflow="fold") for name in ("role", "system", "code", "display")))
        for role, found in answer["codings"].items():
            for coding in found:
                table.add_row(role, coding["system"], coding["code"], coding.get("display", ""))
        out.print(table)

"""How a rendering is explained: as a table for people, as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.table import Column, Table

from consumers.cli.mapping.rendering import Made, Rendering
from consumers.cli.options import out
from medie_fhir.coding import Tables
from medie_fhir.mapping import Element
from medie_fhir.model import Json
from medie_fhir.pipeline import Pipeline

__all__ = ["explained_json", "show_explained"]


def explained_json(pipeline: Pipeline, made: Rendering, chosen: Sequence[Made]) -> Json:
    """All of it as one JSON object."""
    return {
        "mapping": pipeline.mapping.label,
        "resources": [_resource(one, pipeline.tables) for one in chosen],
        "held_back": [
            {"field": h.fact.field, "value": h.fact.value, "reason": h.reason} for h in made.explanation.held_back
        ],
    }


def _resource(one: Made, tables: Tables) -> Json:
    head = {"number": one.number, "reference": one.reference}
    if one.explained is None:
        return {**head, "by": "engine"}
    fact = one.explained.fact.fact
    return {
        **head,
        "by": "mapping",
        "template": one.explained.template,
        "where": one.explained.where,
        "fact": {"field": fact.field, "value": fact.value},
        "elements": [_element(element, tables) for element in one.elements],
    }


def _element(element: Element, tables: Tables) -> Json:
    said: Json = {"path": element.path, "value": element.value}
    if element.where is None:
        return {**said, "by": "engine", "for": element.why}
    said |= {"by": "mapping" if element.why else "fixed", "where": element.where, "expression": element.why}
    if element.match:
        said |= {"row": element.row, "place": _place(element.row, tables), "match": element.match}
    return said


def show_explained(pipeline: Pipeline, made: Rendering, chosen: Sequence[Made]) -> None:
    """A table for each resource that a template made, a line for each other, and what was held back."""
    for one in chosen:
        if one.explained is None:
            out.print(
                f"{one.number} {one.reference}: the engine's own, by no template", highlight=False, soft_wrap=True
            )
            continue
        fact = one.explained.fact.fact
        out.print(
            f"{one.number} {one.reference}: '{one.explained.template}' at {_line(one.explained.where)},"
            f' of {fact.field} "{fact.value}"',
            highlight=False,
            soft_wrap=True,
        )
        table = Table(
            *(Column(name, overflow="fold") for name in ("element", "value", "from", "by")), box=None, pad_edge=False
        )
        for element in one.elements:
            value = element.value if isinstance(element.value, str) else json.dumps(element.value)
            table.add_row(element.path, value, *_whence(element, pipeline.tables))
        out.print(table)
    for held in made.explanation.held_back:
        out.print(f'held back: {held.fact.field} "{held.fact.value}": {held.reason}', highlight=False, soft_wrap=True)


def _whence(element: Element, tables: Tables) -> tuple[str, str]:
    if element.where is None:
        return "engine", element.why or ""
    by = element.why or "fixed"
    if element.match:
        by += f" ← {_place(element.row, tables) or element.row or 'no row'} ({element.match})"
    return _line(element.where), by


def _line(where: str) -> str:
    """File, line and column of a place."""
    return where.partition(": ")[0]


def _place(row: str | None, tables: Tables) -> str | None:
    """The file and line of a table's row, by its name."""
    table, _, slug = (row or "").partition(":")
    entry = tables[table].entries.get(slug) if table in tables.tables else None
    return entry.place if entry else None

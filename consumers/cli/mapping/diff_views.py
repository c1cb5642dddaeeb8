"""How the differences of two mappings are shown to people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Column, Table

from consumers.cli.options import err, out
from medie_fhir.mapping import ABSENT, AI_CONFIDENCE, DERIVATION, Change, DiffSummary, Sample, path_text
from medie_fhir.model import Json
from medie_fhir.transaction import FACTS

__all__ = ["show"]

_ENGINES = frozenset({"resourceType", "id", "meta", "identifier", "extension"})
_STYLES = {Change.ADDED: "green", Change.RETRACTED: "red", Change.CHANGED: "yellow", Change.UNCHANGED: "dim"}


def show(heads: tuple[str, str], summary: DiffSummary, failed: Mapping[str, int], failures: Sequence[Json]) -> None:
    """Counts, then the elements that differ, then samples; what a mapping fails on goes to stderr."""
    out.print("old {}\nnew {}".format(*heads), highlight=False, soft_wrap=True)
    out.print(f"documents {summary.records}, of which {summary.differing} differ", highlight=False)
    if summary.counts:
        table = _table("change", "resource", "field")
        for kind, count in sorted(summary.counts.items()):
            table.add_row(kind.change, kind.resource_type, kind.field, f"{count:,}", style=_STYLES[kind.change])
        out.print(table)
    if summary.elements:
        out.print()
        table = _table("changed element", "field")
        for element, count in sorted(summary.elements.items()):
            table.add_row(element.path, element.field, f"{count:,}")
        out.print(table)
    for sample in summary.samples:
        out.print()
        _show_sample(sample)
    for failure in failures:
        err.print(
            f"{failure['document']}: the {failure['side']} mapping fails: {failure['error']}",
            highlight=False,
            soft_wrap=True,
        )
    for side, count in failed.items():
        if count:
            err.print(f"documents that the {side} mapping fails on, not compared: {count}", highlight=False)


def _table(*columns: str) -> Table:
    shown = [Column(name, overflow="fold") for name in columns]
    return Table(*shown, Column("resources", justify="right"), box=None, pad_edge=False)


def _show_sample(sample: Sample) -> None:
    resource, change = sample.change.resource, sample.kind.change
    place = f"{resource['resourceType']}/{resource['id']}  {sample.kind.field}, {sample.document}"
    out.print(f"{change} {place}", style=_STYLES[change], highlight=False, soft_wrap=True)
    if change is not Change.CHANGED:
        for key, value in _told(resource).items():
            _show_value("+" if change is Change.ADDED else "-", value, f"{key}: ")
    for element in sample.change.elements:
        out.print(f"  {path_text(resource, element.path)}", highlight=False, soft_wrap=True)
        _show_value("-", element.old)
        _show_value("+", element.new)


def _told(resource: Json) -> Json:
    """What the mapping says in a resource, without what the engine adds to each; ``--json`` has all of it."""
    told: Json = {key: value for key, value in resource.items() if key not in _ENGINES}
    more = {
        "meta.profile": resource.get("meta", {}).get("profile"),
        "identifier": [i for i in resource.get("identifier", ()) if i.get("system") != FACTS],
        "extension": [e for e in resource.get("extension", ()) if e["url"] not in (DERIVATION, AI_CONFIDENCE)],
    }
    return told | {key: value for key, value in more.items() if value}


def _show_value(sign: str, value: Any, name: str = "") -> None:
    if value is not ABSENT:
        style = "green" if sign == "+" else "red"
        out.print(
            f"    {sign} {name}{json.dumps(value, ensure_ascii=False)}", style=style, highlight=False, soft_wrap=True
        )

"""``medie-fhir mapping check``: every fault of a mapping at once; of a good one, what it makes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from consumers.cli.options import Config, err, out, settings_of
from medie_fhir.configuration import read_mapping, read_task
from medie_fhir.errors import InvalidMapping
from medie_fhir.mapping import Mapping
from medie_fhir.model import Json
from medie_fhir.settings import Settings

__all__ = ["check", "settings_with", "tell_faults"]

_FAULT = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::(?P<column>\d+))?: (?:(?P<path>\S.*?): )?(?P<what>.+)", re.DOTALL)


def check(
    file: Annotated[Path | None, typer.Argument(help="A mapping file; none: the one of the settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    config: Config = None,
) -> None:
    """Check a mapping: its shape, its expressions, and that samples of every field render to valid FHIR R4.

    What a policy lets through, and may be meant so, is a warning, on stderr (docs/mapping.md).
    Exit codes: 0 no fault, 1 faults, 2 it can't be read, or the settings are wrong.
    """
    settings = settings_with(file, config)
    try:
        mapping = read_mapping(settings, read_task(settings))
    except InvalidMapping as error:
        if as_json:
            typer.echo(json.dumps({"ok": False, "faults": [*map(_fault, error.faults)]}, ensure_ascii=False))
        else:
            tell_faults(error)
        raise typer.Exit(1) from None
    summary = _summary(mapping)
    if as_json:
        typer.echo(json.dumps({"ok": True} | summary, ensure_ascii=False))
    else:
        _show(summary)
        for warning in mapping.warnings:
            err.print(f"{warning} (a warning)", highlight=False, soft_wrap=True)


def settings_with(file: Path | None, config: Path | None) -> Settings:
    """The settings, with a mapping file in the place of theirs. Raises SettingsError."""
    settings = settings_of(config)
    return settings if file is None else settings.model_copy(update={"mapping": str(file)})


def tell_faults(error: InvalidMapping) -> None:
    """Every fault on its line, and how many there are, on stderr."""
    for fault in error.faults:
        err.print(fault, highlight=False, soft_wrap=True)
    err.print(f"faults: {len(error.faults)}", highlight=False)


def _fault(text: str) -> Json:
    found = _FAULT.fullmatch(text)
    if found is None:
        return {"what": text}
    numbers = {key: int(found[key]) for key in ("line", "column") if found[key]}
    return {"file": found["file"], **numbers, "path": found["path"], "what": found["what"]}


def _summary(mapping: Mapping) -> Json:
    file = mapping.file
    templates: list[Json] = [
        {
            "name": template.name,
            "field": template.field,
            "makes": template.resource.get("resourceType"),
            "when": template.when,
            "profiles": [*_profiles(template.resource)],
            "where": template.where(),
        }
        for template in file.templates
    ]
    return {
        "mapping": mapping.label,
        "task": file.task,
        "resource_types": sorted({template["makes"] for template in templates if template["makes"]}),
        "profiles": sorted({p["profile"] for template in templates for p in template["profiles"]}),
        "templates": templates,
        "warnings": [*map(_fault, mapping.warnings)],
        "policy": {field: policy.model_dump(mode="json") for field, policy in file.policy.items()},
    }


def _profiles(resource: Json) -> Iterator[Json]:
    """What stands under meta.profile, and in what block."""
    for at, text in _leaves(resource):
        if [p for p in at if isinstance(p, str) and not _is_block(p)] == ["meta", "profile"]:
            yield {"profile": text, "blocks": [p for p in at if _is_block(p)]}


def _leaves(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(below, (*at, key))


def _is_block(part: str | int) -> bool:
    return isinstance(part, str) and part.startswith("{%")


def _show(summary: Json) -> None:
    types = ", ".join(summary["resource_types"])
    count = len(summary["templates"])
    out.print(f"{summary['mapping']}: {count} templates, makes {types}: ok", highlight=False)
    table = _table("template", "field", "makes", "profiles")
    for template in summary["templates"]:
        profiles = [p["profile"].rpartition("/")[2] + (" (if …)" if p["blocks"] else "") for p in template["profiles"]]
        table.add_row(template["name"], template["field"], template["makes"], ", ".join(profiles))
    out.print(table)
    names = list(next(iter(summary["policy"].values()), {}))
    table = _table("policy", *(name.replace("_", " ") for name in names))
    for field, policy in summary["policy"].items():
        table.add_row(field, *(_said(policy[name]) for name in names))
    out.print(table)


def _table(*columns: str) -> Table:
    return Table(*(Column(name, overflow="fold") for name in columns), box=None, pad_edge=False, title_justify="left")


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "any" if isinstance(value, list) else str(value)

"""The search parameters that the twin knows, and where in a resource they look.

From the R4 definitions (https://hl7.org/fhir/R4/searchparameter-registry.html): all token and reference parameters of
the types that this library writes or reads, in parameters.csv. Types that are not there can be searched by ``_id``,
``_tag`` and ``_security`` alone. HAPI checks that a reference's target exists, and is of a type that fits, at the paths
of its reference parameters and nowhere else (not in an extension, not in ``Condition.stage.assessment``): so does the
twin.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from medie_fhir.model import Json

__all__ = ["IndexEntry", "Parameter", "index_entries", "literal", "parameter", "parameters", "values_at"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter of one resource type. ``targets`` is None where any type will do.

    ``narrows``: it looks at the same place as another parameter (``patient`` as ``subject``), for one type alone.
    """

    name: str
    kind: str
    paths: tuple[str, ...]
    targets: frozenset[str] | None = None
    narrows: bool = False


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What a resource can be found by. For a reference: the target's type (or None, for a URL) and id (or the URL)."""

    parameter: str
    kind: str
    system: str | None
    value: str


_COMMON = tuple(Parameter(f"_{name}", "token", (f"meta.{name}",)) for name in ("tag", "security"))


@cache
def _by_type() -> dict[str, tuple[Parameter, ...]]:
    """The rows of parameters.csv. Empty targets: any type, or no reference."""
    known: dict[str, tuple[Parameter, ...]] = {}
    with Path(__file__).with_name("parameters.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found = Parameter(
                row["parameter"],
                row["kind"],
                tuple(row["paths"].split()),
                frozenset(row["targets"].split()) or None,
                narrows=row["narrows"] == "yes",
            )
            known[row["type"]] = (*known.get(row["type"], ()), found)
    return known


def parameters(resource_type: str) -> tuple[Parameter, ...]:
    """All parameters of a type, but ``_id``."""
    return _COMMON + _by_type().get(resource_type, ())


def parameter(resource_type: str, name: str) -> Parameter | None:
    """The parameter of a name, if the type has it."""
    return next((found for found in parameters(resource_type) if found.name == name), None)


def values_at(resource: Json, path: str) -> Iterator[Any]:
    """The values at a dotted path, of all repetitions."""
    values: list[Any] = [resource]
    for step in path.split("."):
        below = [value[step] for value in values if isinstance(value, dict) and step in value]
        values = [item for value in below for item in (value if isinstance(value, list) else [value])]
    yield from values


def literal(reference: Any) -> tuple[str | None, str] | None:
    """The target of a Reference: type and id, or None and the URL of another server's; None for all else."""
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str) or text.startswith("#"):
        return None
    kind, slash, identity = text.partition("/")
    if slash and identity and kind.isalpha() and "/" not in identity:
        return kind, identity
    return None, text


def index_entries(resource: Json) -> list[IndexEntry]:
    """All that a resource can be found by."""
    entries: dict[IndexEntry, None] = {}
    for found in parameters(resource["resourceType"]):
        for path in found.paths:
            for value in values_at(resource, path):
                pairs = _tokens(value) if found.kind == "token" else _targets(value, found)
                entries.update({IndexEntry(found.name, found.kind, *pair): None for pair in pairs})
    return list(entries)


def _targets(value: Any, found: Parameter) -> Iterator[tuple[str | None, str]]:
    target = literal(value)
    if target and not (found.narrows and found.targets and target[0] not in found.targets):
        yield target


def _tokens(value: Any) -> Iterator[tuple[str | None, str]]:
    """System and code of a code, boolean, Coding, CodeableConcept, Identifier."""
    if isinstance(value, bool):
        yield None, str(value).lower()
    elif isinstance(value, str):
        yield None, value
    elif isinstance(value, dict):
        for part in value.get("coding") or [value]:
            code = part.get("code", part.get("value")) if isinstance(part, dict) else None
            if isinstance(code, str):
                yield part.get("system"), code

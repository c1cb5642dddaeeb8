"""Loading a mapping: every fault at once, each with file, line, column and path; nothing half-loaded is ever used."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from medie_fhir.errors import InvalidMapping, RenderError
from medie_fhir.mapping.compile import Compiler
from medie_fhir.mapping.file import MappingFile, Template
from medie_fhir.mapping.policy import FieldPolicy
from medie_fhir.mapping.render import render
from medie_fhir.mapping.samples import sample_facts, sample_record
from medie_fhir.mapping.source import Source

__all__ = ["Mapping", "load_mapping"]

_KEYS: dict[str, type[BaseModel]] = {"templates": Template, "policy": FieldPolicy}
_MOST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping that was checked, and the SHA-256 of its content."""

    file: MappingFile
    digest: str

    @property
    def label(self) -> str:
        """Name, version and digest, as they stand in every Provenance."""
        return f"{self.file.name}@{self.file.version}#{self.digest[:16]}"


def load_mapping(text: str, name: str, fields: Iterable[str]) -> Mapping:
    """The mapping in a YAML ``text``; ``name`` is its file's name for messages, ``fields`` those of its task.

    Checks the file's shape, that every expression compiles, and that samples of every field render to valid R4.
    Raises InvalidMapping with all faults.
    """
    source = Source(text, name)
    faults = list(source.faults)
    try:
        file = MappingFile.model_validate(source.data)
    except ValidationError as error:
        faults += [source.fault(tuple(e["loc"]), _said(e)) for e in error.errors(include_url=False)]
        raise InvalidMapping(faults) from None
    for index, template in enumerate(file.templates):
        template.stands(partial(_of_template, source, index))
    faults += _names_twice(file, source)
    faults += _unknown_fields(file, source, frozenset(fields))
    faults += _broken_expressions(file, source)
    if not faults:
        faults += _broken_templates(file)
    if faults:
        raise InvalidMapping(faults)
    # What becomes of a person's edits, and where the tables lie, changes nothing that is made of a note: the label, and
    # with it the Provenances' ids, stays the same.
    content = file.model_dump(mode="json", exclude={"reviewed", "terminology"})
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return Mapping(file, hashlib.sha256(canonical.encode()).hexdigest())


def _of_template(source: Source, index: int, place: tuple[str | int, ...]) -> str:
    return source.place(("templates", index, *place))


def _said(error: ErrorDetails) -> str:
    """What is wrong with the file's shape, what was found, and what is allowed."""
    if error["type"] == "extra_forbidden":
        *around, key = error["loc"]
        allowed = _KEYS.get(str(around[0]) if around else "", MappingFile).model_fields
        near = difflib.get_close_matches(str(key), allowed, 1)
        meant = f" (did you mean '{near[0]}'?)" if near else ""
        return f"no such key{meant}; allowed: {', '.join(allowed)}"
    found = error["input"]
    shown = (
        f"; found {found!r}" if isinstance(found, str | int | float | None) and len(repr(found)) <= _MOST_SHOWN else ""
    )
    return "missing" if error["type"] == "missing" else f"{error['msg']}{shown}"


def _names_twice(file: MappingFile, source: Source) -> list[str]:
    names = [template.name for template in file.templates]
    return [
        source.fault(("templates", n, "name"), f"'{name}' is the name of another template, too")
        for n, name in enumerate(names)
        if name in names[:n]
    ]


def _unknown_fields(file: MappingFile, source: Source, fields: frozenset[str]) -> list[str]:
    allowed = f"is no field of the task; allowed: {', '.join(sorted(fields))}"
    found = [source.fault(("policy", f), f"'{f}' {allowed}") for f in file.policy if f not in fields]
    for index, template in enumerate(file.templates):
        if template.field not in fields:
            found.append(source.fault(("templates", index, "field"), f"'{template.field}' {allowed}"))
        elif template.field not in file.policy:
            found.append(source.fault(("templates", index, "field"), f"'{template.field}' has no policy"))
    if file.primary_field is not None and file.primary_field not in fields:
        found.append(source.fault(("primary_field",), f"'{file.primary_field}' {allowed}"))
    return found


def _broken_expressions(file: MappingFile, source: Source) -> list[str]:
    compiler = Compiler()
    for index, template in enumerate(file.templates):
        compiler.template(template.resource, ("templates", index, "resource"))
        if template.when is not None:
            compiler.expression(template.when, ("templates", index, "when"))
    return [source.fault(place, what) for place, what in compiler.faults]


def _broken_templates(file: MappingFile) -> list[str]:
    """Every template, rendered for samples of its field, with and without codes, date and confidence."""
    found: dict[str, None] = {}
    for template in file.templates:
        only_this = file.model_copy(update={"templates": (template,)})
        for dated in (True, False):
            record = sample_record(dated=dated)
            for fact in sample_facts(template.field):
                try:
                    render(
                        record,
                        [fact],
                        only_this,
                        source=SAMPLE_SOURCE,
                        recorded=record.produced.at,
                        system="urn:sample",
                    )
                except RenderError as error:
                    found[str(error)] = None
    return list(found)


SAMPLE_SOURCE = {"reference": "DocumentReference/sample"}

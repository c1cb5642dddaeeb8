"""Loading a mapping: every fault at once, each with file, line, column and path; nothing half-loaded is ever used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from medie_fhir.errors import InvalidMapping, RenderError
from medie_fhir.mapping.evaluate import expressions, unclosed
from medie_fhir.mapping.file import MappingFile
from medie_fhir.mapping.render import render
from medie_fhir.mapping.samples import sample_facts, sample_record
from medie_fhir.mapping.source import Source
from medie_fhir.mapping.syntax import is_fhirpath

__all__ = ["Mapping", "load_mapping"]

_OURS = frozenset({"fact", "concept", "document", "subject", "effective", "recorded", "source", "primary"})
_VARIABLES = _OURS | {"context", "resource", "ucum", "sct", "loinc"}  # FHIRPath R2 §9, FPML


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
        faults += [
            source.fault(tuple(e["loc"]), e["msg"]) for e in error.errors(include_input=False, include_url=False)
        ]
        raise InvalidMapping(faults) from None
    faults += _unknown_fields(file, source, frozenset(fields))
    faults += _broken_expressions(file, source)
    if not faults:
        faults += _broken_templates(file, source)
    if faults:
        raise InvalidMapping(faults)
    # What becomes of a person's edits changes nothing that is made of a note: the label, and with it the Provenances'
    # ids, stays the same.
    content = file.model_dump(mode="json", exclude={"reviewed"})
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return Mapping(file, hashlib.sha256(canonical.encode()).hexdigest())


def _unknown_fields(file: MappingFile, source: Source, fields: frozenset[str]) -> list[str]:
    allowed = f"is no field of the task; allowed: {', '.join(sorted(fields))}"
    found = [source.fault(("policy", f), f"'{f}' {allowed}") for f in file.policy if f not in fields]
    for index, template in enumerate(file.templates):
        if template.field not in fields:
            found.append(source.fault(("templates", index, "field"), f"'{template.field}' {allowed}"))
        elif template.field not in file.policy:
            found.append(source.fault(("templates", index, "field"), f"'{template.field}' has no policy"))
    if file.primary_field not in fields:
        found.append(source.fault(("primary_field",), f"'{file.primary_field}' {allowed}"))
    return found


def _broken_expressions(file: MappingFile, source: Source) -> list[str]:
    found = []
    for index, template in enumerate(file.templates):
        all_of_it = expressions(template.resource, ("templates", index, "resource"))
        found += [
            source.fault(place, "a brace of {{ … }}, {[ … ]} or {% … %} has no counterpart")
            for place in unclosed(template.resource, ("templates", index, "resource"))
        ]
        if template.when is not None:
            all_of_it.append((("templates", index, "when"), template.when))
        for path, expression in all_of_it:
            if not is_fhirpath(expression):
                found.append(source.fault(path, f"'{expression}' is no FHIRPath expression"))
                continue
            first = expression[1:].split(".")[0].split("(")[0]
            if (
                expression.startswith("%")
                and first.isidentifier()
                and first not in _VARIABLES | _loop_variables(template.resource)
            ):
                found.append(source.fault(path, f"'%{first}' is no variable; allowed: {', '.join(sorted(_OURS))}"))
    return found


def _loop_variables(template: object) -> frozenset[str]:
    """The names that ``{% for %}`` and ``{% assign %}`` bind anywhere in a template."""
    if isinstance(template, list):
        return frozenset().union(*map(_loop_variables, template))
    if not isinstance(template, dict):
        return frozenset()
    names: set[str] = set()
    for key, value in template.items():
        words = str(key).strip("{%} ").replace(",", " ").split()
        if words[:1] == ["for"] and "in" in words:
            names.update(words[1 : words.index("in")])
        if words[:1] == ["assign"]:
            names.update(k for item in (value if isinstance(value, list) else [value]) for k in item)
        names |= _loop_variables(value)
    return frozenset(names)


def _broken_templates(file: MappingFile, source: Source) -> list[str]:
    """Every template, rendered for samples of its field, with and without codes, date and confidence."""
    found: dict[str, None] = {}
    for index, template in enumerate(file.templates):
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
                    found[source.fault(("templates", index, "resource"), str(error))] = None
    return list(found)


SAMPLE_SOURCE = {"reference": "DocumentReference/sample"}

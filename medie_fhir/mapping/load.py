"""Loading a mapping: every fault at once, each with file, line, column and path; nothing half-loaded is ever used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import ValidationError

from medie_fhir.errors import InvalidMapping
from medie_fhir.mapping.compile import Compiler
from medie_fhir.mapping.file import MappingFile
from medie_fhir.mapping.rehearsal import rehearse
from medie_fhir.mapping.said import said
from medie_fhir.mapping.source import Source
from medie_fhir.mapping.suggest import meant
from medie_fhir.mapping.written import faults_of_written

__all__ = ["Mapping", "load_mapping"]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping that was checked, and the SHA-256 of its content; what ``warnings`` tell may be meant so."""

    file: MappingFile
    digest: str
    warnings: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name, version and digest, as they stand in every Provenance."""
        return f"{self.file.name}@{self.file.version}#{self.digest[:16]}"


def load_mapping(text: str, name: str, fields: Iterable[str], *, task: str | None = None) -> Mapping:
    """The mapping in a YAML ``text``; ``name`` is its file's name for messages, ``fields`` those of its ``task``.

    Checks the file's shape, that every expression compiles, and that samples of every field render to valid R4. Each is
    asked of all that can be read, so that a fault of one kind hides none of another. Raises InvalidMapping with all.
    """
    source = Source(text, name)
    found = _Faults(source)
    file = _file(source, found)
    _names_twice(source.data, found)
    known = frozenset(fields)
    if _is_of_task(source.data, task, known, found):
        _unknown_fields(source.data, known, found)
    _broken_expressions(source.data, found)
    for index, template in _templates(source.data):
        for place, what in faults_of_written(template.get("resource"), ("templates", index, "resource")):
            found.add(place, what)
    warnings: list[str] = []
    if file is not None:
        rehearsal = rehearse(file, found.of_templates)
        found.told += rehearsal.faults
        for path, what in rehearsal.harmful:
            found.add(path, what)
        warnings = [source.fault(path, what) for path, what in rehearsal.doubtful]
    if found.told or file is None:
        raise InvalidMapping(found.told)
    # What becomes of a person's edits, and where the tables lie, changes nothing that is made of a note: the label, and
    # with it the Provenances' ids, stays the same.
    content = file.model_dump(mode="json", exclude={"reviewed", "terminology"})
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return Mapping(file, hashlib.sha256(canonical.encode()).hexdigest(), tuple(warnings))


class _Faults:
    """What is wrong, each fault with its place; and which templates have one."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.told = list(source.faults)
        self.of_templates: set[str | int] = set()

    def add(self, path: tuple[str | int, ...], what: str) -> None:
        if path[:1] == ("templates",):
            self.of_templates.update(path[1:2])
        if not any(told.startswith(f"{self._source.place(path)}: ") for told in self._source.faults):
            self.told.append(self._source.fault(path, what))


def _file(source: Source, found: _Faults) -> MappingFile | None:
    try:  # as JSON, strictly: a text is no number and no truth value, here as in an editor by the JSON Schema
        file = MappingFile.model_validate_json(json.dumps(source.data), strict=True)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        for e in wrong:
            within = any(other is not e and other["loc"][: len(e["loc"])] == e["loc"] for other in wrong)
            if not (within and e["type"] == "too_short"):  # what is wrong in a list's item is told by the item
                found.add(tuple(e["loc"]), said(e, MappingFile))
        return None
    for index, template in enumerate(file.templates):
        template.stands(partial(_of_template, source, index))
    return file


def _of_template(source: Source, index: int, place: tuple[str | int, ...]) -> str:
    return source.place(("templates", index, *place))


def _templates(data: Any) -> list[tuple[int, dict[str, Any]]]:
    """Those of a file's templates that are mappings, whatever else is wrong with it."""
    listed = data.get("templates")
    return [(n, t) for n, t in enumerate(listed) if isinstance(t, dict)] if isinstance(listed, list) else []


def _is_of_task(data: Any, task: str | None, fields: frozenset[str], found: _Faults) -> bool:
    """Whether the fields are to be judged: not where the mapping is made for another task, and no field is of this."""
    named = data.get("task")
    if task is None or not isinstance(named, str) or named == task:
        return True
    is_misnamed = any(str(template.get("field")) in fields for _, template in _templates(data))
    near = meant(named, [task]) if is_misnamed else ""
    found.add(
        ("task",),
        f"'{named}' is not the task that the settings name{near}: write '{task}' here, or set `task` (MEDIE_TASK) to a"
        " task of this name",
    )
    return is_misnamed


def _names_twice(data: Any, found: _Faults) -> None:
    seen: set[str] = set()
    for index, template in _templates(data):
        name = template.get("name")
        if isinstance(name, str):
            if name in seen:
                found.add(("templates", index, "name"), f"'{name}' is the name of another template, too")
            seen.add(name)


def _unknown_fields(data: Any, fields: frozenset[str], found: _Faults) -> None:
    policy = data.get("policy")
    named: dict[tuple[str | int, ...], Any] = {("policy", f): f for f in (policy if isinstance(policy, dict) else ())}
    named |= {("templates", n, "field"): t.get("field") for n, t in _templates(data)}
    named[("primary_field",)] = data.get("primary_field")
    for path, name in named.items():
        if not isinstance(name, str):
            continue
        if name not in fields:
            found.add(
                path, f"'{name}' is no field of the task{meant(name, fields)}; allowed: {', '.join(sorted(fields))}"
            )
        elif path[0] == "templates" and isinstance(policy, dict) and name not in policy:
            found.add(path, f"'{name}' has no policy")


def _broken_expressions(data: Any, found: _Faults) -> None:
    compiler = Compiler()
    for index, template in _templates(data):
        if isinstance(template.get("resource"), dict):
            compiler.template(template["resource"], ("templates", index, "resource"))
        if isinstance(when := template.get("when"), str) and "{{" in when:
            compiler.faults.append(
                (("templates", index, "when"), "is an expression by itself: write it without braces")
            )
        elif isinstance(when, str):
            compiler.expression(when, ("templates", index, "when"))
    for place, what in compiler.faults:
        found.add(place, what)

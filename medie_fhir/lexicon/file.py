"""A lexicon: for each field of a task, the rules by which the lexical reader sees its values. See docs/lexicon.md.

It is a folder beside the task's file (``schemas/tasks/oncology/``), a YAML file of rules for each field, and no code:
another clinical field is another folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from medie_fhir.errors import InvalidTask
from medie_fhir.lexicon.aside import Asides
from medie_fhir.lexicon.rule import MACRO, Rule, Tests
from medie_fhir.model import Frozen

__all__ = ["Lexicon", "load_lexicon"]

_MACROS, _ASIDES = "macros", "asides"


class Lexicon(Frozen):
    """The rules of each field, and where they see nothing.

    ``macros`` are pieces of the rules' patterns, named in them as ``{name}``; they may hold others.
    """

    macros: Mapping[str, str] = Field(default_factory=dict)
    asides: Asides = Field(default_factory=Asides)
    fields: Mapping[str, tuple[Rule, ...]] = Field(min_length=1)

    @model_validator(mode="after")
    def _patterns_compile(self) -> Self:
        faults: list[str] = []
        for name, rules in self.fields.items():
            for number, rule in enumerate(rules):
                try:
                    rule.tests(self.expanded)
                except ValueError as fault:
                    faults += (f"fields.{name}.{number}.{line}" for line in str(fault).splitlines())
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def expanded(self, pattern: str, depth: int = 0) -> str:
        """A pattern with its macros in place. Raises ValueError for one that isn't there, or that holds itself."""
        if depth > len(self.macros):
            raise ValueError("a macro holds itself")

        def text(match: re.Match[str]) -> str:
            if match[1] not in self.macros:
                raise ValueError(f"no macro {match[1]!r}")
            return f"(?:{self.expanded(self.macros[match[1]], depth + 1)})"

        return MACRO.sub(text, pattern)

    @cached_property
    def tests(self) -> Mapping[str, tuple[Tests, ...]]:
        """The rules of each field with their patterns compiled."""
        return {name: tuple(rule.tests(self.expanded) for rule in rules) for name, rules in self.fields.items()}

    @cached_property
    def tables(self) -> frozenset[str]:
        """The terminology tables that the rules name."""
        return frozenset(rule.table for rules in self.fields.values() for rule in rules if rule.table)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it, in a canonical form."""
        return hashlib.sha256(_canonical(self).encode()).hexdigest()


def _canonical(lexicon: Lexicon) -> str:
    fields = {
        name: [{k: sorted(v) if isinstance(v, frozenset) else v for k, v in rule} for rule in rules]
        for name, rules in lexicon.fields.items()
    }
    return repr((dict(lexicon.macros), lexicon.asides, fields))


def load_lexicon(files: Mapping[str, str], fields: Container[str]) -> Lexicon:
    """A lexicon from its files' texts, by the field that each is of; ``macros`` and ``asides`` are of none.

    Raises InvalidTask, with every fault on a line of its own, with its file and line.
    """
    contents: dict[str, Any] = {}
    faults: list[str] = []
    for name, text in files.items():
        if name not in (_MACROS, _ASIDES) and name not in fields:
            faults.append(f"{name}.yaml: the task has no field of this name")
        try:
            contents[name] = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            faults.append(f"{name}.yaml: {f'line {mark.line + 1}: ' if mark else ''}not YAML")
    if not faults:
        try:
            macros, asides = contents.pop(_MACROS, {}), contents.pop(_ASIDES, {})
            return Lexicon.model_validate({"macros": macros, "asides": asides, "fields": contents})
        except ValidationError as error:
            faults = [line for fault in error.errors(include_input=False) for line in _told(fault, files)]
    raise InvalidTask("\n".join(f"lexicon: {fault}" for fault in faults))


def _told(fault: ErrorDetails, files: Mapping[str, str]) -> list[str]:
    """A fault of validation, which may be several of patterns, each with its file and line."""
    text = fault["msg"].removeprefix("Value error, ")
    if fault["loc"] or not text.startswith("fields."):
        return [_at(list(map(str, fault["loc"])), text, files)]
    lines = (line.split(": ", 1) for line in text.splitlines())
    return [_at(place.split("."), told, files) for place, told in lines]


def _at(place: Sequence[str], text: str, files: Mapping[str, str]) -> str:
    """What is said of a place, with its file and line; ``fields`` leads the places of rules."""
    name, *inner = place[1:] if place[:1] == ["fields"] and place[1:] else place or ["lexicon"]
    key = f"{inner[-1]}: " if inner[1:] else ""
    if name not in files:
        return f"{name}: {key}{text}"
    return f"{name}.yaml: line {_line(yaml.compose(files[name], yaml.SafeLoader), inner)}: {key}{text}"


def _line(node: yaml.Node | None, place: Sequence[str]) -> int:
    """The line of a place in a YAML text, counted from one."""
    line = 1
    for part in ("", *place):
        if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
        elif isinstance(node, yaml.MappingNode) and part:
            node = next((value for key, value in node.value if key.value == part), None)
        if node is None:
            break
        line = node.start_mark.line + 1
    return line

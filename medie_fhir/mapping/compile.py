"""From a template as it stands in the mapping file to nodes: every fault at once, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from medie_fhir.mapping.fhirpath import Evaluate, compile_expression
from medie_fhir.mapping.members import members_of, unknown_members
from medie_fhir.mapping.regex import fault_of
from medie_fhir.mapping.suggest import meant
from medie_fhir.mapping.syntax import FUNCTIONS, WITHHELD, functions_of, is_fhirpath, patterns_of, variables_of
from medie_fhir.mapping.template import (
    All,
    Array,
    Choice,
    Each,
    Literal,
    Node,
    Object,
    One,
    Place,
    Text,
    Within,
)
from medie_fhir.mapping.vocabulary import ANY, VARIABLES, Members

__all__ = ["Compiler"]

_OF_FHIRPATH = frozenset({"context", "resource", "ucum", "sct", "loinc"})  # FHIRPath R2 §9, FPML
_ALL = re.compile(r"\{\[([\s\S]+?)\]\}")
_ONE = re.compile(r"\{\{(\+?)([\s\S]+?)\+?\}\}")
_IF = re.compile(r"\{%\s*if\s([\s\S]+?)%\}")
_ELSE = re.compile(r"\{%\s*else\s*%\}")
_FOR = re.compile(r"\{%\s*for\s+(?:(\w+)\s*,\s*)?(\w+)\s+in\s([\s\S]+?)%\}")
_MERGE = re.compile(r"\{%\s*merge\s*%\}")
_ASSIGN = re.compile(r"\{%\s*assign\s*%\}")
_MARKS = ("{{", "}}", "{[", "]}", "{%", "%}")
_MOST_LEVELS = 60
_MOST_CHARACTERS = 1_000


@dataclass(slots=True)
class Compiler:
    """Compiles templates; ``faults`` holds what was wrong with them, by place."""

    faults: list[tuple[Place, str]] = field(default_factory=list)
    known: Members = field(default_factory=lambda: VARIABLES)
    """The variables, with their members."""

    def template(self, value: Any, place: Place = ()) -> Node:
        """The node of a template. Where faults came of it, it must not be used."""
        return self._node(value, place, self.known)

    def expression(self, text: str, place: Place, known: Members | None = None) -> Evaluate:
        """An expression, compiled; for a broken one a fault, and a callable that gives nothing."""
        if len(text) > _MOST_CHARACTERS:
            self.faults.append(
                (place, f"an expression of more than {_MOST_CHARACTERS:,} characters: part it by assign")
            )
            return _gives_nothing
        try:
            wrong = list(_faults(text, self.known if known is None else known))
            evaluate = _gives_nothing if wrong else compile_expression(text)
        except RecursionError:
            wrong, evaluate = ["an expression that is nested too deeply: part it by assign"], _gives_nothing
        self.faults += [(place, what) for what in wrong]
        return evaluate

    def _asked(self, text: str, place: Place, known: Members) -> tuple[str, Evaluate]:
        """What stands between braces: an expression as it is written, and compiled."""
        text = text.strip()
        return text, self.expression(text, place, known)

    def _node(self, value: Any, place: Place, known: Members) -> Node:
        if len(place) > _MOST_LEVELS:
            self.faults.append((place, f"nested more than {_MOST_LEVELS} levels deep"))
            return Literal(place, None)
        if isinstance(value, dict):
            return self._object(value, place, known)
        if isinstance(value, list):
            return Array(place, tuple(self._node(item, (*place, n), known) for n, item in enumerate(value)))
        return self._text(value, place, known) if isinstance(value, str) else Literal(place, value)

    def _text(self, text: str, place: Place, known: Members) -> Node:
        if _stray(_ONE.sub("", _ALL.sub("", text))):
            self.faults.append((place, "a brace of {{ … }}, {[ … ]} or {% … %} has no counterpart"))
            return Literal(place, text)
        if whole := _ALL.fullmatch(text):
            return All(place, *self._asked(whole[1], place, known))
        if _ALL.search(text):
            self.faults.append((place, "{[ … ]} is a list, and can't stand within a text"))
        parts: list[str | One] = []
        end = 0
        for found in _ONE.finditer(text):
            one = One(place, *self._asked(found[2], place, known), nullable=bool(found[1]))
            if found[0] == text:
                return one
            parts += [text[end : found.start()], one]
            end = found.end()
        return Text(place, tuple(p for p in (*parts, text[end:]) if p != "")) if parts else Literal(place, text)

    def _object(self, value: Mapping[str, Any], place: Place, known: Members) -> Node:
        assigned, known = self._assigned(value, place, known)
        members: list[tuple[str, Node]] = []
        merged: list[Node] = []
        alone: list[Node] = []
        branches: list[tuple[str, Any]] = []
        for key, below in value.items():
            inner = (*place, key)
            if _ASSIGN.fullmatch(key):
                continue
            if _MERGE.fullmatch(key):
                parts = below if isinstance(below, list) else [below]
                merged += [self._node(part, inner, known) for part in parts]
            elif _IF.fullmatch(key) or _ELSE.fullmatch(key):
                branches.append((key, below))
            elif each := _FOR.fullmatch(key):
                asked = self._asked(each[3], inner, known)
                alone.append(Each(inner, *asked, each[2], each[1], self._node(below, inner, _looped(each, known))))
            elif one := _ONE.fullmatch(key):
                asked = self._asked(one[2], inner, known)
                alone.append(Within(inner, *asked, self._node(below, inner, known)))
            elif _stray(key):
                self.faults.append((inner, f"'{key}' is no block; allowed: if, else, for, merge, assign, {{{{ … }}}}"))
            else:
                members.append((key, self._node(below, inner, known)))
        merged += self._choice(branches, place, known)
        if alone and (len(alone) > 1 or members or merged):
            self.faults.append((alone[0].place, "stands alone in its object: give it an object of its own"))
        return Object(place, tuple(members), tuple(assigned), (*merged, *alone))

    def _assigned(
        self, value: Mapping[str, Any], place: Place, known: Members
    ) -> tuple[list[tuple[str, Node]], Members]:
        """The variables that an object's ``{% assign %}`` binds, and all that is known after it."""
        assigned: list[tuple[str, Node]] = []
        for key, below in value.items():
            if not _ASSIGN.fullmatch(key):
                continue
            for one in below if isinstance(below, list) else [below]:
                if not isinstance(one, dict) or len(one) != 1:
                    self.faults.append(((*place, key), "assign takes one name with its value, or a list of such"))
                    continue
                ((name, made),) = one.items()
                assigned.append((name, self._node(made, (*place, key, name), known)))
                known = {**known, name: ANY}
        return assigned, known

    def _choice(self, branches: list[tuple[str, Any]], place: Place, known: Members) -> list[Node]:
        if not branches:
            return []
        conditions = [(key, found[1], below) for key, below in branches if (found := _IF.fullmatch(key))]
        others = [(key, below) for key, below in branches if _ELSE.fullmatch(key)]
        if len(conditions) != 1 or len(others) > 1:
            self.faults.append(
                ((*place, branches[-1][0]), "an object takes one {% if … %}, with one {% else %} at most")
            )
            return []
        key, expression, below = conditions[0]
        inner = (*place, key)
        then = self._node(below, inner, known)
        otherwise = self._node(others[0][1], (*place, others[0][0]), known) if others else None
        return [Choice(inner, *self._asked(expression, inner, known), then, otherwise)]


def _faults(text: str, known: Members) -> Iterator[str]:
    """What is wrong with an expression."""
    if not is_fhirpath(text):
        yield f"'{text}' is no FHIRPath expression"
        return
    for name in sorted(functions_of(text) - FUNCTIONS):
        why = WITHHELD.get(name) or f"is no function of FHIRPath{meant(name, FUNCTIONS, '{}()')}"
        yield f"'{name}()' {why}"
    for name in sorted(variables_of(text) - known.keys() - _OF_FHIRPATH):
        yield f"'%{name}' is no variable{meant(name, known, '%{}')}; allowed: {', '.join(sorted(known))}"
    for pattern in patterns_of(text):
        if pattern is None:
            yield "a regular expression is written out, as one text: a note's words are no expression"
        elif wrong := fault_of(compile_expression(pattern)(None, {})[0]):
            yield f"the regular expression {pattern} {wrong}"
    yield from unknown_members(text, known)


def _looped(each: re.Match[str], known: Members) -> Members:
    """What is known within a loop: its item has the members of what it goes over."""
    asked = each[3].strip()
    try:
        readable = len(asked) <= _MOST_CHARACTERS and is_fhirpath(asked)
        item = members_of(asked, known) if readable else ANY
    except RecursionError:
        item = ANY
    return {**known, **({each[1]: ANY} if each[1] else {}), each[2]: item}


def _stray(text: str) -> bool:
    return any(mark in text for mark in _MARKS)


def _gives_nothing(_: Any, __: Mapping[str, Any]) -> list[Any]:
    return []

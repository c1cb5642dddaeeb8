"""FHIRPath expressions (FHIRPath R2), compiled once.

What templates mostly ask — a member path, ``exists()``, a comparison with a literal — is computed here, in some
microseconds; all else, and whatever of these isn't plain, by fhirpathpy, which decides what an expression means. One
that doesn't come to an end is broken off after a number of steps, and not after a time: everywhere at the same place.
So is one whose values grow without an end, before they fill the memory.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import FrameType
from typing import Any

import fhirpathpy
from fhirpathpy.parser import parse

from medie_fhir.errors import RenderError

__all__ = ["MAX_MATCHED", "MAX_SIZE", "MAX_STEPS", "Evaluate", "compile_expression", "parsed"]

Evaluate = Callable[[Any, Mapping[str, Any]], list[Any]]
"""(resource, variables) → the values. Raises RenderError, without any value of the note in it."""

MAX_STEPS = 200_000
"""Function calls that an expression may take: some tenths of a second. The costliest of ours takes a few hundred."""


MAX_SIZE = 20_000
"""Characters of a text, bits of a number, items of a list, that may come up within an expression."""

MAX_MATCHED = 1_000
"""Characters of a text that a regular expression may be tried on (see ``regex``)."""


class _Unsure(Exception):
    """This isn't one of the plain cases."""


@lru_cache(maxsize=4096)
def parsed(expression: str) -> Any:
    """The expression's syntax tree, as fhirpathpy has it; not to be changed."""
    return parse(expression)["children"][0]


@lru_cache(maxsize=4096)
def compile_expression(expression: str) -> Evaluate:
    """The expression, ready to be evaluated. Its syntax was checked before (see ``syntax``)."""
    compiled = fhirpathpy.compile(expression)

    def slow(resource: Any, variables: Mapping[str, Any]) -> list[Any]:
        return _within_steps(lambda: compiled(resource, dict(variables)))

    try:
        plain = _plain(parsed(expression))
    except _Unsure:
        return slow

    def fast(resource: Any, variables: Mapping[str, Any]) -> list[Any]:
        try:
            return plain(None, variables)
        except (_Unsure, RecursionError):
            return slow(resource, variables)

    return fast


# --- steps ----------------------------------------------------------------------------------------------------------


class _BrokenOff(BaseException):
    """Not an Exception: nothing between here and there takes it for a failure of its own."""


_GROWING = frozenset({str, list, int})
_MATCHING = frozenset({re.search.__code__, re.sub.__code__})


def _within_steps(work: Callable[[], list[Any]]) -> list[Any]:
    left = MAX_STEPS

    def count(frame: FrameType, event: str, value: Any) -> None:
        nonlocal left
        if event == "call":
            left -= 1
            if left < 0:
                raise _BrokenOff(f"doesn't come to an end within {MAX_STEPS:,} steps")
            if frame.f_code in _MATCHING and len(frame.f_locals["string"]) > MAX_MATCHED:
                raise _BrokenOff(f"tries a regular expression on a text of more than {MAX_MATCHED:,} characters")
        elif event == "return" and type(value) in _GROWING and _size(value) > MAX_SIZE:
            raise _BrokenOff(f"makes a value of more than {MAX_SIZE:,} characters, items or bits")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        return work()
    except _BrokenOff as broken:
        raise RenderError(f"the expression {broken}") from None
    except Exception as error:  # noqa: BLE001 - fhirpathpy raises bare Exceptions, with values in them
        raise RenderError(f"the expression fails with {type(error).__name__}") from None
    finally:
        sys.setprofile(before)


def _size(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else len(value)


# --- plain expressions ----------------------------------------------------------------------------------------------

_Plain = Callable[[Any, Mapping[str, Any]], list[Any]]
"""(the item that ``where`` looks at, variables) → the values. Raises _Unsure where fhirpathpy is to decide."""


def _plain(node: Any) -> _Plain:
    """The closure of a parsed expression. Raises _Unsure for what isn't one of the forms below."""
    compiler = _FORMS.get(node["type"])
    if compiler is None:
        raise _Unsure
    return compiler(node)


def _inside(node: Any) -> _Plain:
    (child,) = node["children"]
    return _plain(child)


def _variable(node: Any) -> _Plain:
    name = node["children"][0]["children"][0]["text"].strip("`")

    def variable(_: Any, variables: Mapping[str, Any]) -> list[Any]:
        if name not in variables:
            raise _Unsure
        value = variables[name]
        return [] if value is None else value if isinstance(value, list) else [value]

    return variable


def _member(node: Any) -> _Plain:
    """A member of the item that ``where`` looks at; a name with a capital may be a type's, and is fhirpathpy's."""
    name = _name(node)
    if not name[:1].islower():
        raise _Unsure

    def member(item: Any, _: Mapping[str, Any]) -> list[Any]:
        if item is None:
            raise _Unsure
        return _below([item], name)

    return member


def _invocation(node: Any) -> _Plain:
    left, right = node["children"]
    before = _plain(left)
    if right["type"] == "MemberInvocation":
        name = _name(right)
        return lambda item, variables: _below(before(item, variables), name)
    if right["type"] == "FunctionInvocation":
        return _function(before, right["children"][0]["children"])
    raise _Unsure


def _function(before: _Plain, parts: list[Any]) -> _Plain:
    name = parts[0]["text"]
    parameters = parts[1]["children"] if len(parts) > 1 else []
    if name == "where" and len(parameters) == 1:
        holds = _plain(parameters[0])
        return lambda item, variables: [i for i in before(item, variables) if _truth(holds(i, variables))]
    if parameters:
        raise _Unsure
    if name == "exists":
        return lambda item, variables: [bool(before(item, variables))]
    if name == "empty":
        return lambda item, variables: [not before(item, variables)]
    if name == "first":
        return lambda item, variables: before(item, variables)[:1]
    raise _Unsure


def _string(node: Any) -> _Plain:
    text = node["text"][1:-1]
    if "\\" in text:
        raise _Unsure
    return lambda _, __: [text]


def _comparison(node: Any) -> _Plain:
    (sign,) = node["terminalNodeText"]
    if sign not in {"=", "!="}:
        raise _Unsure
    one, other = map(_plain, node["children"])

    def comparison(item: Any, variables: Mapping[str, Any]) -> list[Any]:
        a, b = one(item, variables), other(item, variables)
        if not a or not b:
            return []
        if len(a) != 1 or len(b) != 1 or not (isinstance(a[0], str) and isinstance(b[0], str)):
            raise _Unsure
        return [(a[0] == b[0]) is (sign == "=")]

    return comparison


def _junction(node: Any) -> _Plain:
    """``and``, ``or``, in three-valued logic (FHIRPath R2 §6.5)."""
    (sign,) = node["terminalNodeText"]
    decisive = {"and": False, "or": True}.get(sign)
    if decisive is None:  # xor
        raise _Unsure
    one, other = map(_plain, node["children"])

    def junction(item: Any, variables: Mapping[str, Any]) -> list[Any]:
        both = _truth(one(item, variables)), _truth(other(item, variables))
        if decisive in both:
            return [decisive]
        return [] if None in both else [not decisive]

    return junction


def _union(node: Any) -> _Plain:
    one, other = map(_plain, node["children"])

    def union(item: Any, variables: Mapping[str, Any]) -> list[Any]:
        values = [*one(item, variables), *other(item, variables)]
        if not all(isinstance(value, str) for value in values):
            raise _Unsure
        return list(dict.fromkeys(values))

    return union


def _truth(values: list[Any]) -> bool | None:
    if not values:
        return None
    if len(values) != 1 or not isinstance(values[0], bool):
        raise _Unsure
    return values[0]


def _name(node: Any) -> str:
    return str(node["children"][0]["text"]).strip("`")


def _below(values: list[Any], name: str) -> list[Any]:
    found = [value.get(name) for value in values if isinstance(value, dict)]
    flat = [item for value in found for item in (value if isinstance(value, list) else [value])]
    return [item for item in flat if item is not None]


_FORMS: dict[str, Callable[[Any], _Plain]] = {
    "TermExpression": _inside,
    "InvocationTerm": _inside,
    "LiteralTerm": _inside,
    "ParenthesizedTerm": _inside,
    "ExternalConstantTerm": _variable,
    "MemberInvocation": _member,
    "InvocationExpression": _invocation,
    "StringLiteral": _string,
    "EqualityExpression": _comparison,
    "AndExpression": _junction,
    "OrExpression": _junction,
    "UnionExpression": _union,
}

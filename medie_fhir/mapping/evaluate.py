"""FPML templates (FHIRPath Mapping Language, Beda Software) over data that nobody may mistake for a template.

FPML looks for ``{{ … }}`` in what an expression gave, too: a note that holds ``{{ 1 + 1 }}`` would be computed. So
every string that could be read as a template is replaced by a token while the template is resolved, and put back at
the end. Expressions are compiled once; plain member paths (``%fact.value``), nine of ten, need no FHIRPath at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import fhirpathpy
from fpml import FPMLValidationError, resolve_template

from medie_fhir.errors import RenderError
from medie_fhir.model import Json

__all__ = ["compile_expression", "expressions", "resolve", "unclosed"]

_PLAIN_PATH = re.compile(r"%\w+(?:\.[a-z_A-Z]\w*)*")
_EXPRESSION = re.compile(r"\{\{\+?\s*([\s\S]+?)\s*\+?\}\}|\{\[\s*([\s\S]+?)\s*\]\}")
_BLOCK = re.compile(r"\{%\s*(?:if\s+(.+?)|for\s+(?:\w+\s*,\s*)?\w+\s+in\s+(.+?))\s*%\}")
_WHOLE_BLOCK = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{\[.*?\]\}")
_TEMPLATE_MARKS = ("{{", "{[", "{%")
_TOKEN = re.compile("\ue000(\\d+)\ue001")


def expressions(template: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    """Every FHIRPath expression in a template, with the path of the node that holds it."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    if isinstance(template, dict):
        for key, value in template.items():
            found += [(path, a or b) for a, b in _BLOCK.findall(key)]
            found += expressions(value, (*path, key))
    elif isinstance(template, list):
        for index, value in enumerate(template):
            found += expressions(value, (*path, index))
    elif isinstance(template, str):
        found += [(path, a or b) for a, b in _EXPRESSION.findall(template)]
    return found


def unclosed(template: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The places of braces that open or close no expression: FPML would write them out as they stand."""
    if isinstance(template, dict):
        keys = [(*path, key) for key in template if _stray(_WHOLE_BLOCK.sub("", key))]
        return keys + [place for key, value in template.items() for place in unclosed(value, (*path, key))]
    if isinstance(template, list):
        return [place for index, value in enumerate(template) for place in unclosed(value, (*path, index))]
    return [path] if isinstance(template, str) and _stray(_EXPRESSION.sub("", template)) else []


def _stray(text: str) -> bool:
    return any(mark in text for mark in (*_TEMPLATE_MARKS, "}}", "]}", "%}"))


@lru_cache(maxsize=4096)
def compile_expression(expression: str) -> Callable[[Any, Mapping[str, Any]], list[Any]]:
    """A callable (resource, variables) → values. Raises what the FHIRPath parser raises, for a broken expression."""
    if _PLAIN_PATH.fullmatch(expression):
        first, *members = expression[1:].split(".")
        return lambda _, variables: _walk(variables[first], members)
    compiled: Callable[[Any, Mapping[str, Any]], list[Any]] = fhirpathpy.compile(expression)
    return compiled


def _walk(node: Any, members: list[str]) -> list[Any]:
    nodes = node if isinstance(node, list) else [node]
    for member in members:
        below = [n.get(member) for n in nodes if isinstance(n, dict)]
        nodes = [item for n in below for item in (n if isinstance(n, list) else [n])]
    return [n for n in nodes if n is not None]


def resolve(template: Any, variables: Json) -> Any:
    """What a template makes of ``variables`` (``%name`` in its expressions). Raises RenderError, without any value."""
    hidden: list[str] = []

    def evaluate(resource: Any, expression: str, context: Json) -> list[Any]:
        return [_hide(value, hidden) for value in compile_expression(expression)(resource, context)]

    try:
        made = resolve_template({}, template, variables, evaluate=evaluate)
    except FPMLValidationError as error:
        raise RenderError(f"the template fails at '{error.error_path}'") from None
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise RenderError(f"the template fails with {type(error).__name__}") from None
    return _show(made, hidden)


def _hide(value: Any, hidden: list[str]) -> Any:
    """The value, with tokens in place of strings that FPML would take for templates."""
    if isinstance(value, str) and (any(m in value for m in _TEMPLATE_MARKS) or "\ue000" in value):
        hidden.append(value)
        return f"\ue000{len(hidden) - 1}\ue001"
    if isinstance(value, dict):
        return {key: _hide(item, hidden) for key, item in value.items()}
    if isinstance(value, list):
        return [_hide(item, hidden) for item in value]
    return value


def _show(value: Any, hidden: list[str]) -> Any:
    """The value with the tokens' strings put back, and numbers as JSON has them."""
    if isinstance(value, str):
        return _TOKEN.sub(lambda token: hidden[int(token[1])], value)
    if isinstance(value, dict):
        return {key: _show(item, hidden) for key, item in value.items()}
    if isinstance(value, list):
        return [_show(item, hidden) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value

"""What is wrong with data's shape, in the words of who writes the file: what was found, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from medie_fhir.mapping.suggest import meant

__all__ = ["said"]

_KINDS = {
    "missing": "missing",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "too_short": "must hold one at least",
}
_MOST_SHOWN = 80


def said(error: ErrorDetails, model: type[BaseModel], *, shows: bool = True) -> str:
    """An error of a ``model``'s, in a line; with the value that was found, unless it may be a patient's (``shows``)."""
    if error["type"] == "extra_forbidden":
        *around, key = error["loc"]
        allowed = _keys(model, around)
        return f"no such key{meant(str(key), allowed)}; allowed: {', '.join(allowed)}"
    what, value = _KINDS.get(error["type"], error["msg"]), error.get("input")
    if error["type"] in ("enum", "literal_error"):  # a suggestion is an allowed word, and shows nobody's
        what += meant(str(value), str(error["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", "))
    if error["type"] == "missing" or not shows or not (value is None or isinstance(value, str | int | float)):
        return what
    shown = "nothing" if value is None else repr(value)
    return f"{what}; found {shown}" if len(shown) <= _MOST_SHOWN else what


def _keys(model: type[BaseModel], path: Iterable[int | str]) -> list[str]:
    """The keys that a model, or the one within it at a path, has."""
    at: type[BaseModel] | None = model
    for step in path:
        fields = {field.alias or name: field for name, field in at.model_fields.items()} if at else {}
        at = _model(fields[step].annotation) if step in fields else at  # else an item's number, or a key of a dict
    return [field.alias or name for name, field in at.model_fields.items()] if at else []


def _model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model(part))), None)

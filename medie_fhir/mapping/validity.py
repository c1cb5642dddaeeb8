"""Is a rendered resource valid FHIR R4? Asked of fhir.resources and of our own shape rules, once for each shape.

What differs from note to note is mostly the words: two resources that differ only in texts, ids, references, instants
and offsets, each well-formed, are valid or not together. So the judgement is remembered by the resource with those
taken out of it (its shape), codes left in, and a note costs no validation of its own unless it brings a new shape.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterator
from functools import cache
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel, ValidationError

from medie_fhir.mapping.shape import faults
from medie_fhir.mapping.suggest import meant
from medie_fhir.model import Json

__all__ = ["MOST_SHAPES", "Validity", "shape_of"]

MOST_SHAPES = 4096

_DAY = r"\d{3}[1-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"
_INSTANT = _DAY + r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d)"
_TEXT = re.compile(r"[ \r\n\t\S]{1,10000}")  # FHIR R4 §2.24.0.1, string
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_REFERENCE = re.compile(r"[A-Z][A-Za-z]{2,30}/[A-Za-z0-9\-.]{1,64}")

# By element name. Only what lies within these bounds is taken out; any other stays in the shape, and is judged.
_WORDS = {
    "text": _TEXT,
    "display": _TEXT,
    "valueString": _TEXT,
    "value": _TEXT,
    "id": _ID,
    "reference": _REFERENCE,
    "source": _REFERENCE,
    "recordedDate": re.compile(_INSTANT),
    "effectiveDateTime": re.compile(f"{_DAY}|{_INSTANT}"),
}
_CHOICE = re.compile(r"(value|effective|onset|abatement|medication|performed|occurrence)(?!Set$)[A-Z]\w*")
_COUNTS = frozenset({"valueInteger"})
_NUMBERS = frozenset({"valueDecimal", "value"})
_MOST_COUNT = 2**31 - 1
_KINDS = {
    "extra_forbidden": "no such element in FHIR R4",
    "missing": "missing",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "string_type": "must be a text",
    "value_error": "a value that its type doesn't allow",
    "string_pattern_mismatch": "a value that its type doesn't allow",
}


class Validity:
    """Judges resources, and remembers the judgement by their shape; the oldest of MOST_SHAPES are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def faults(self, resource: Json) -> tuple[str, ...]:
        """What is wrong with a resource, by elements and never with their values; empty where nothing is."""
        shape = shape_of(resource)
        known = self._known.get(shape)
        if known is None:
            known = self._known[shape] = _judged(resource)
            if len(self._known) > MOST_SHAPES:
                self._known.popitem(last=False)
        return known


def shape_of(resource: Json) -> str:
    """A resource without its words: equal for two that are valid or not together."""
    return json.dumps(_without_words(resource), sort_keys=True, default=repr)


def _without_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _wordless(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_words(item) for item in value]
    return value


def _wordless(key: Any, item: Any) -> Any:
    if isinstance(item, str):
        pattern = _WORDS.get(key)
        return "…" if pattern is not None and pattern.fullmatch(item) else item
    if isinstance(item, bool):
        return item
    if isinstance(item, int) and key in _COUNTS and 0 <= item <= _MOST_COUNT:
        return 0
    if isinstance(item, int | float) and key in _NUMBERS and 0 <= item <= _MOST_COUNT:  # not so for NaN
        return 0.5
    return _without_words(item)


def _judged(resource: Json) -> tuple[str, ...]:
    model = _model(resource["resourceType"])
    if model is None:
        return ("the resourceType is none of FHIR R4's",)
    if twice := tuple(_chosen_twice(resource, "")):
        return twice
    try:
        read = model.model_validate(resource).model_dump(mode="json")
    except ValidationError as error:
        return tuple(_said(e["loc"], e["type"], model) for e in error.errors(include_input=False))
    return tuple(_misread(resource, read, ())) or tuple(faults(resource))  # those take every element to be of its type


def _chosen_twice(value: Any, path: str) -> Iterator[str]:
    """Where an element of a choice of types is given in more than one of them."""
    if isinstance(value, dict):
        chosen: dict[str, str] = {}
        for key in value:
            if isinstance(key, str) and (choice := _CHOICE.fullmatch(key)) is not None:
                before = chosen.setdefault(choice[1], key)
                if before != key:
                    yield f"{path}{key}: only one {choice[1]}[x]: {before} stands beside it"
        for key, below in value.items():
            yield from _chosen_twice(below, f"{path}{key}.")
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from _chosen_twice(item, f"{path}{n}.")


def _misread(value: Any, read: Any, path: tuple[int | str, ...]) -> Iterator[str]:
    """What fhir.resources is lenient with and FHIR's JSON is not: what is empty, a number or truth value as text."""
    if value in (None, "", [], {}):
        yield f"{'.'.join(map(str, path))}: is empty: give it a value, or leave it out"
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from _misread(below, read.get(key) if isinstance(read, dict) else None, (*path, key))
    elif isinstance(value, list):
        for n, below in enumerate(value):
            yield from _misread(below, read[n] if isinstance(read, list) and n < len(read) else None, (*path, n))
    elif read is not None and _kind(value) is not _kind(read):
        yield f"{'.'.join(map(str, path))}: {_KINDS['value_error']}"


def _kind(leaf: Any) -> type:
    return float if isinstance(leaf, int | float) and not isinstance(leaf, bool) else type(leaf)


def _said(at: tuple[int | str, ...], kind: str, model: type[BaseModel]) -> str:
    """One fault, in words without its value: pydantic's own may show it."""
    what = _KINDS.get(kind, f"not as FHIR R4 has it ({kind})")
    if kind == "extra_forbidden" and len(at) == 1:
        names = [field.alias or name for name, field in model.model_fields.items()]
        what += meant(str(at[0]), names)
    return f"{'.'.join(map(str, at))}: {what}"


@cache
def _model(resource_type: str) -> type[BaseModel] | None:
    try:
        model: type[BaseModel] = get_fhir_model_class(resource_type)
    except (AttributeError, LookupError, ValueError):
        return None
    return model

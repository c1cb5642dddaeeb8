"""A model's answer → the task's values, and where in the answer they stand.

The law: every answer is parsed, or raises ModelOutputError, and never anything else. No repair: an answer cut short or
wrong is not "nothing found". (RFC 8259, narrowed to one flat object of strings and nulls.)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NoReturn

from medie_fhir.errors import ModelOutputError
from medie_fhir.extraction.task import Task
from medie_fhir.ports import ModelAnswer

__all__ = ["ParsedValue", "parse"]

_BLANK = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*)"')
_CHARACTER = re.compile(r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u.{4}|\\.|.", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ParsedValue:
    """A string of the answer. ``places[i]`` is where in the answer its character ``i`` begins; the last, where it ends.

    ``cut`` where it fills the length that the schema gives it: what the model would have said further is not known.
    """

    text: str
    places: tuple[int, ...]
    cut: bool = False


def parse(answer: ModelAnswer, task: Task) -> dict[str, ParsedValue | None]:
    """The values of an answer, in the task's order; None where the model says null.

    Raises ModelOutputError for anything but one JSON object with exactly the task's keys, each once, each a string or
    null, of Unicode text without control characters, and finished by the model itself.
    """
    if answer.finish_reason != "stop":
        _refuse("was not finished: the model ran into the limit of tokens, or was stopped")
    values = _object(answer.text)
    if values.keys() != task.fields.keys():
        missing = ", ".join(name for name in task.fields if name not in values)
        _refuse(f"lacks {missing}" if missing else "has keys that the task does not know")
    return {name: _checked(values[name], rule.max_length) for name, rule in task.fields.items()}


def _checked(value: ParsedValue | None, max_length: int) -> ParsedValue | None:
    if value is None:
        return None
    if _CONTROL.search(value.text):
        _refuse("has control characters in a value")
    try:
        value.text.encode()
    except UnicodeEncodeError:
        _refuse("has a value that is no Unicode text")
    if len(value.text) < max_length:
        return value
    return ParsedValue(value.text, value.places, cut=True)


def _object(text: str) -> dict[str, ParsedValue | None]:
    """A flat JSON object of strings and nulls, as the whole of a text."""
    values: dict[str, ParsedValue | None] = {}
    place = _expect(text, 0, "{")
    while True:
        key, place = _string(text, place)
        if key.text in values:
            _refuse("has a key twice")
        place = _expect(text, place, ":")
        if text.startswith("null", place):
            values[key.text], place = None, place + 4
        else:
            values[key.text], place = _string(text, place)
        place = _BLANK.match(text, place).end()  # type: ignore[union-attr] # it matches the empty string too
        if not text.startswith(",", place):
            break
        place = _expect(text, place, ",")
    place = _expect(text, place, "}")
    if place != len(text):
        _refuse("goes on after its JSON")
    return values


def _expect(text: str, place: int, mark: str) -> int:
    """The place after a punctuation mark and the blanks around it."""
    place = _BLANK.match(text, place).end()  # type: ignore[union-attr] # it matches the empty string too
    if not text.startswith(mark, place):
        _refuse("is not one JSON object of strings and nulls")
    return _BLANK.match(text, place + len(mark)).end()  # type: ignore[union-attr] # as above


def _string(text: str, place: int) -> tuple[ParsedValue, int]:
    """A JSON string at a place, and the place after it."""
    if (found := _STRING.match(text, place)) is None:
        _refuse("is not one JSON object of strings and nulls")
    places = tuple(m.start() for m in _CHARACTER.finditer(text, found.start(1), found.end(1)))
    return ParsedValue(json.loads(found[0]), (*places, found.end(1))), found.end()


def _refuse(what: str) -> NoReturn:
    raise ModelOutputError(f"the model's answer {what}")

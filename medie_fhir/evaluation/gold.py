"""Notes with what a person read in them, of two formats, as one type.

Annotated notes: ``{"id", "text", "gold": {field: [spans]}, "alt": {span: [wordings]}, "optional": {field: [values]},
"forbid": [{"field", "value", "trap"}], "trap": [tags], "note_type"}``. Pairs of instruction tuning: ``{"instruction",
"input", "output": {field: "a; b" or null}}``; they have no id, so their line's number is it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, ValidationError

from medie_fhir.errors import SettingsError
from medie_fhir.evaluation.matching import NO_VALUES
from medie_fhir.model import Frozen

__all__ = ["Forbidden", "GoldNote", "parts", "read_gold"]


class Forbidden(Frozen):
    """A value that must not be read in a note, and why it tempts: ``trap``, such as ``family_history``."""

    field: str
    value: str
    trap: str


class GoldNote(Frozen):
    """A note and its gold.

    ``gold``: each distinct fact of each field; ``alt``: other wordings of a gold value that count the same;
    ``optional``: values that are neither right nor wrong; ``traps``: tags of the note, ``forbid``'s and others.
    """

    id: str
    text: str
    note_type: str = "note"
    gold: Mapping[str, tuple[str, ...]] = {}
    alt: Mapping[str, tuple[str, ...]] = {}
    optional: Mapping[str, tuple[str, ...]] = {}
    forbid: tuple[Forbidden, ...] = ()
    traps: tuple[str, ...] = Field(default=(), alias="trap")

    @property
    def is_negative(self) -> bool:
        """Whether nothing at all is to be read in it."""
        return not any(self.gold.values())

    def wordings(self, value: str) -> tuple[str, ...]:
        """A gold value and its other wordings."""
        return (value, *self.alt.get(value, ()))


def read_gold(text: str, name: str) -> tuple[GoldNote, ...]:
    """The notes of a JSONL text; ``name`` is the file's, for the message. Raises SettingsError at the first fault."""
    notes: dict[str, GoldNote] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            note = _note(line, f"{name}:{number}", number)
            if note.id in notes:
                raise SettingsError(f"{name}:{number}: a second note with the id of an earlier one")
            notes[note.id] = note
    if not notes:
        raise SettingsError(f"{name}: holds no note")
    return tuple(notes.values())


def _note(line: str, place: str, number: int) -> GoldNote:
    try:
        value = json.loads(line)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair can be neither hashed nor printed
    except (ValueError, RecursionError):
        raise SettingsError(f"{place}: is not JSON") from None
    try:
        match value:
            case {"input": str(text), "output": dict(output)}:
                gold = {field: tuple(_of_one_text(said)) for field, said in output.items()}
                return GoldNote(id=f"row-{number}", text=text, gold=gold)
            case {"id": _, "text": _, "gold": _}:
                known = {"id", "text", "note_type", "gold", "alt", "optional", "forbid", "trap"}
                return GoldNote.model_validate({key: said for key, said in value.items() if key in known})
    except ValidationError as error:
        places = sorted({".".join(map(str, e["loc"][:1])) for e in error.errors(include_input=False)})
        raise SettingsError(f"{place}: not a gold note: {', '.join(places)}") from None
    raise SettingsError(f'{place}: neither {{"id", "text", "gold"}} nor {{"input", "output"}}')


def _of_one_text(said: Any) -> Iterator[str]:
    if said is None:
        return
    for value in said if isinstance(said, Sequence) and not isinstance(said, str) else [said]:
        yield from (part for part in parts(str(value)) if part.lower() not in NO_VALUES)


_DEEPER, _HIGHER = "([", ")]"
_SEPARATOR = re.compile(r"[;|]|,(?!\d)")


def parts(value: str, separator: re.Pattern[str] = _SEPARATOR) -> tuple[str, ...]:
    """The items of a value written as one text, parted outside brackets: by ``;``, ``|`` and commas, not in numbers."""
    depth, start, found = 0, 0, []
    for place, character in enumerate(value):
        depth = max(0, depth + (character in _DEEPER) - (character in _HIGHER))
        if not depth and place >= start and (match := separator.match(value, place)):
            found.append(value[start:place])
            start = match.end()
    found.append(value[start:])
    return tuple(" ".join(part.split()) for part in found if part.strip())

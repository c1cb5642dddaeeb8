"""The cue list: phrases that say how a note asserts what stands near them (``schemas/context/cues.csv``).

Each row is a cue with its category, direction and scope, and a sentence that shows it: the target in double square
brackets, and what the note says of it. The sentences are tests of the list and of the engine at once.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from medie_fhir.errors import InvalidTerminology
from medie_fhir.grounding.fold import MINUS
from medie_fhir.model import Assertion, Experiencer

__all__ = ["CUE_WORD", "Category", "Cue", "Cues", "Direction", "load_cues"]

_COLUMNS = ["cue", "category", "direction", "scope", "test", "expected"]
_Kind = TypeVar("_Kind", bound=StrEnum)
_TARGET = re.compile(r"\[\[(.+?)\]\]")
_PLUS = r"(?<=\()\+(?=\))|(?<=[A-Za-z0-9])\+"
CUE_WORD = re.compile(rf"(?P<minus>{MINUS})|(?P<plus>{_PLUS})|[^\W_]+(?:['’][^\W_]+)*|[?;:,./]")
"""The words and marks of a sentence for cues; a minus or plus that is a result stands as "(-)" or "(+)"."""


class Category(StrEnum):
    """What a cue says of a target in its scope."""

    ABSENT = "absent"
    POSSIBLE = "possible"  # or conditional
    HISTORICAL = "historical"
    PLANNED = "planned"
    RESULT = "result"  # of a test, negative: absent, where the target is what was tested ("ER negative" is no cancer)
    PENDING = "pending"  # a test that is not done, or has no result yet: possible
    DECLINED = "declined"  # a treatment that was refused, or judged unfit: absent
    FAMILY = "family"
    OTHER = "other"  # someone else, or nobody: the literature
    PSEUDO = "pseudo"  # looks like a cue, and is none
    TERMINATOR = "terminator"  # ends the scope of others


class Direction(StrEnum):
    """Where a cue's targets stand."""

    FORWARD = "forward"
    BACKWARD = "backward"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Cue:
    """One row. ``scope`` is in words, or None for the whole sentence; ``line`` is of the file."""

    words: tuple[str, ...]
    category: Category
    direction: Direction
    scope: int | None
    test: str
    target: tuple[int, int]
    expected: tuple[Assertion, Experiencer]
    line: int


@dataclass(frozen=True, eq=False)
class Cues:
    """All cues, by their first word, the longest first."""

    rows: tuple[Cue, ...]
    by_first_word: Mapping[str, tuple[Cue, ...]]


def cue_words(text: str) -> tuple[str, ...]:
    """The words of a phrase, as the engine compares them."""
    return tuple(cue_word(match) for match in CUE_WORD.finditer(text))


def cue_word(match: re.Match[str]) -> str:
    """One word of :data:`CUE_WORD`, folded."""
    if match["minus"] is not None:
        return "(-)"
    if match["plus"] is not None:
        return "(+)"
    return match[0].lower().replace("’", "'")


def load_cues(text: str) -> Cues:
    """The cues of a CSV text. Raises InvalidTerminology with every fault and its line."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    if reader.fieldnames != _COLUMNS:
        raise InvalidTerminology(f"cues: line 1: the columns must be {','.join(_COLUMNS)}")
    rows: list[Cue] = []
    faults: list[str] = []
    seen: dict[tuple[str, ...], int] = {}
    try:
        for row in reader:
            try:
                cue = _cue(row, reader.line_num)
            except ValueError as fault:
                faults.append(f"cues: line {reader.line_num}: {fault}")
                continue
            if cue.words in seen:
                faults.append(f"cues: line {cue.line}: the cue of line {seen[cue.words]} again")
            seen[cue.words] = cue.line
            rows.append(cue)
    except csv.Error as fault:
        faults.append(f"cues: line {reader.line_num}: {fault}")
    if not rows and not faults:
        faults.append("cues: no rows")
    if faults:
        raise InvalidTerminology("\n".join(faults))
    first: dict[str, list[Cue]] = {}
    for cue in sorted(rows, key=lambda cue: -len(cue.words)):
        first.setdefault(cue.words[0], []).append(cue)
    return Cues(tuple(rows), {word: tuple(cues) for word, cues in first.items()})


def _cue(row: Mapping[str, str | None], line: int) -> Cue:
    values = {column: (row.get(column) or "").strip() for column in _COLUMNS}
    words = cue_words(values["cue"])
    targets = list(_TARGET.finditer(values["test"]))
    if not words or None in row:
        raise ValueError("no cue" if not words else "more values than columns")
    if len(targets) != 1:
        raise ValueError("the test must hold one [[target]]")
    scope = values["scope"]
    if scope != "sentence" and not (scope.isascii() and scope.isdigit()):
        raise ValueError("scope must be a number of words, or sentence")
    start, target = targets[0].start(), targets[0][1]
    return Cue(
        words=words,
        category=_one_of(Category, values["category"], "category"),
        direction=_one_of(Direction, values["direction"], "direction"),
        scope=None if scope == "sentence" else int(scope),
        test=_TARGET.sub(lambda match: match[1], values["test"]),
        target=(start, start + len(target)),
        expected=_expected(values["expected"]),
        line=line,
    )


def _expected(text: str) -> tuple[Assertion, Experiencer]:
    """``absent``, ``family`` (which is present), or ``absent family``."""
    assertion, experiencer = Assertion.PRESENT, Experiencer.PATIENT
    if not text:
        raise ValueError("no expected assertion or experiencer")
    for word in text.split():
        if word in set(Experiencer):
            experiencer = Experiencer(word)
        else:
            assertion = _one_of(Assertion, word, "expected")
    return assertion, experiencer


def _one_of(kinds: type[_Kind], word: str, column: str) -> _Kind:
    try:
        return kinds(word)
    except ValueError:
        raise ValueError(f"{column} must be one of {', '.join(kinds)}") from None

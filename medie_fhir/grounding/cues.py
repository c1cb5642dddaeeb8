"""The cue list: phrases that say how a note asserts what stands near them (``schemas/context/cues.csv``).

Each row is a cue with its category, direction and scope, and a sentence that shows it: the target in double square
brackets, and what the note says of it. The sentences are tests of the list and of the engine at once.

In a cue ``^`` is where a sentence, an item of a list or what follows a semicolon begins, and a word in angle brackets
is any word of its kind (:data:`WORD_KINDS`): "scheduled for <when>".
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

__all__ = ["BEGIN", "CUE_WORD", "WORD_KINDS", "Category", "Cue", "Cues", "Direction", "load_cues"]

_COLUMNS = ["cue", "category", "direction", "scope", "test", "expected"]
_Kind = TypeVar("_Kind", bound=StrEnum)
_TARGET = re.compile(r"\[\[(.+?)\]\]")
_PLUS = r"(?<=\()\+(?=\))|(?<=[A-Za-z0-9])\+"
CUE_WORD = re.compile(rf"(?P<minus>{MINUS})|(?P<plus>{_PLUS})|[^\W_]+(?:['’][^\W_]+)*|[?;:,./]")
"""The words and marks of a sentence for cues; a minus or plus that is a result stands as "(-)" or "(+)"."""
BEGIN = "^"
_CUE_PART = re.compile(rf"(?P<kind><\w+>|\^)|{CUE_WORD.pattern}")
_PEOPLE = "mother father sister brother daughter son mom dad husband wife spouse partner parents family grandson niece"
WORD_KINDS: Mapping[str, frozenset[str]] = {
    "<begin>": frozenset((BEGIN, ":", ",", "and", "then")),  # before an imperative: "Start"
    "<number>": frozenset(map(str, range(32))),  # of a date
    "<person>": frozenset(["she", "he", "they", "pt", "patient", "i", "we"]),
    "<possessive>": frozenset(["her", "his", "their", "the", "patient's", "pt's"]),
    "<relative>": frozenset(_PEOPLE.split()),
    "<when>": frozenset(
        [
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
            "mon",
            "tue",
            "tues",
            "wed",
            "thu",
            "thurs",
            "fri",
            "sat",
            "sun",
            "january",
            "february",
            "march",
            "april",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
            "jan",
            "feb",
            "mar",
            "apr",
            "may",
            "jun",
            "jul",
            "aug",
            "sep",
            "sept",
            "oct",
            "nov",
            "dec",
            "tomorrow",
            "tonight",
            "next",
            "early",
            "late",
            "mid",
            "this",
        ]
    ),
}


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
    CLAUSE = "clause"  # ends it too, but for a person's: "her mother was diagnosed with"


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
    """All cues, by their first word, the longest first. The same words may stand with two categories or directions."""

    rows: tuple[Cue, ...]
    by_first_word: Mapping[str, tuple[Cue, ...]]


def _cue_words(text: str) -> tuple[str, ...]:
    """The words of a cue, as the engine compares them."""
    words = tuple(match["kind"] or cue_word(match) for match in _CUE_PART.finditer(text))
    if unknown := next((word for word in words if word.startswith("<") and word not in WORD_KINDS), None):
        raise ValueError(f"{unknown} is none of the kinds of words: {', '.join(WORD_KINDS)}")
    return words


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
    seen: dict[tuple[tuple[str, ...], Category, Direction], int] = {}
    try:
        for row in reader:
            try:
                cue = _cue(row, reader.line_num)
            except ValueError as fault:
                faults.append(f"cues: line {reader.line_num}: {fault}")
                continue
            key = cue.words, cue.category, cue.direction
            if key in seen:
                faults.append(f"cues: line {cue.line}: the cue of line {seen[key]} again")
            seen[key] = cue.line
            rows.append(cue)
    except csv.Error as fault:
        faults.append(f"cues: line {reader.line_num}: {fault}")
    if not rows and not faults:
        faults.append("cues: no rows")
    if faults:
        raise InvalidTerminology("\n".join(faults))
    first: dict[str, list[Cue]] = {}
    for cue in sorted(rows, key=lambda cue: -len(cue.words)):
        for word in WORD_KINDS.get(cue.words[0], (cue.words[0],)):
            first.setdefault(word, []).append(cue)
    return Cues(tuple(rows), {word: tuple(cues) for word, cues in first.items()})


def _cue(row: Mapping[str, str | None], line: int) -> Cue:
    values = {column: (row.get(column) or "").strip() for column in _COLUMNS}
    words = _cue_words(values["cue"])
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

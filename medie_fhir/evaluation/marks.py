"""Where in a note's text what was found and what was missed stands, and the stretches that overlapping marks cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from medie_fhir.evaluation.verdicts import Verdicts

__all__ = ["Mark", "marks", "stretches"]

Kind = Literal["wrong", "missed", "right", "ignored"]
_FIRST: Final[dict[str, int]] = {"wrong": 0, "missed": 1, "right": 2, "ignored": 3}


@dataclass(frozen=True, slots=True)
class Mark:
    """A half-open stretch of a text, and what it shows."""

    start: int
    end: int
    kind: Kind
    field: str
    value: str


def marks(verdicts: Verdicts) -> list[Mark]:
    """The evidence of what was predicted, and the first place of each missed value that stands in the text."""
    text = verdicts.note.text
    found = [
        Mark(e.start, e.end, one.verdict.value, one.fact.field, one.item)
        for one in verdicts.judged
        for e in one.fact.evidence
        if 0 <= e.start < e.end <= len(text)
    ]
    for miss in verdicts.missed:
        place = text.find(miss.value)
        if miss.value and place >= 0:
            found.append(Mark(place, place + len(miss.value), "missed", miss.field, miss.value))
    return found


def stretches(length: int, found: Sequence[Mark]) -> Iterator[tuple[int, int, tuple[Mark, ...]]]:
    """The text from end to end, cut at each mark's ends, with the marks over each stretch; the gravest comes first."""
    cuts = sorted({0, length, *(one.start for one in found), *(one.end for one in found)})
    for start, end in pairwise(cuts):
        here = [one for one in found if one.start <= start and end <= one.end]
        yield start, end, tuple(sorted(here, key=lambda one: _FIRST[one.kind]))

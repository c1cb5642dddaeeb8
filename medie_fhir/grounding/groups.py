"""Which of a note's several tumours a fact belongs to; for another task, which of its several primary diagnoses.

Only what stands close together is joined: a fact is of the one diagnosis that its sentence names or, where the sentence
names none, its paragraph (a numbered item with its sub-items is one). Where two are named, and where a fact is said in
places of two, nothing is guessed: no link is better than a wrong one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from medie_fhir.model import Assertion, Experiencer, Fact, NoteText, Span

__all__ = ["grouped", "is_told"]

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_NUMBERED = re.compile(r"(?:#\s?\d{1,2}[.:)]?|\(?\d{1,2}[.)]|[A-H][.)])\s")
_UNKNOWN = 0  # a diagnosis that no table knows: it has no group, but what stands by it may be of it


def grouped(
    facts: Sequence[Fact], note: NoteText, *, field: str, meaning: Callable[[str], str | None]
) -> tuple[Fact, ...]:
    """The facts, with ``group`` set (from 1) where the note has diagnoses of two meanings or more; else as they are.

    The diagnoses are the present facts of ``field`` that are the patient's; ``meaning`` says what a value of it means,
    or None for one that no table knows.
    """
    numbers = _numbers(facts, field, meaning)
    if len(set(numbers.values()) - {_UNKNOWN}) < 2:  # noqa: PLR2004 - of one diagnosis all is said
        return tuple(facts)
    places = _Places.of(note)
    at_sentence: dict[int, set[int]] = defaultdict(set)
    at_paragraph: dict[int, set[int]] = defaultdict(set)
    for index, number in numbers.items():
        for sentence in places.sentences_of(facts[index]):
            at_sentence[sentence].add(number)
            at_paragraph[places.paragraphs[sentence]].add(number)

    def group(index: int, fact: Fact) -> int | None:
        if index in numbers:
            return numbers[index] or None
        if fact.experiencer is not Experiencer.PATIENT or fact.field == field:
            return None
        near: set[int] = set()
        for sentence in places.sentences_of(fact):
            near |= at_sentence.get(sentence) or at_paragraph.get(places.paragraphs[sentence], set())
        return (near.pop() or None) if len(near) == 1 else None

    return tuple(fact.model_copy(update={"group": group(index, fact)}) for index, fact in enumerate(facts))


def is_told(fact: Fact) -> bool:
    """Whether the note says it of the patient, as present."""
    said = fact.assertion is Assertion.PRESENT and fact.experiencer is Experiencer.PATIENT
    return said and bool(fact.evidence)


def _numbers(facts: Sequence[Fact], field: str, meaning: Callable[[str], str | None]) -> dict[int, int]:
    """The group of each diagnosis, by its place among the facts: one for one meaning."""
    numbers: dict[int, int] = {}
    known: dict[str, int] = {}
    for index, fact in enumerate(facts):
        if fact.field == field and is_told(fact):
            key = meaning(fact.value)
            numbers[index] = _UNKNOWN if key is None else known.setdefault(key, len(known) + 1)
    return numbers


@dataclass(frozen=True, slots=True)
class _Places:
    """The note's sentences where they stand in its source text, and the paragraph of each."""

    starts: tuple[int, ...]
    paragraphs: tuple[int, ...]

    @classmethod
    def of(cls, note: NoteText) -> _Places:
        starts = tuple(note.offsets.to_source(sentence).start for sentence in note.sentences)
        return cls(starts or (0,), tuple(_paragraphs(note, note.sentences)) or (0,))

    def sentences_of(self, fact: Fact) -> Iterable[int]:
        """The numbers of the sentences in which a fact is said."""
        found: set[int] = set()
        for evidence in fact.evidence:
            first = bisect_right(self.starts, evidence.start) - 1
            last = bisect_right(self.starts, evidence.end - 1) - 1
            found.update(range(max(first, 0), max(last, 0) + 1))
        return found


def _paragraphs(note: NoteText, sentences: Sequence[Span]) -> Iterator[int]:
    number = 0
    borders = {section.span.start for section in note.sections}
    for index, sentence in enumerate(sentences):
        if index:
            gap = Span(sentences[index - 1].end, sentence.start)
            parted = _BLANK_LINE.search(note.text, *gap) or any(b in borders for b in range(gap.start, gap.end + 1))
            number += bool(parted or _NUMBERED.match(note.text, sentence.start))
        yield number

"""Where a note says nothing of its patient, whatever stands there: boxes that nobody ticked, leaflets, orders."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property

from pydantic import field_validator

from medie_fhir.lexicon.rule import compiled
from medie_fhir.model import Evidence, Experiencer, Fact, Frozen, NoteText, Span

__all__ = ["Aside", "Asides"]


class Asides(Frozen):
    """Patterns of what is said aside, read as a rule's are, and without macros.

    ``notes``: one of them makes the whole note an aside. ``sentences``: one of them makes its sentence one.
    ``stretches``: what one of them matches is one, and no more.
    """

    notes: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    stretches: tuple[str, ...] = ()

    @field_validator("notes", "sentences", "stretches")
    @classmethod
    def _compile(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            compiled(pattern)
        return patterns


class Aside:
    """What is said aside in one note. A sentence is looked at when it is asked for, and once."""

    def __init__(self, note: NoteText, asides: Asides) -> None:
        self._note = note
        self._whole = any(compiled(pattern).search(note.text) for pattern in asides.notes)
        self._stretches = _merged(
            Span(*match.span()) for pattern in asides.stretches for match in compiled(pattern).finditer(note.text)
        )
        self._sentences = tuple(map(compiled, asides.sentences))
        self._known: dict[int, bool] = {}

    def holds(self, span: Span) -> bool:
        """Whether a stretch of the text touches what is said aside."""
        if self._whole or _touches(self._stretches, span):
            return True
        number = bisect_right(self._note.sentences, span.start, key=lambda s: s.start) - 1
        return number >= 0 and self._is_aside(number)

    def marked(self, fact: Fact) -> Fact:
        """The fact; one that stands nowhere but aside is nobody's."""
        if not fact.evidence or not all(self._has(evidence) for evidence in fact.evidence):
            return fact
        return fact.model_copy(update={"experiencer": Experiencer.OTHER})

    def _has(self, evidence: Evidence) -> bool:
        """Whether a place of the source is aside: its sentence is, or a stretch that it touches."""
        offsets, sentences = self._note.offsets, self._note.sentences
        if self._whole or _touches(self._in_source, Span(evidence.start, evidence.end)):
            return True
        number = bisect_right(sentences, evidence.start, key=lambda s: offsets.to_source(s).start) - 1
        return number >= 0 and self._is_aside(number)

    @cached_property
    def _in_source(self) -> list[Span]:
        return [self._note.offsets.to_source(stretch) for stretch in self._stretches]

    def _is_aside(self, number: int) -> bool:
        if number not in self._known:
            sentence = self._note.sentences[number]
            self._known[number] = any(pattern.search(self._note.text, *sentence) for pattern in self._sentences)
        return self._known[number]


def _touches(stretches: Sequence[Span], span: Span) -> bool:
    """Whether one of the stretches, which are in order, has a character of a span."""
    at = bisect_right(stretches, span.start, key=lambda s: s.end)
    return at < len(stretches) and stretches[at].start < span.end


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same stretches, in order, those that touch as one."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged

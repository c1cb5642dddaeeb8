"""A note's text, its parts, and the way back to what the clinician wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["NoteText", "OffsetMap", "Run", "Section", "Span"]


class Span(NamedTuple):
    """A half-open stretch of a text, in code points."""

    start: int
    end: int


class Run(NamedTuple):
    """A stretch of the text and where it comes from.

    Equal lengths: character for character. Else the whole run stands for the whole source stretch (``&nbsp;``).
    """

    start: int
    length: int
    source_start: int
    source_length: int


@dataclass(frozen=True, slots=True)
class OffsetMap:
    """From places in the plain text to places in the source text that the clinician wrote.

    ``runs`` are ordered, without gaps or overlap in the text; source stretches are ordered too.
    Law: for every span, the mapped span's source holds the characters that the span's text was made from.
    """

    runs: tuple[Run, ...]

    @classmethod
    def identity(cls, length: int) -> OffsetMap:
        """The map of a text that is its own source."""
        return cls((Run(0, length, 0, length),) if length else ())

    def to_source(self, span: Span) -> Span:
        """The stretch of the source behind a stretch of the text. Raises ValueError for one outside the text."""
        if span.start >= span.end or not self.runs or span.start < 0:
            raise ValueError("an empty span, or one outside the text, has no place in the source")
        first, last = self._run_at(span.start), self._run_at(span.end - 1)
        start = first.source_start
        if first.length == first.source_length:
            start += span.start - first.start
        end = last.source_start + last.source_length
        if last.length == last.source_length:
            end = last.source_start + span.end - last.start
        return Span(start, end)

    def _run_at(self, place: int) -> Run:
        low, high = 0, len(self.runs) - 1
        while low <= high:
            middle = (low + high) // 2
            run = self.runs[middle]
            if place < run.start:
                high = middle - 1
            elif place >= run.start + run.length:
                low = middle + 1
            else:
                return run
        raise ValueError("outside the text")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a note. ``kind`` is one of a fixed set of words, such as ``family_history``, never its heading."""

    span: Span
    kind: str


@dataclass(frozen=True, slots=True)
class NoteText:
    """A note's plain text, its source text, and where what stands.

    ``sentences`` cover every non-blank character once, in order; ``sections`` likewise cover the text.
    ``sha256`` is of ``text`` as UTF-8.
    """

    text: str
    source: str
    offsets: OffsetMap
    content_type: str
    sha256: str
    language: str | None = None
    sentences: tuple[Span, ...] = ()
    sections: tuple[Section, ...] = ()

    def section_at(self, place: int) -> str | None:
        """The kind of the section around a place in ``text``."""
        return next((s.kind for s in self.sections if s.span.start <= place < s.span.end), None)

"""The sentence around a mention, and the line that leads in the list in which it stands ("Rule out:" above items)."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from medie_fhir.model import NoteText, Span

__all__ = ["ITEM_MARK", "Surroundings", "surroundings"]

ITEM_MARK = re.compile(r"(?:[-–—*•·▪◦o>+]|\(?(?:\d{1,2}|[a-zA-Z])[.)])\s")
"""The mark before an item of a list, with the blank after it."""
_FURTHEST_LEAD = 12  # items
_FURTHEST_TITLE = 40  # sentences
_LONGEST_TITLE = 60  # characters


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``sentence`` is the stretch from the first to the last sentence of a mention; ``lead`` and ``title`` may be None.

    ``title`` is a line in capitals above the mention's paragraph: "NOT DETECTED" above genes.
    """

    text: str
    sentence: Span
    lead: Span | None
    title: Span | None = None

    def matches(self, pattern: re.Pattern[str]) -> bool:
        """Whether the sentence or its lead-in matches."""
        if pattern.search(self.text, *self.sentence):
            return True
        return self.lead is not None and bool(pattern.search(self.text, *self.lead))


def surroundings(note: NoteText, span: Span) -> Surroundings:
    """What stands around a mention. Without sentences the whole text does."""
    if not note.sentences:
        return Surroundings(note.text, Span(0, len(note.text)), None)
    first = max(0, bisect_right(note.sentences, span.start, key=lambda s: s.start) - 1)
    last = max(first, bisect_right(note.sentences, span.end - 1, key=lambda s: s.start) - 1)
    sentence = Span(note.sentences[first].start, note.sentences[last].end)
    return Surroundings(note.text, sentence, _lead(note, first), _title(note, first))


def _lead(note: NoteText, number: int) -> Span | None:
    """The line with a colon above a list, in the same section."""
    text = note.text
    if not ITEM_MARK.match(text, note.sentences[number].start):
        return None
    section = note.section_at(note.sentences[number].start)
    for above in range(number - 1, max(-1, number - 1 - _FURTHEST_LEAD), -1):
        span = note.sentences[above]
        if text[span.end - 1] == ":":
            return span if note.section_at(span.start) == section else None
        if not ITEM_MARK.match(text, span.start):
            return None
    return None


def _title(note: NoteText, number: int) -> Span | None:
    """The nearest line in capitals above, with no blank line between."""
    text = note.text
    for above in range(number - 1, max(-1, number - 1 - _FURTHEST_TITLE), -1):
        span, following = note.sentences[above], note.sentences[above + 1].start
        if text.count("\n", span.end, following) > 1:
            return None
        begins_line = not text[text.rfind("\n", 0, span.start) + 1 : span.start].strip()
        if begins_line and "\n" in text[span.end : following] and _is_title(text[slice(*span)]):
            return span
    return None


def _is_title(line: str) -> bool:
    return len(line) <= _LONGEST_TITLE and line.isupper() and "\n" not in line and not line.endswith(".")

"""What a rule asks of a place in a note. What is asked of the whole note, or of a sentence, is looked at once."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from medie_fhir.lexicon.rule import Tests
from medie_fhir.model import NoteText, Span

__all__ = ["Places"]

_EDGE = 160  # characters before a place in which its neighbours are sought


class Places:
    """The places of one note."""

    def __init__(self, note: NoteText) -> None:
        self._note = note
        self._found: dict[tuple[int, Span], bool] = {}

    @cached_property
    def _starts(self) -> list[int]:
        return [sentence.start for sentence in self._note.sentences]

    def open_to(self, tests: Tests) -> bool:
        """Whether the note as a whole is one in which a rule takes mentions."""
        whole = Span(0, len(self._note.text))
        return self._asked(tests.note, tests.not_note, whole)

    def widened(self, span: Span, tests: Tests) -> Span | None:
        """The mention that a candidate is, with what belongs to it; None where it is none."""
        text = self._note.text
        if tests.only_after and not tests.only_after.match(text, span.end):
            return None
        if not self._asked(tests.context, tests.not_context, self._sentence(span)):
            return None
        if tests.only_before and not _before(tests.only_before, text, span.start):
            return None
        start, end = span
        if tests.before and (match := _before(tests.before, text, start)):
            start = match.start()
        if tests.after and (match := tests.after.match(text, end)):
            end = match.end()
        wide = Span(start, end)
        return wide if start < end and self._stands(wide, tests) else None

    def _stands(self, span: Span, tests: Tests) -> bool:
        """Whether a rule takes a mention that stands there."""
        text, rule = self._note.text, tests.rule
        if tests.without and tests.without.fullmatch(text, *span):
            return False
        if tests.not_before and _before(tests.not_before, text, span.start):
            return False
        if tests.not_after and tests.not_after.match(text, span.end):
            return False
        if not rule.sections and not rule.not_sections:
            return True
        kind = self._note.section_at(span.start)
        return kind not in rule.not_sections and (not rule.sections or kind in rule.sections)

    def _asked(self, wanted: re.Pattern[str] | None, refused: re.Pattern[str] | None, within: Span) -> bool:
        """Whether a stretch holds what is wanted, and nothing that is refused."""
        return not (refused and self._holds(refused, within)) and (not wanted or self._holds(wanted, within))

    def _holds(self, pattern: re.Pattern[str], within: Span) -> bool:
        key = (id(pattern), within)  # a pattern's own hash reads all of it
        if key not in self._found:
            self._found[key] = bool(pattern.search(self._note.text, *within))
        return self._found[key]

    def _sentence(self, span: Span) -> Span:
        """The sentence in which a place stands; of a note without sentences, all of it."""
        if not self._starts:
            return Span(0, len(self._note.text))
        return self._note.sentences[max(0, bisect_right(self._starts, span.start) - 1)]


def _before(pattern: re.Pattern[str], text: str, end: int) -> re.Match[str] | None:
    """What a pattern matches directly before a place."""
    return pattern.search(text, max(0, end - _EDGE), end)

"""NoteText → the values that tables and grammars see, each where it stands.

The second reader, beside the model: it invents nothing, for what it gives stands in the note word for word; what the
note says of a value (negation, family, plan) is for grounding, as with the model's. Linear in the note's length.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from medie_fhir.lexicon.file import Lexicon, Rule, compiled
from medie_fhir.lexicon.vocabulary import Vocabulary
from medie_fhir.model import NoteText, RawValue, Span

__all__ = ["READER", "read_lexically"]

READER = "lexicon"
"""The reader's name in the values it sees."""

_EDGE = 160  # characters before and after a mention in which its neighbours are looked for


@dataclass(frozen=True, slots=True)
class _Mention:
    """A mention; ``also`` is what the note says once of it and others, outside of it."""

    span: Span
    confidence: float
    also: Span | None = None

    def value(self, text: str) -> str:
        """The mention's words, and the others, in the order of the text."""
        return " ".join(" ".join(text[slice(*s)] for s in sorted(s for s in (self.span, self.also) if s)).split())

    @property
    def window(self) -> Span:
        """Where all of it stands."""
        also = self.also or self.span
        return Span(min(self.span.start, also.start), max(self.span.end, also.end))


def read_lexically(note: NoteText, lexicon: Lexicon, vocabularies: Mapping[str, Vocabulary]) -> tuple[RawValue, ...]:
    """All that the lexicon sees in a note, field by field, in the order of the text.

    Of mentions of one field that overlap, the longest counts. ``vocabularies``: those of ``lexicon.tables``, by name.
    """
    named = {name: tuple(vocabularies[name].find(note.text)) for name in sorted(lexicon.tables)}
    return tuple(
        RawValue(
            field=field,
            value=mention.value(note.text),
            window=mention.window,
            reader=READER,
            confidence=mention.confidence,
        )
        for field, rules in lexicon.fields.items()
        for mention in _seen(note, rules, lexicon, named)
    )


def _seen(
    note: NoteText,
    rules: Sequence[Rule],
    lexicon: Lexicon,
    named: Mapping[str, Sequence],  # type: ignore[type-arg]
) -> Iterator[_Mention]:
    """The mentions of one field; those of the rules that count alone where the others have none."""
    for alone in (False, True):
        own = (rule for rule in rules if rule.only_alone is alone)
        if mentions := [m for rule in own for m in _mentions(note, rule, lexicon, named)]:
            return _longest(mentions)
    return iter(())


def _mentions(note: NoteText, rule: Rule, lexicon: Lexicon, named: Mapping[str, Sequence]) -> Iterator[_Mention]:  # type: ignore[type-arg]
    if rule.note and not compiled(lexicon.expanded(rule.note)).search(note.text):
        return
    if rule.not_note and compiled(lexicon.expanded(rule.not_note)).search(note.text):
        return
    test = _Test(note, rule, lexicon)
    for span, also in _candidates(note.text, rule, lexicon, named):
        if not test.stands(span):
            continue
        wide = test.widened(span)
        if wide.start < wide.end and test.holds(wide):
            yield _Mention(wide, rule.confidence, also)


def _candidates(
    text: str,
    rule: Rule,
    lexicon: Lexicon,
    named: Mapping[str, Sequence],  # type: ignore[type-arg]
) -> Iterator[tuple[Span, Span | None]]:
    if rule.table is not None:
        for term in named[rule.table]:
            if (not rule.kinds or term.kind in rule.kinds) and term.kind not in rule.not_kinds:
                yield Span(term.start, term.end), None
        return
    pattern = compiled(lexicon.expanded(rule.pattern or ""))
    group = "value" if "value" in pattern.groupindex else 0
    more = "also" in pattern.groupindex
    for match in pattern.finditer(text):
        if match[group]:
            yield Span(*match.span(group)), Span(*match.span("also")) if more and match["also"] else None


class _Test:
    """What a rule asks of a place in a note."""

    def __init__(self, note: NoteText, rule: Rule, lexicon: Lexicon) -> None:
        self.note, self.rule = note, rule
        self.about: dict[Span, bool] = {}

        def pattern(text: str | None, form: str = "{}") -> re.Pattern[str] | None:
            return None if text is None else compiled(form.format(f"(?:{lexicon.expanded(text)})"))

        self.only_before, self.only_after = pattern(rule.only_before, r"{}\Z"), pattern(rule.only_after)
        self.before, self.after = pattern(rule.before, r"{}\Z"), pattern(rule.after)
        self.not_before, self.not_after = pattern(rule.not_before, r"{}\Z"), pattern(rule.not_after)
        self.without = pattern(rule.without)
        self.context, self.not_context = pattern(rule.context), pattern(rule.not_context)

    def stands(self, span: Span) -> bool:
        """Whether what must stand directly before and after does."""
        text = self.note.text
        if self.only_after and not self.only_after.match(text, span.end):
            return False
        return not self.only_before or bool(self.only_before.search(text[max(0, span.start - _EDGE) : span.start]))

    def widened(self, span: Span) -> Span:
        """The mention with what belongs to it on either side."""
        text, start, end = self.note.text, span.start, span.end
        if self.before and (match := self.before.search(text[max(0, start - _EDGE) : start])):
            start -= len(match[0])
        if self.after and (match := self.after.match(text, end)):
            end = match.end()
        return Span(start, end)

    def holds(self, span: Span) -> bool:
        """Whether the rule takes a mention that stands there."""
        text, rule = self.note.text, self.rule
        if self.without and self.without.fullmatch(text[slice(*span)]):
            return False
        if self.not_before and self.not_before.search(text[max(0, span.start - _EDGE) : span.start]):
            return False
        if self.not_after and self.not_after.match(text, span.end):
            return False
        if rule.sections or rule.not_sections:
            kind = self.note.section_at(span.start)
            if kind in rule.not_sections or (rule.sections and kind not in rule.sections):
                return False
        return self._is_about(span)

    def _is_about(self, span: Span) -> bool:
        """Whether the sentence is one in which the rule takes a mention. Each is looked at once."""
        if self.context is None and self.not_context is None:
            return True
        sentence = _sentence(self.note, span)
        if sentence not in self.about:
            text = self.note.text
            refused = self.not_context is not None and bool(self.not_context.search(text, *sentence))
            found = self.context is None or bool(self.context.search(text, *sentence))
            self.about[sentence] = found and not refused
        return self.about[sentence]


def _sentence(note: NoteText, span: Span) -> Span:
    if not note.sentences:
        return Span(0, len(note.text))
    return note.sentences[max(0, bisect_right(note.sentences, span.start, key=lambda s: s.start) - 1)]


def _longest(mentions: list[_Mention]) -> Iterator[_Mention]:
    """Those that overlap no longer one, in the order of the text."""
    taken: list[_Mention] = []
    kept: list[Span] = []
    for mention in sorted(mentions, key=lambda m: (m.span.start - m.span.end, m.span.start, -m.confidence)):
        at = bisect_right(kept, mention.span)
        if at and kept[at - 1].end > mention.span.start:
            continue
        if at < len(kept) and kept[at].start < mention.span.end:
            continue
        kept.insert(at, mention.span)
        taken.append(mention)
    yield from sorted(taken, key=lambda m: m.span)
